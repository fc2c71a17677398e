"""Signed REST calls of a fake venue that list what was."""

from __future__ import annotations

import zlib
from decimal import Decimal
from typing import Any, Final

from arb.model import DAY_NS, ZERO

from ._floor import Floor, OrderBookkeeping
from ._forms import Query
from ._public import count, moment
from ._refusal import Refusal
from ._shapes import decimal, ms, trade_row

_WEEK_NS: Final = 7 * DAY_NS


class HistoryCalls:
    """Answers about the past, oldest first."""

    def __init__(self, floor: Floor, notes: OrderBookkeeping) -> None:
        self._floor = floor
        self._notes = notes
        if "opened" not in floor.memory:
            floor.memory["opened"] = {"ns": floor.now_ns}

    async def trades(self, query: Query) -> Any:
        """Answer `GET userTrades`: of one symbol, a week at most."""
        instrument = await self._floor.instrument(query.get("symbol"))
        begin_ns, end_ns = self._window(query)
        rows = [
            trade_row(one, instrument.symbol)
            for one in await self._floor.exchange.trading.fetch_fills(begin_ns)
            if one.instrument == instrument.id and one.ts_event_ns <= end_ns
        ]
        if query.get("orderId"):
            rows = [row for row in rows if row["orderId"] == int(query["orderId"])]
        return _page(rows, query, 500)

    async def income(self, query: Query) -> Any:
        """Answer `GET income`: every booking, or those of one kind or symbol."""
        begin_ns, end_ns = self._window(query)
        rows = [
            row
            for row in await self._bookings(begin_ns)
            if begin_ns // 1_000_000 <= row["time"] <= end_ns // 1_000_000
            and query.get("incomeType") in (None, "", row["incomeType"])
            and query.get("symbol") in (None, "", row["symbol"])
        ]
        return _page(sorted(rows, key=lambda row: row["time"]), query, 100)

    async def _bookings(self, begin_ns: int) -> list[dict[str, Any]]:
        trading = self._floor.exchange.trading
        rows = await self._deposits(begin_ns)
        for one in await trading.fetch_fills(begin_ns):
            symbol, number = await self._floor.symbol_of(one.instrument), int(one.fill_id)
            shared = (symbol, one.fee_currency, ms(one.ts_event_ns), number, str(number))
            if one.fee:
                rows.append(_booking("COMMISSION", -one.fee, *shared))
            if one.realized_pnl:
                rows.append(_booking("REALIZED_PNL", one.realized_pnl, *shared))
        for paid in await trading.fetch_funding_payments(begin_ns):
            symbol = await self._floor.symbol_of(paid.instrument)
            number = zlib.crc32(paid.payment_id.encode()) + ms(paid.settled_ns) * 1_000_000
            rows.append(_booking("FUNDING_FEE", paid.amount, symbol, paid.currency, ms(paid.settled_ns), number, ""))
        return rows

    async def _deposits(self, begin_ns: int) -> list[dict[str, Any]]:
        """Return the transfer of the day before, that the account began with: what is left without what it did."""
        moved_ns = self._floor.memory["opened"]["ns"] - DAY_NS
        if moved_ns < begin_ns:
            return []
        trading = self._floor.exchange.trading
        rows = []
        fills, payments = await trading.fetch_fills(0), await trading.fetch_funding_payments(0)
        for balance in await trading.fetch_balances():
            earned = sum(
                ((one.realized_pnl or ZERO) - one.fee for one in fills if one.fee_currency == balance.currency), ZERO
            )
            paid = sum((one.amount for one in payments if one.currency == balance.currency), ZERO)
            amount: Decimal = balance.cash - earned - paid
            if amount:
                rows.append(_booking("TRANSFER", amount, "", balance.currency, ms(moved_ns), 1, ""))
        return rows

    def _window(self, query: Query) -> tuple[int, int]:
        """Return what is asked for: by default the last week; raises Refusal for more than one."""
        begin_ns, end_ns = moment(query, "startTime"), moment(query, "endTime")
        now_ns = self._floor.now_ns
        if begin_ns is None:
            end_ns = now_ns if end_ns is None else end_ns
            return end_ns - _WEEK_NS, end_ns
        if end_ns is None:
            return begin_ns, min(now_ns, begin_ns + _WEEK_NS)
        if end_ns - begin_ns > _WEEK_NS:
            raise Refusal(-4165, "Invalid time interval, maximum is 7 days.")
        return begin_ns, end_ns


def _booking(
    kind: str, amount: Decimal, symbol: str, asset: str, time_ms: int, number: int, trade: str
) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "incomeType": kind,
        "income": decimal(amount),
        "asset": asset,
        "info": trade or kind,
        "time": time_ms,
        "tranId": number,
        "tradeId": trade,
    }


def _page(rows: list[dict[str, Any]], query: Query, usual: int) -> list[dict[str, Any]]:
    """Return the first rows from `startTime` on, the newest without one."""
    limit = count(query, "limit", usual, 1_000)
    return rows[:limit] if query.get("startTime") else rows[-limit:]
