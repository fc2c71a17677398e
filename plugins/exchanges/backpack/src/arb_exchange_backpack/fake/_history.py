"""Signed REST calls of the fake venue that list what was."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from arb.model import DAY_NS, MILLISECOND_NS, ZERO

from ._fit import QUOTE
from ._floor import Floor, OrderBookkeeping
from ._public import page
from ._shapes import decimal, fill, naive, past_order, payment

Query = Mapping[str, str]


class HistoryCalls:
    """Answers about the past: newest first unless it is asked for otherwise."""

    def __init__(self, floor: Floor, notes: OrderBookkeeping) -> None:
        self._floor = floor
        self._notes = notes
        if "opened" not in floor.memory:
            floor.memory["opened"] = {"ns": floor.now_ns}

    async def orders(self, query: Query) -> Any:
        """Answer `GET /wapi/v1/history/orders`."""
        reports = await self._floor.exchange.trading.fetch_orders(0)
        rows = []
        for report in sorted(reports, key=lambda one: int(one.exchange_order_id)):
            symbol = await self._floor.symbol_of(report.request.instrument)
            rows.append(past_order(report, symbol, self._notes.of(report)))
        wanted = query.get("orderId")
        return _chosen([row for row in rows if wanted in (None, row["id"])], query)

    async def fills(self, query: Query) -> Any:
        """Answer `GET /wapi/v1/history/fills`: at or after `from`, before `to`."""
        since_ns = int(query.get("from", "0")) * MILLISECOND_NS
        until_ns = int(query["to"]) * MILLISECOND_NS if "to" in query else None
        rows = []
        for one in await self._floor.exchange.trading.fetch_fills(since_ns):
            if until_ns is None or one.ts_event_ns < until_ns:
                symbol = await self._floor.symbol_of(one.instrument)
                rows.append(fill(one, symbol, self._notes.client_id(one.client_order_id)))
        wanted = query.get("orderId")
        rows = [row for row in rows if wanted in (None, row["orderId"])]
        if query.get("fillType") == "User":
            rows = [row for row in rows if row["systemOrderType"] is None]
        return _chosen(rows, query)

    async def funding(self, query: Query) -> Any:
        """Answer `GET /wapi/v1/history/funding`."""
        payments = await self._floor.exchange.trading.fetch_funding_payments(0)
        rows = [payment(one, await self._floor.symbol_of(one.instrument)) for one in payments]
        return _chosen(rows, query)

    async def deposits(self, query: Query) -> Any:
        """Answer `GET /wapi/v1/capital/deposits`: the one of the day before, that the account began with."""
        deposited_ns = self._floor.memory["opened"]["ns"] - DAY_NS
        if deposited_ns < int(query.get("from", "0")) * MILLISECOND_NS:
            return []
        amount = await self._deposit()
        row = {
            "id": 1,
            "toAddress": None,
            "fromAddress": None,
            "source": "administrator",
            "status": "confirmed",
            "transactionHash": None,
            "symbol": QUOTE,
            "quantity": decimal(amount),
            "createdAt": naive(deposited_ns),
            "fiatAmount": None,
            "fiatCurrency": None,
            "institutionBic": None,
            "platformMemo": None,
        }
        return page([row], query)

    async def _deposit(self) -> Decimal:
        """Return what the account began with: all that is left when what it did is taken back."""
        trading = self._floor.exchange.trading
        cash: Decimal = sum((each.cash for each in await trading.fetch_balances() if each.currency == QUOTE), ZERO)
        earned = sum(((one.realized_pnl or ZERO) - one.fee for one in await trading.fetch_fills(0)), ZERO)
        paid = sum((one.amount for one in await trading.fetch_funding_payments(0)), ZERO)
        return cash - earned - paid

    async def nothing(self, query: Query) -> Any:
        """Answer a list of which the ground has nothing: withdrawals, interest, borrowing."""
        return []


def _chosen(rows: list[dict[str, Any]], query: Query) -> list[dict[str, Any]]:
    rows = [row for row in rows if query.get("symbol") in (None, row["symbol"])]
    return page(rows if query.get("sortDirection") == "Asc" else rows[::-1], query)
