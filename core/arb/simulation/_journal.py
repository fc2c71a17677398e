"""The history of an account: every change in order, with the views clients ask for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from arb.model import ZERO, ClientOrderId, Fill, FundingPayment, InstrumentId, Order

from ._account import Account
from ._codec import Record


class Held(NamedTuple):
    """A position after a fill: signed contracts and the sum of signed quantity x price of what is open."""

    ts_ns: int
    quantity: Decimal
    cost: Decimal


class Journal:
    """Append-only records; an order appears again whenever the venue reports a change of it.

    Reports and fills come in the order of their times, payments may be late.
    """

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._reports: dict[ClientOrderId, list[Order]] = {}
        self._resting: list[Order] = []
        self._fills: list[Fill] = []
        self._account = Account({})
        self._held: dict[InstrumentId, list[Held]] = {}
        self._payments: list[FundingPayment] = []

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: Record) -> None:
        """Append one record."""
        self._records.append(record)
        if isinstance(record, Order):
            self._add_report(record)
        elif isinstance(record, Fill):
            insort(self._fills, record, key=lambda fill: fill.ts_event_ns)
            self._add_holding(record)
        else:
            # A payment whose rate was late is booked late but belongs to its settlement.
            insort(self._payments, record, key=lambda payment: payment.settled_ns)

    def records(self, start: int, end: int | None = None) -> Sequence[Record]:
        """Return the records from position `start` on."""
        return self._records[start:end]

    def order(self, client_order_id: ClientOrderId) -> Order | None:
        """Return the latest report of an order, None for an id never accepted."""
        reports = self._reports.get(client_order_id)
        return reports[-1] if reports else None

    def orders(self, since_ns: int) -> list[Order]:
        """Return the latest report of every order that changed at or after `since_ns`, as they came."""
        latest = (reports[-1] for reports in self._reports.values())
        return [order for order in latest if order.ts_event_ns >= since_ns]

    def order_at(self, client_order_id: ClientOrderId, ts_ns: int) -> Order | None:
        """Return the latest report of an order at or before `ts_ns`, None before the first."""
        reports = self._reports.get(client_order_id, [])
        place = bisect_right(reports, ts_ns, key=lambda report: report.ts_event_ns)
        return reports[place - 1] if place else None

    def open_orders_at(self, ts_ns: int) -> list[Order]:
        """Return what rested at `ts_ns`, after everything of that instant, oldest first."""
        known = bisect_right(self._resting, ts_ns, key=lambda report: report.ts_event_ns)
        reports = (self.order_at(first.request.client_order_id, ts_ns) for first in self._resting[:known])
        return [report for report in reports if report is not None and not report.status.is_final]

    def fills(self, since_ns: int, until_ns: int | None = None) -> Sequence[Fill]:
        """Return fills at or after `since_ns` and at or before `until_ns`, oldest first."""
        first = bisect_left(self._fills, since_ns, key=lambda fill: fill.ts_event_ns)
        if until_ns is None:
            return self._fills[first:]
        return self._fills[first : bisect_right(self._fills, until_ns, key=lambda fill: fill.ts_event_ns)]

    def held_at(self, ts_ns: int) -> dict[InstrumentId, Held]:
        """Return the open positions after the fills at or before `ts_ns`, by instrument."""
        held = {}
        for instrument, rows in sorted(self._held.items()):
            place = bisect_right(rows, ts_ns, key=lambda row: row.ts_ns)
            if place and rows[place - 1].quantity:
                held[instrument] = rows[place - 1]
        return held

    def payments(self, since_ns: int) -> Sequence[FundingPayment]:
        """Return payments settled at or after `since_ns`, oldest first."""
        return self._payments[bisect_left(self._payments, since_ns, key=lambda payment: payment.settled_ns) :]

    def _add_report(self, order: Order) -> None:
        reports = self._reports.setdefault(order.request.client_order_id, [])
        if not reports and not order.status.is_final:
            self._resting.append(order)
        reports.append(order)

    def _add_holding(self, fill: Fill) -> None:
        self._account.fill(fill.instrument, fill.side, fill.price, fill.quantity, None)
        holding = self._account.holdings.get(fill.instrument)
        row = Held(fill.ts_event_ns, holding.quantity if holding else ZERO, holding.cost if holding else ZERO)
        self._held.setdefault(fill.instrument, []).append(row)
