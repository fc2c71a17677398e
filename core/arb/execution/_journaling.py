"""Writing to the journal and telling observers afterwards, in that order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from arb.model import Event, Hedge, OrderRecord
from arb.storage import Journal

Notify = Callable[[Event], None]


class Recorder:
    """One transaction for each step of execution; events reach observers after it is durable."""

    def __init__(self, journal: Journal, notify: Notify) -> None:
        self.journal = journal
        self._notify = notify

    async def hedge(self, hedge: Hedge, orders: Sequence[OrderRecord] = (), *, events: Sequence[Event] = ()) -> None:
        """Store a hedge and orders of it together."""
        async with self.journal.transaction() as tx:
            await tx.put_hedge(hedge)
            for record in orders:
                await tx.put_order(record)
            await tx.add_events(events)
        self._tell(events)

    async def orders(self, orders: Sequence[OrderRecord], *, events: Sequence[Event] = ()) -> None:
        """Store orders together."""
        async with self.journal.transaction() as tx:
            for record in orders:
                await tx.put_order(record)
            await tx.add_events(events)
        self._tell(events)

    async def events(self, events: Sequence[Event]) -> None:
        """Store events."""
        async with self.journal.transaction() as tx:
            await tx.add_events(events)
        self._tell(events)

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            self._notify(event)
