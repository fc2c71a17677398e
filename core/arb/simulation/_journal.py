"""The history of an account: every change in order, with the views clients ask for."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence

from arb.model import ClientOrderId, Fill, FundingPayment, Order

from ._codec import Record


class Journal:
    """Append-only records; an order appears again whenever the venue reports a change of it."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._orders: dict[ClientOrderId, Order] = {}
        self._fills: list[Fill] = []
        self._payments: list[FundingPayment] = []

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: Record) -> None:
        """Append one record."""
        self._records.append(record)
        if isinstance(record, Order):
            self._orders[record.request.client_order_id] = record
        elif isinstance(record, Fill):
            insort(self._fills, record, key=lambda fill: fill.ts_event_ns)
        else:
            # A payment whose rate was late is booked late but belongs to its settlement.
            insort(self._payments, record, key=lambda payment: payment.settled_ns)

    def records(self, start: int, end: int | None = None) -> Sequence[Record]:
        """Return the records from position `start` on."""
        return self._records[start:end]

    def order(self, client_order_id: ClientOrderId) -> Order | None:
        """Return the latest report of an order, None for an id never accepted."""
        return self._orders.get(client_order_id)

    def fills(self, since_ns: int) -> Sequence[Fill]:
        """Return fills at or after `since_ns`, oldest first."""
        return self._fills[bisect_left(self._fills, since_ns, key=lambda fill: fill.ts_event_ns) :]

    def payments(self, since_ns: int) -> Sequence[FundingPayment]:
        """Return payments settled at or after `since_ns`, oldest first."""
        return self._payments[bisect_left(self._payments, since_ns, key=lambda payment: payment.settled_ns) :]
