"""The venue's REST reads, each under the last part of its path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from arb.model import HOUR_NS, SECOND_NS

from ._curve import public_key
from ._desk import VenueDesk
from ._keys import ACCOUNT_INDEX, API_KEY_INDEX, L1_ADDRESS, PRIVATE_KEY, TIER
from ._refusals import Refused
from ._rows import QUOTE_ASSET, Row, book_row, details_row, funding_row, rate_rows, single_orders, symbol_of

Params = Mapping[str, str]
Route = Callable[[Params], Awaitable[Row]]
_EVERY_KEY: Final = 255
_MOST_FUNDINGS: Final = 100
_PAGE: Final = 100


class Routes:
    """Reads of the venue.

    Attributes:
        public: By path.
        private: By path; they need a token.
    """

    def __init__(self, desk: VenueDesk) -> None:
        self._desk = desk
        self.public: Mapping[str, Route] = {
            "orderBookDetails": self._details,
            "orderBooks": self._books,
            "orderBookOrders": self._orders_of_book,
            "recentTrades": self._recent_trades,
            "funding-rates": self._rates,
            "fundings": self._fundings,
            "exchangeStats": self._exchange_stats,
            "assetDetails": self._assets,
            "account": self._account,
            "accountsByL1Address": self._accounts,
            "apikeys": self._keys,
            "nextNonce": self._nonce,
            "tx": self._transaction,
            "candles": self._candles,
        }
        self.private: Mapping[str, Route] = {
            "accountLimits": self._limits,
            "accountActiveOrders": self._active_orders,
            "accountInactiveOrders": self._inactive_orders,
            "accountOrders": self._own_orders,
            "trades": self._trades,
            "positionFunding": self._payments,
        }

    async def _details(self, params: Params) -> Row:
        await self._desk.learn()
        stats = await self._desk.stats()
        rows = [
            details_row(one, market_id, stats.get(one.id))
            for market_id, one in (await self._desk.markets()).items()
            if params.get("market_id") in (None, "", "255", str(market_id))
        ]
        perps = [] if params.get("filter") == "spot" else rows
        return {"order_book_details": perps, "spot_order_book_details": []}

    async def _books(self, params: Params) -> Row:
        markets = (await self._desk.markets()).items()
        asked = (None, "", "255")
        rows = [book_row(one, number) for number, one in markets if params.get("market_id") in (*asked, str(number))]
        return {"order_books": [] if params.get("filter") == "spot" else rows}

    async def _orders_of_book(self, params: Params) -> Row:
        instrument = await self._desk.market(params.get("market_id"))
        limit = int(params.get("limit") or 0)
        if not 1 <= limit <= 250:
            raise Refused(20001, "invalid param : limit")
        return single_orders(await self._desk.exchange.market.fetch_order_book(instrument.id, limit), limit)

    async def _recent_trades(self, params: Params) -> Row:
        instrument = await self._desk.market(params.get("market_id"))
        rows = self._desk.memory.trades_of(self._desk.number(instrument.id))
        return {"trades": list(reversed(rows))[: int(params.get("limit") or _PAGE)]}

    async def _rates(self, params: Params) -> Row:
        markets, rates = await self._desk.markets(), await self._desk.rates()
        rows = [
            row
            for market_id, one in markets.items()
            if one.id in rates
            for row in rate_rows(rates[one.id], symbol_of(one), market_id)
        ]
        return {"funding_rates": rows}

    async def _fundings(self, params: Params) -> Row:
        instrument = await self._desk.market(params.get("market_id"))
        start_ns, end_ns = (int(params[name]) * SECOND_NS for name in ("start_timestamp", "end_timestamp"))
        history = await self._desk.exchange.market.fetch_funding_history(instrument.id, start_ns, end_ns + 1)
        stats = (await self._desk.stats()).get(instrument.id)
        index = (stats and stats.index_price) or Decimal(0)
        rows = [funding_row(rate, index) for rate in history]
        return {"resolution": params.get("resolution", "1h"), "fundings": rows[-_MOST_FUNDINGS:]}

    async def _exchange_stats(self, params: Params) -> Row:
        rows = (await self._details({}))["order_book_details"]
        names = (
            *("symbol", "last_trade_price", "daily_trades_count", "daily_base_token_volume"),
            *("daily_quote_token_volume", "daily_price_change"),
        )
        return {
            "total": len(rows),
            "order_book_stats": [{name: row[name] for name in names} for row in rows],
            "daily_usd_volume": sum(row["daily_quote_token_volume"] for row in rows),
            "daily_trades_count": 0,
        }

    async def _assets(self, params: Params) -> Row:
        rate = (await self._desk.exchange.market.fetch_fx_rates()).get("USDC")
        return {
            "asset_details": [
                {
                    "asset_id": QUOTE_ASSET,
                    "symbol": "USDC",
                    "l1_decimals": 6,
                    "decimals": 6,
                    "min_transfer_amount": "1.000000",
                    "min_withdrawal_amount": "1.000000",
                    "margin_mode": "enabled",
                    "index_price": "" if rate is None else f"{rate:f}",
                    "l1_address": "",
                    "global_supply_cap": "0",
                    "liquidation_fee": "0",
                    "liquidation_threshold": "0",
                    "loan_to_value": "0",
                    "price_decimals": 6,
                    "total_supplied": "0",
                    "user_supply_cap": "0",
                    "liquidation_factor": "0",
                    "multiplier": "1",
                }
            ]
        }

    async def _account(self, params: Params) -> Row:
        asked = (params.get("by"), params.get("value"))
        if asked not in (("index", str(ACCOUNT_INDEX)), ("l1_address", L1_ADDRESS)):
            raise Refused(21100, "account not found")
        return {"total": 1, "accounts": [await self._desk.account()]}

    async def _accounts(self, params: Params) -> Row:
        if params.get("l1_address", "").lower() != L1_ADDRESS:
            raise Refused(21100, "account not found")
        account = await self._desk.account()
        names = (
            *("code", "account_type", "index", "l1_address", "cancel_all_time", "total_order_count"),
            *("total_isolated_order_count", "pending_order_count", "available_balance", "status", "collateral"),
            *("transaction_time", "account_trading_mode"),
        )
        return {"l1_address": L1_ADDRESS, "sub_accounts": [{name: account[name] for name in names}]}

    async def _keys(self, params: Params) -> Row:
        slot = int(params.get("api_key_index") or _EVERY_KEY)
        if params.get("account_index") != str(ACCOUNT_INDEX) or slot not in (_EVERY_KEY, API_KEY_INDEX):
            raise Refused(21109, "api key not found")
        key = {
            "account_index": ACCOUNT_INDEX,
            "api_key_index": API_KEY_INDEX,
            "nonce": self._desk.memory.nonces[API_KEY_INDEX],
            "public_key": public_key(bytes.fromhex(PRIVATE_KEY)).hex(),
            "transaction_time": 0,
        }
        return {"api_keys": [key]}

    async def _nonce(self, params: Params) -> Row:
        if params.get("account_index") != str(ACCOUNT_INDEX) or params.get("api_key_index") != str(API_KEY_INDEX):
            raise Refused(21109, "api key not found")
        return {"nonce": self._desk.memory.nonces[API_KEY_INDEX]}

    async def _transaction(self, params: Params) -> Row:
        row = self._desk.memory.transactions.get(params.get("value", ""))
        if params.get("by") != "hash" or row is None:
            raise Refused(21500, "transaction not found")
        return row

    async def _candles(self, params: Params) -> Row:
        await self._desk.market(params.get("market_id"))
        return {"r": params.get("resolution", "1h"), "c": []}

    async def _limits(self, params: Params) -> Row:
        fees = next(iter((await self._desk.markets()).values())).fees
        return {
            "max_llp_percentage": 25,
            "user_tier": TIER,
            "can_create_public_pool": False,
            "max_llp_amount": "0",
            "current_maker_fee_tick": int(fees.maker * 1_000_000),
            "current_taker_fee_tick": int(fees.taker * 1_000_000),
            "effective_lit_stakes": "0",
            "leased_lit": "0",
            "user_tier_name": TIER,
            "user_tier_last_update": 0,
            "bo_user_tier_name": "",
            "bo_fee_rate": 1,
        }

    async def _active_orders(self, params: Params) -> Row:
        rows = await self._desk.open_rows()
        wanted = params.get("market_id")
        return {"orders": [row for row in rows if wanted in (None, "", "255", str(row["market_index"]))]}

    async def _inactive_orders(self, params: Params) -> Row:
        rows = [row for row in await self._desk.all_rows(0) if row["status"] != "open"]
        rows.sort(key=lambda row: (-int(row["transaction_time"]), -int(row["order_index"])))
        return _page(rows, params, "orders")

    async def _own_orders(self, params: Params) -> Row:
        wanted = {int(each) for each in params.get("client_order_indexes", "").split(",") if each}
        if not 0 < len(wanted) <= 20:
            raise Refused(20001, "invalid param : client_order_indexes")
        since_ns = self._desk.now_ns - 24 * HOUR_NS
        rows = {row["order_index"]: row for row in await self._desk.all_rows(max(0, since_ns))}
        rows.update((row["order_index"], row) for row in await self._desk.open_rows())
        return {"orders": [row for row in rows.values() if row["client_order_index"] in wanted]}

    async def _trades(self, params: Params) -> Row:
        fills = await self._desk.exchange.trading.fetch_fills(0)
        rows = await self._desk.trade_rows(list(fills))
        rows.sort(key=lambda row: (row["transaction_time"], row["trade_id"]), reverse=params.get("sort_dir") != "asc")
        return _page(rows, params, "trades")

    async def _payments(self, params: Params) -> Row:
        return _page(await self._desk.payment_rows(0), params, "position_fundings")


def _page(rows: list[Any], params: Params, name: str) -> Row:
    """Return the rows from the cursor on."""
    try:
        limit, start = int(params["limit"]), int(params.get("cursor") or 0)
    except (KeyError, ValueError):
        raise Refused(20001, "invalid param : limit") from None
    if not 1 <= limit <= _PAGE:
        raise Refused(20001, "invalid param : limit")
    more = start + limit < len(rows)
    return {name: rows[start : start + limit], "next_cursor": str(start + limit) if more else ""}
