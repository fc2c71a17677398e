"""Writing to the journal and telling observers afterwards, in that order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from arb.api import Clock
from arb.model import Event, EventKind, Hedge, OrderRecord, Severity
from arb.storage import Journal, JournalTransaction

Notify = Callable[[Event], None]


class Recorder:
    """One transaction for each step of a run; events reach observers after it is durable.

    Each stores the run's time too: a virtual clock that continues never begins before what it did.
    """

    def __init__(self, journal: Journal, clock: Clock, notify: Notify) -> None:
        self.journal = journal
        self._clock = clock
        self._notify = notify

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[JournalTransaction]:
        """Begin a transaction of the journal that stores the time on commit."""
        async with self.journal.transaction() as tx:
            yield tx
            await tx.save_clock(self._clock.now_ns())

    async def hedge(self, hedge: Hedge, orders: Sequence[OrderRecord] = (), *, events: Sequence[Event] = ()) -> None:
        """Store a hedge and orders of it together."""
        async with self.transaction() as tx:
            await tx.put_hedge(hedge)
            for record in orders:
                await tx.put_order(record)
            await tx.add_events(events)
        self._tell(events)

    async def orders(self, orders: Sequence[OrderRecord], *, events: Sequence[Event] = ()) -> None:
        """Store orders together."""
        async with self.transaction() as tx:
            for record in orders:
                await tx.put_order(record)
            await tx.add_events(events)
        self._tell(events)

    async def events(self, events: Sequence[Event]) -> None:
        """Store events."""
        async with self.transaction() as tx:
            await tx.add_events(events)
        self._tell(events)

    async def event(self, kind: EventKind, subject: str, message: str, severity: Severity = Severity.INFO) -> None:
        """Store one event of now."""
        await self.events(
            [Event(ts_ns=self._clock.now_ns(), kind=kind, subject=subject, message=message, severity=severity)]
        )

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            self._notify(event)
