"""Answers of `/info` about the account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from arb.api import FakeGround
from arb.model import MILLISECOND_NS, ZERO, MarginMode, Order, Position

from . import _rows
from ._coins import Coin, Coins, Nothing
from ._rows import Row, ms, rounded, text
from ._state import FIRST_ACTIONS, State

FILL_ROWS: Final = 2_000
PAYMENT_ROWS: Final = 500
LATEST: Final = 10**15
POOLED: Final = ("unifiedAccount", "portfolioMargin")

Handler = Callable[[Mapping[str, Any]], Awaitable[Any]]


class AccountInfo:
    """Reads of the one account; an address other than its own has nothing.

    Attributes:
        handlers: By the type of the request.
    """

    def __init__(self, ground: FakeGround, state: State, coins: Coins) -> None:
        self._exchange = ground.exchange
        self._state = state
        self._coins = coins
        self.handlers: Mapping[str, Handler] = {
            "userRateLimit": self._rate_limit,
            "clearinghouseState": self._clearinghouse,
            "spotClearinghouseState": self._spot_balances,
            "activeAssetData": self._asset_data,
            "openOrders": self._open_orders,
            "frontendOpenOrders": self._frontend_orders,
            "historicalOrders": self._all_orders,
            "orderStatus": self._order,
            "userFills": self._newest_fills,
            "userFillsByTime": self._fills_by_time,
            "userFunding": self._payments,
        }

    async def fills(self, start_ms: int = 0, end_ms: int = LATEST) -> list[Row]:
        """Return the account's fills, oldest first."""
        rows = await self._exchange.trading.fetch_fills(0)
        written = _rows.fills(rows, self._coins.by_id, self._state)
        return [row for row in written if start_ms <= row["time"] <= end_ms]

    async def payments(self) -> list[Row]:
        """Return the account's payments as the stream writes them, oldest first."""
        rows = await self._exchange.trading.fetch_funding_payments(0)
        return [_rows.payment(row, self._coins.by_id[row.instrument]) for row in rows]

    async def traded(self) -> Decimal:
        """Return what the account has traded, US dollars."""
        return sum((one.price * one.quantity for one in await self._exchange.trading.fetch_fills(0)), ZERO)

    def placed_ms(self, orders: Sequence[Order]) -> dict[str, int]:
        """Return when each order was placed."""
        placed: dict[str, int] = self._state.placed
        for order in orders:
            placed.setdefault(order.request.client_order_id, ms(order.ts_event_ns))
        return placed

    async def _rate_limit(self, asked: Mapping[str, Any]) -> Any:
        traded = await self.traded() if self.is_account(asked) else ZERO
        used = self._state.count_actions(0) if self.is_account(asked) else 0
        return {
            "cumVlm": text(traded),
            "nRequestsUsed": used,
            "nRequestsCap": FIRST_ACTIONS + int(traded),
            "nRequestsSurplus": 0,
        }

    async def _clearinghouse(self, asked: Mapping[str, Any]) -> Any:
        dex = self._coins.dex_of(asked)
        if not self.is_account(asked):
            return _clearinghouse(ZERO, ZERO, ZERO, [], [], self._state.now_ms)
        account = await self._exchange.trading.fetch_account()
        positions = [one for one in account.positions if self._coins.by_id[one.instrument].dex == dex]
        (balance,) = account.balances
        rows = [_rows.position(one, self._coins.by_id[one.instrument]) for one in positions]
        is_home = not dex and self._state.abstraction not in POOLED
        equity, free = (balance.equity, balance.available) if is_home else (ZERO, ZERO)
        needed = (balance.maintenance_margin or ZERO) if not dex else ZERO
        return _clearinghouse(equity, free, needed, positions, rows, ms(balance.ts_event_ns))

    async def _spot_balances(self, asked: Mapping[str, Any]) -> Any:
        if not self.is_account(asked) or self._state.abstraction not in POOLED:
            return {"balances": []}
        (balance,) = await self._exchange.trading.fetch_balances()
        row = {
            "coin": balance.currency,
            "token": 0,
            "total": text(balance.equity),
            "hold": text(max(ZERO, balance.equity - balance.available)),
            "entryNtl": "0.0",
        }
        left = text(balance.equity - (balance.maintenance_margin or ZERO))
        return {"balances": [row], "tokenToAvailableAfterMaintenance": [[0, left]]}

    async def _asset_data(self, asked: Mapping[str, Any]) -> Any:
        coin = self._coins.coin_of(asked)
        if coin is None:
            raise Nothing
        leverage, mode = Decimal(20), MarginMode.CROSS
        free = ZERO
        if self.is_account(asked):
            leverage, mode = await self._exchange.trading.fetch_leverage(coin.instrument.id)
            (balance,) = await self._exchange.trading.fetch_balances()
            free = balance.available
        bbo = (await self._exchange.market.fetch_order_book(coin.instrument.id, 1)).bbo()
        most = rounded(free * leverage / bbo.mid_price) if bbo else "0.0"
        return {
            "user": asked["user"],
            "coin": coin.name,
            "leverage": {"type": mode.value, "value": int(leverage)},
            "maxTradeSzs": [most, most],
            "availableToTrade": [text(free), text(free)],
            "markPx": text(bbo.mid_price) if bbo else "0.0",
        }

    async def _open_orders(self, asked: Mapping[str, Any]) -> Any:
        return [_rows.basic_order(*each) for each in await self._resting(asked)]

    async def _frontend_orders(self, asked: Mapping[str, Any]) -> Any:
        return [_rows.full_order(*each) for each in await self._resting(asked)]

    async def _resting(self, asked: Mapping[str, Any]) -> list[tuple[Order, Coin, State, int]]:
        dex = self._coins.dex_of(asked)
        orders = await self._exchange.trading.fetch_open_orders() if self.is_account(asked) else []
        placed = self.placed_ms(orders)
        found = [(order, self._coins.by_id[order.request.instrument]) for order in orders]
        return [
            (order, coin, self._state, placed[order.request.client_order_id])
            for order, coin in found
            if coin.dex == dex
        ]

    async def _all_orders(self, asked: Mapping[str, Any]) -> Any:
        if not self.is_account(asked):
            return []
        orders = await self._exchange.trading.fetch_orders(0)
        placed = self.placed_ms(orders)
        return [self._reported(order, placed) for order in reversed(orders)][:FILL_ROWS]

    async def _order(self, asked: Mapping[str, Any]) -> Any:
        oid = asked["oid"]
        name = self._state.name_of_cloid(oid) if isinstance(oid, str) else self._state.name_of_oid(int(oid))
        orders = await self._exchange.trading.fetch_orders(0) if self.is_account(asked) else []
        placed = self.placed_ms(orders)
        for order in orders:
            if order.request.client_order_id == name:
                return {"status": "order", "order": self._reported(order, placed)}
        return {"status": "unknownOid"}

    def _reported(self, order: Order, placed: Mapping[str, int]) -> Row:
        coin = self._coins.by_id[order.request.instrument]
        row = _rows.full_order(order, coin, self._state, placed[order.request.client_order_id])
        return {"order": row, "status": _rows.status(order), "statusTimestamp": ms(order.ts_event_ns)}

    async def _newest_fills(self, asked: Mapping[str, Any]) -> Any:
        return (await self.fills())[::-1][:FILL_ROWS] if self.is_account(asked) else []

    async def _fills_by_time(self, asked: Mapping[str, Any]) -> Any:
        if not self.is_account(asked):
            return []
        return (await self.fills(int(asked["startTime"]), int(asked.get("endTime") or LATEST)))[:FILL_ROWS]

    async def _payments(self, asked: Mapping[str, Any]) -> Any:
        start_ms, end_ms = int(asked.get("startTime") or 0), int(asked.get("endTime") or LATEST)
        if not self.is_account(asked):
            return []
        rows = await self._exchange.trading.fetch_funding_payments(start_ms * MILLISECOND_NS)
        written = [_rows.listed_payment(row, self._coins.by_id[row.instrument]) for row in rows]
        return [row for row in written if start_ms <= row["time"] <= end_ms][:PAYMENT_ROWS]

    def is_account(self, asked: Mapping[str, Any]) -> bool:
        """Whether the address has the account; an API wallet's own has nothing."""
        role = self._state.roles.get(asked["user"].lower(), {"role": "missing"})
        return bool(role["role"] != "agent" and asked["user"].lower() == self._state.account)


def _clearinghouse(
    equity: Decimal, free: Decimal, needed: Decimal, positions: Sequence[Position], rows: Sequence[Row], time_ms: int
) -> Row:
    value = sum((abs(one.quantity) * one.mark_price for one in positions), ZERO)
    signed = sum((one.quantity * one.mark_price for one in positions), ZERO)
    used = sum((Decimal(row["position"]["marginUsed"]) for row in rows), ZERO)
    summary = {
        "accountValue": text(equity),
        "totalNtlPos": text(value),
        "totalRawUsd": text(equity - signed),
        "totalMarginUsed": text(used),
    }
    return {
        "marginSummary": summary,
        "crossMarginSummary": summary,
        "crossMaintenanceMarginUsed": text(needed),
        "withdrawable": text(max(ZERO, free)),
        "assetPositions": list(rows),
        "time": time_ms,
    }
