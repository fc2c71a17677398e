"""Answers of `/info`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from arb.api import FakeGround
from arb.model import MILLISECOND_NS, FundingRate, MarketStats

from . import _rows
from ._account_info import LATEST, PAYMENT_ROWS, AccountInfo, Handler
from ._coins import Coin, Coins, Unreadable
from ._keys import MASTER_ADDRESS
from ._rows import Row, ms, text
from ._state import State

_SPOT_TOKENS: Final = (
    ("USDC", 8, 8, "0x6d1e7cde53ba9467b783cb7c530ce054"),
    ("PURR", 0, 5, "0xc1fb593aeffbeb02f85e0308e9956a90"),
)
_SPOT_STATE: Final = {
    "dayNtlVlm": "1000.0",
    "markPx": "0.1",
    "midPx": "0.1",
    "prevDayPx": "0.1",
    "circulatingSupply": "1000000.0",
    "coin": "PURR/USDC",
    "totalSupply": "1000000.0",
    "dayBaseVlm": "10000.0",
}


class Info:
    """Reads; an address other than the account's has nothing."""

    def __init__(self, ground: FakeGround, state: State, coins: Coins) -> None:
        self._exchange = ground.exchange
        self._state = state
        self._coins = coins
        self.account = AccountInfo(ground, state, coins)
        self._handlers: Mapping[str, Handler] = {
            "meta": self._meta,
            "allPerpMetas": self._all_metas,
            "perpDexs": self._dexes,
            "metaAndAssetCtxs": self._states,
            "spotMeta": self._spot_meta,
            "spotMetaAndAssetCtxs": self._spot_states,
            "predictedFundings": self._predicted,
            "fundingHistory": self._history,
            "allMids": self._mids,
            "l2Book": self._book,
            "recentTrades": self._nobodys_list,
            "candleSnapshot": self._nobodys_list,
            "exchangeStatus": self._status,
            "userRole": self._role,
            "userAbstraction": self._abstraction,
            "userDexAbstraction": self._dex_abstraction,
            "extraAgents": self._agents,
            "userFees": self._fees,
            "maxBuilderFee": self._builder_fee,
            "userNonFundingLedgerUpdates": self._nobodys_list,
            **self.account.handlers,
            "subAccounts": self._no_sub_accounts,
            "userVaultEquities": self._nobodys_list,
        }

    async def answer(self, asked: Any) -> Any:
        """Answer a request; raises Unreadable, Nothing, and what the ground raises."""
        handler = self._handlers.get(str(asked.get("type"))) if isinstance(asked, Mapping) else None
        if handler is None:
            raise Unreadable
        await self._coins.learn(anew=asked["type"] in ("meta", "metaAndAssetCtxs"))
        try:
            return await handler(asked)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unreadable from error

    async def coin_state(self, coin: Coin) -> Row:
        """Return the state of one coin."""
        rows = {each.instrument: each for each in await self._exchange.market.fetch_stats()}
        rates = {each.instrument: each for each in await self._exchange.market.fetch_funding_rates()}
        return await self._coin_state(coin, rows, rates)

    async def _meta(self, asked: Mapping[str, Any]) -> Any:
        return self._coins.meta(self._coins.dex_of(asked))

    async def _all_metas(self, asked: Mapping[str, Any]) -> Any:
        return [self._coins.meta(dex) for dex in self._coins.dexes]

    async def _dexes(self, asked: Mapping[str, Any]) -> Any:
        rows = [{"name": dex, "fullName": dex.upper(), "deployer": MASTER_ADDRESS} for dex in self._coins.dexes[1:]]
        return [None, *rows]

    async def _states(self, asked: Mapping[str, Any]) -> Any:
        meta = self._coins.meta(self._coins.dex_of(asked))
        stats = {each.instrument: each for each in await self._exchange.market.fetch_stats()}
        rates = {each.instrument: each for each in await self._exchange.market.fetch_funding_rates()}
        rows = []
        for row in meta["universe"]:
            coin = self._coins.by_name.get(row["name"])
            rows.append(_rows.GONE_STATE if coin is None else await self._coin_state(coin, stats, rates))
        return [meta, rows]

    async def _coin_state(self, coin: Coin, stats: Mapping[Any, MarketStats], rates: Mapping[Any, FundingRate]) -> Row:
        name = coin.instrument.id
        book = await self._exchange.market.fetch_order_book(name, 1) if coin.is_open else None
        rate = rates.get(name)
        return _rows.state(stats.get(name), None if rate is None else rate.per_hour, book)

    async def _spot_meta(self, asked: Mapping[str, Any]) -> Any:
        tokens = [
            {
                "name": name,
                "szDecimals": decimals,
                "weiDecimals": wei,
                "index": index,
                "tokenId": token,
                "isCanonical": True,
                "evmContract": None,
                "fullName": None,
            }
            for index, (name, decimals, wei, token) in enumerate(_SPOT_TOKENS)
        ]
        return {
            "tokens": tokens,
            "universe": [{"name": "PURR/USDC", "tokens": [1, 0], "index": 0, "isCanonical": True}],
        }

    async def _spot_states(self, asked: Mapping[str, Any]) -> Any:
        return [await self._spot_meta(asked), [_SPOT_STATE]]

    async def _predicted(self, asked: Mapping[str, Any]) -> Any:
        rows = []
        for rate in await self._exchange.market.fetch_funding_rates():
            coin = self._coins.by_id[rate.instrument]
            told = {
                "fundingRate": text(rate.per_hour),
                "nextFundingTime": ms(rate.next_funding_ns or 0),
                "fundingIntervalHours": 1,
            }
            rows.append([coin.name, [["BinPerp", None], ["HlPerp", told], ["BybitPerp", None]]])
        return rows

    async def _history(self, asked: Mapping[str, Any]) -> Any:
        coin = self._coins.coin_of(asked)
        start_ns = int(asked["startTime"]) * MILLISECOND_NS
        end_ns = (int(asked.get("endTime") or LATEST) + 1) * MILLISECOND_NS
        if coin is None:
            return []
        rates = await self._exchange.market.fetch_funding_history(coin.instrument.id, start_ns, end_ns)
        return [
            {
                "coin": coin.name,
                "fundingRate": text(rate.rate),
                "premium": text(rate.rate),
                "time": ms(rate.ts_event_ns),
            }
            for rate in rates[:PAYMENT_ROWS]
        ]

    async def _mids(self, asked: Mapping[str, Any]) -> Any:
        mids = {}
        for coin in self._coins.of_dex(self._coins.dex_of(asked)):
            if coin.is_open and (bbo := (await self._exchange.market.fetch_order_book(coin.instrument.id, 1)).bbo()):
                mids[coin.name] = text(bbo.mid_price)
        return mids

    async def _book(self, asked: Mapping[str, Any]) -> Any:
        coin = self._coins.coin_of(asked)
        if coin is None:
            return {"coin": asked["coin"], "time": self._state.now_ms, "levels": [[], []]}
        return _rows.book(await self._exchange.market.fetch_order_book(coin.instrument.id, _rows.LEVELS), coin)

    async def _nobodys_list(self, asked: Mapping[str, Any]) -> Any:
        return []

    async def _no_sub_accounts(self, asked: Mapping[str, Any]) -> Any:
        return None

    async def _status(self, asked: Mapping[str, Any]) -> Any:
        return {"time": self._state.now_ms, "specialStatuses": None}

    async def _role(self, asked: Mapping[str, Any]) -> Any:
        return self._state.roles.get(asked["user"].lower(), {"role": "missing"})

    async def _abstraction(self, asked: Mapping[str, Any]) -> Any:
        return self._state.abstraction if self.account.is_account(asked) else "default"

    async def _dex_abstraction(self, asked: Mapping[str, Any]) -> Any:
        return self._state.abstraction == "dexAbstraction"

    async def _agents(self, asked: Mapping[str, Any]) -> Any:
        user = asked["user"].lower()
        agents = [name for name, role in self._state.roles.items() if role.get("data", {}).get("user") == user]
        return [{"name": "arb", "address": agent, "validUntil": self._state.now_ms + 10**10} for agent in agents]

    async def _fees(self, asked: Mapping[str, Any]) -> Any:
        fees = next(iter(self._coins.by_name.values())).instrument.fees
        schedule = {
            "cross": text(fees.taker),
            "add": text(fees.maker),
            "spotCross": "0.0007",
            "spotAdd": "0.0004",
            "tiers": {"vip": [], "mm": []},
            "referralDiscount": "0.04",
            "stakingDiscountTiers": [],
        }
        return {
            "dailyUserVlm": [],
            "feeSchedule": schedule,
            "userCrossRate": text(fees.taker),
            "userAddRate": text(fees.maker),
            "userSpotCrossRate": "0.0007",
            "userSpotAddRate": "0.0004",
            "activeReferralDiscount": "0.0",
            "trial": None,
            "feeTrialReward": "0.0",
            "nextTrialAvailableTimestamp": None,
            "stakingLink": None,
            "activeStakingDiscount": {"bpsOfMaxSupply": "0.0", "discount": "0.0"},
        }

    async def _builder_fee(self, asked: Mapping[str, Any]) -> Any:
        return 0
