"""Signed REST calls of a fake venue that read an account, and set what it has."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from arb.model import ZERO, Balance, Instrument, MarginMode, Position

from ._floor import Floor
from ._forms import Query
from ._refusal import Refusal, missing
from ._rules import FakeRules
from ._shapes import brackets_row, cents, decimal, position_row, settings_row

_MODES: Final = {"CROSSED": MarginMode.CROSS, "ISOLATED": MarginMode.ISOLATED}
_OK: Final = {"code": 200, "msg": "success"}


class AccountCalls:
    """Answers for the account."""

    def __init__(self, floor: Floor, rules: FakeRules) -> None:
        self._floor = floor
        self._rules = rules
        self._modes: dict[str, bool] = floor.memory.setdefault("modes", {"dual": False, "multi": False})

    async def positions(self, query: Query) -> Any:
        """Answer `positionRisk`: flat symbols only where the venue lists them, or where something rests."""
        rows = await self.position_rows(query, with_flat=self._rules.dialect.positions_tell_settings)
        return rows if self._rules.dialect.positions_tell_settings else [_bare(row) for row in rows]

    async def positions_with_settings(self, query: Query) -> Any:
        """Answer an older `positionRisk`, which lists every symbol with its leverage."""
        return await self.position_rows(query, with_flat=True)

    async def position_rows(self, query: Query, *, with_flat: bool) -> list[dict[str, Any]]:
        """Return rows of positions with what is set for their symbols."""
        trading = self._floor.exchange.trading
        held: dict[Any, Position] = {each.instrument: each for each in await trading.fetch_positions()}
        resting = {each.request.instrument for each in await trading.fetch_open_orders()}
        rows = []
        for instrument in await self._floor.chosen(query.get("symbol")):
            if with_flat or instrument.id in held or instrument.id in resting:
                leverage, mode = await trading.fetch_leverage(instrument.id)
                row = position_row(held.get(instrument.id), instrument, update_ms=self._floor.now_ms)
                word = "isolated" if mode is MarginMode.ISOLATED else "cross"
                rows.append({**row, "leverage": decimal(leverage), "marginType": word, "isAutoAddMargin": "false"})
        return rows

    async def settings(self, query: Query) -> Any:
        """Answer `symbolConfig`."""
        trading = self._floor.exchange.trading
        return [
            settings_row(each, *await trading.fetch_leverage(each.id))
            for each in await self._floor.chosen(query.get("symbol"))
        ]

    async def account(self, query: Query) -> Any:
        """Answer `account`: the assets, and the positions in short."""
        account = await self._floor.exchange.trading.fetch_account()
        listed = {each.id: each for each in (await self._floor.listed()).values()}
        held = list(account.positions)
        assets = [_asset(each, held, listed, self._floor.now_ms) for each in account.balances]
        names = ("walletBalance", "unrealizedProfit", "marginBalance", "maintMargin", "initialMargin")
        totals = {name: sum((Decimal(row[name]) for row in assets), ZERO) for name in names}
        available = sum((Decimal(row["availableBalance"]) for row in assets), ZERO)
        return {
            "totalInitialMargin": cents(totals["initialMargin"]),
            "totalMaintMargin": cents(totals["maintMargin"]),
            "totalWalletBalance": cents(totals["walletBalance"]),
            "totalUnrealizedProfit": cents(totals["unrealizedProfit"]),
            "totalMarginBalance": cents(totals["marginBalance"]),
            "totalPositionInitialMargin": cents(totals["initialMargin"]),
            "totalOpenOrderInitialMargin": "0",
            "totalCrossWalletBalance": cents(totals["walletBalance"]),
            "totalCrossUnPnl": cents(totals["unrealizedProfit"]),
            "availableBalance": cents(available),
            "maxWithdrawAmount": cents(available),
            "assets": assets,
            "positions": [position_row(each, listed[each.instrument], update_ms=self._floor.now_ms) for each in held],
        }

    async def balance(self, query: Query) -> Any:
        """Answer `balance`."""
        assets = (await self.account(query))["assets"]
        return [
            {
                "accountAlias": "SgsR",
                "asset": row["asset"],
                "balance": row["walletBalance"],
                "crossWalletBalance": row["crossWalletBalance"],
                "crossUnPnl": row["crossUnPnl"],
                "availableBalance": row["availableBalance"],
                "maxWithdrawAmount": row["maxWithdrawAmount"],
                "marginAvailable": True,
                "updateTime": row["updateTime"],
            }
            for row in assets
        ]

    async def brackets(self, query: Query) -> Any:
        """Answer `leverageBracket`: one object for one symbol, a list for all."""
        rows = [brackets_row(each) for each in await self._floor.chosen(query.get("symbol"))]
        return rows[0] if query.get("symbol") else rows

    async def commission_rate(self, query: Query) -> Any:
        """Answer `commissionRate`."""
        instrument = await self._floor.instrument(query.get("symbol"))
        return {
            "symbol": instrument.symbol,
            "makerCommissionRate": decimal(instrument.fees.maker),
            "takerCommissionRate": decimal(instrument.fees.taker),
        }

    async def set_leverage(self, query: Query) -> Any:
        """Answer `POST leverage`."""
        instrument = await self._floor.instrument(query.get("symbol"))
        text = query.get("leverage", "")
        if not (text.isascii() and text.isdigit()):
            raise missing("leverage")
        trading = self._floor.exchange.trading
        _, mode = await trading.fetch_leverage(instrument.id)
        if not 1 <= int(text) <= instrument.margin_tiers[0].max_leverage:
            raise Refusal(-4028, f"Leverage {text} is not valid")
        await trading.set_leverage(instrument.id, Decimal(text), mode)
        return {"leverage": int(text), "maxNotionalValue": "1000000", "symbol": instrument.symbol}

    async def set_margin_type(self, query: Query) -> Any:
        """Answer `POST marginType`."""
        instrument = await self._floor.instrument(query.get("symbol"))
        wanted = _MODES.get(query.get("marginType", ""))
        if wanted is None:
            raise missing("marginType")
        trading = self._floor.exchange.trading
        leverage, mode = await trading.fetch_leverage(instrument.id)
        if mode is wanted:
            raise Refusal(-4046, "No need to change margin type.")
        if any(each.request.instrument == instrument.id for each in await trading.fetch_open_orders()):
            raise Refusal(-4047, "Margin type cannot be changed if there exists open orders.")
        if any(each.instrument == instrument.id for each in await trading.fetch_positions()):
            raise Refusal(-4048, "Margin type cannot be changed if there exists position.")
        await trading.set_leverage(instrument.id, leverage, wanted)
        return _OK

    async def position_mode(self, query: Query) -> Any:
        """Answer `GET positionSide/dual`."""
        return {"dualSidePosition": self._modes["dual"]}

    async def set_position_mode(self, query: Query) -> Any:
        """Answer `POST positionSide/dual`: a client may ask for what is set; hedge mode has no ground here."""
        return self._set_mode("dual", query.get("dualSidePosition", ""), -4059, "No need to change position side.")

    async def multi_assets(self, query: Query) -> Any:
        """Answer `GET multiAssetsMargin`."""
        return {"multiAssetsMargin": self._modes["multi"]}

    async def set_multi_assets(self, query: Query) -> Any:
        """Answer `POST multiAssetsMargin`."""
        return self._set_mode("multi", query.get("multiAssetsMargin", ""), -4171, "No need to change margin mode.")

    def _set_mode(self, name: str, value: str, same: int, text: str) -> Any:
        wanted = value.lower() == "true"
        if self._modes[name] == wanted:
            raise Refusal(same, text)
        self._modes[name] = wanted
        return _OK


def _bare(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("leverage", "marginType", "isAutoAddMargin")}


def _asset(balance: Balance, held: list[Position], listed: dict[Any, Instrument], now_ms: int) -> dict[str, Any]:
    mine = [each for each in held if listed[each.instrument].quote == balance.currency]
    # Each position's profit has eight digits, and their sum is the account's.
    profit = sum((Decimal(cents(each.unrealized_pnl)) for each in mine), ZERO)
    initial = sum((abs(each.quantity) * each.mark_price / (each.leverage or 1) for each in mine), ZERO)
    return {
        "asset": balance.currency,
        "walletBalance": cents(balance.cash),
        "unrealizedProfit": cents(profit),
        "marginBalance": cents(balance.cash + profit),
        "maintMargin": cents(balance.maintenance_margin or ZERO),
        "initialMargin": cents(initial),
        "positionInitialMargin": cents(initial),
        "openOrderInitialMargin": "0",
        "crossWalletBalance": cents(balance.cash),
        "crossUnPnl": cents(profit),
        "availableBalance": cents(max(ZERO, balance.available)),
        "maxWithdrawAmount": cents(max(ZERO, balance.available)),
        "marginAvailable": True,
        "updateTime": now_ms,
    }
