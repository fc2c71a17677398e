"""Writing to the journal and telling observers afterwards, in that order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from arb.api import Clock
from arb.model import Dust, Event, EventKind, Hedge, Lease, OrderRecord, OrderReport, Severity
from arb.storage import Journal, JournalTransaction

from ._lease import AccountLeases

Notify = Callable[[Event], None]


class Recorder:
    """One transaction for each step of a run; events reach observers after it is durable.

    Each stores the run's time too: a virtual clock that continues never begins before what it did.
    One that records orders proves the leases, the others renew them when that is due.
    """

    def __init__(self, journal: Journal, clock: Clock, notify: Notify, leases: AccountLeases) -> None:
        self.journal = journal
        self.leases = leases
        self._clock = clock
        self._notify = notify

    @asynccontextmanager
    async def transaction(self, *, guarded: bool = False) -> AsyncIterator[JournalTransaction]:
        """Begin a transaction of the journal that stores the time on commit.

        Args:
            guarded: Prove first that the accounts are still ours to trade.

        Raises:
            LeaseLost: they are not; nothing of it took effect.
            StorageError: nothing of it took effect.
        """
        renewed: Sequence[Lease] = ()
        async with self.journal.transaction() as tx:
            if guarded or self.leases.is_due:
                renewed = await self.leases.guard(tx)
            yield tx
            await tx.save_clock(self._clock.now_ns())
        self.leases.keep(renewed)

    async def hedge(
        self,
        hedge: Hedge,
        orders: Sequence[OrderRecord] = (),
        *,
        events: Sequence[Event] = (),
        dust: Sequence[Dust] = (),
    ) -> None:
        """Store a hedge, new orders of it and what it left behind together."""
        async with self.transaction(guarded=True) as tx:
            await tx.put_hedge(hedge)
            for record in orders:
                await tx.put_order(record)
            await tx.add_order_reports(self._reports(orders, "decision"))
            await tx.put_dust(dust)
            await tx.add_events(events)
        self._tell(events)

    async def orders(self, orders: Sequence[OrderRecord], *, source: str, events: Sequence[Event] = ()) -> None:
        """Store what `source`, a read of the venue, told about orders."""
        async with self.transaction(guarded=True) as tx:
            for record in orders:
                await tx.put_order(record)
            await tx.add_order_reports(self._reports(orders, source))
            await tx.add_events(events)
        self._tell(events)

    async def events(self, events: Sequence[Event], *, state: tuple[str, str, str] | None = None) -> None:
        """Store events, and with them what an owner remembers: owner, key and text."""
        async with self.transaction() as tx:
            if state is not None:
                await tx.put_state(*state)
            await tx.add_events(events)
        self._tell(events)

    async def event(self, kind: EventKind, subject: str, message: str, severity: Severity = Severity.INFO) -> None:
        """Store one event of now."""
        await self.events(
            [Event(ts_ns=self._clock.now_ns(), kind=kind, subject=subject, message=message, severity=severity)]
        )

    def _reports(self, orders: Sequence[OrderRecord], source: str) -> list[OrderReport]:
        now_ns = self._clock.now_ns()
        return [
            OrderReport(
                client_order_id=record.order.request.client_order_id,
                ts_ns=now_ns,
                status=record.order.status,
                filled_quantity=record.order.filled_quantity,
                average_price=record.order.average_price,
                source=source,
                reason=record.order.reason,
            )
            for record in orders
        ]

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            self._notify(event)
