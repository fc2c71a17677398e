"""The storage as one process sees it: it dies with the process, and it may fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from arb.api import Dialect, Row, SqlValue, StorageError, Transaction
from arb.model import ClientOrderId, Event, ExchangeName, Hedge, HedgeId, Lease, OrderRecord
from arb.storage import JournalTransaction

from ._kinds import FaultKind

if TYPE_CHECKING:
    from ._process import Process

_KEYED: Final = {"hedges": "hedge", "legs": "hedge", "orders": "order"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one commit changed, as the journal reads it.

    Attributes:
        tables: Names of the tables written, in order.
        last_event_id: The newest event's number.
    """

    tables: tuple[str, ...] = ()
    hedges: tuple[Hedge, ...] = ()
    orders: tuple[OrderRecord, ...] = ()
    events: tuple[Event, ...] = ()
    leases: tuple[Lease, ...] = ()
    last_event_id: int = 0


class ProcessStorage:
    """Implements :class:`arb.api.Storage` for one process over the database that outlives it."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._world = process.world

    @property
    def dialect(self) -> Dialect:
        """Return what the database speaks."""
        return self._world.database.dialect

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Begin; commit on leaving."""
        process, world = self._process, self._world
        process.step("database begin")
        await process.turn()
        if world.disk_is_full:
            process.storage_failed_ns = world.now_ns()
            raise StorageError("disk I/O error: the disk is full")
        async with world.database.transaction() as inner:
            transaction = _ProcessTransaction(process, inner)
            yield transaction
            if not transaction.written:
                process.require_alive()
                return
            await process.turn()
            process.step("database commit")
            with world.own_work():
                fault = world.begin_commit(process)
            if fault is FaultKind.STORAGE_ERROR:
                raise StorageError("database is locked")
            with world.own_work():
                journal = JournalTransaction(inner, self.dialect)
                changes = await _changes(journal, transaction.written, world.counters, world.last_event_id)
        with world.own_work():
            world.committed(process, changes)
        process.require_alive()
        if fault is FaultKind.COMMIT_UNCONFIRMED:
            raise StorageError("the connection broke while the commit was confirmed")
        await process.turn()


class _ProcessTransaction:
    """Implements :class:`arb.api.Transaction` and notes what is written."""

    def __init__(self, process: Process, inner: Transaction) -> None:
        self._process = process
        self._inner = inner
        self.written: dict[tuple[str, str], None] = {}

    async def execute(self, sql: str, values: Sequence[SqlValue] = ()) -> int:
        """Run one statement."""
        await self._process.statement()
        self._note(sql, values)
        return await self._inner.execute(sql, values)

    async def execute_many(self, sql: str, rows: Sequence[Sequence[SqlValue]]) -> None:
        """Run one statement for each row."""
        await self._process.statement()
        for row in rows:
            self._note(sql, row)
        await self._inner.execute_many(sql, rows)

    async def query(self, sql: str, values: Sequence[SqlValue] = ()) -> list[Row]:
        """Return all rows."""
        await self._process.statement()
        return await self._inner.query(sql, values)

    def _note(self, sql: str, values: Sequence[SqlValue]) -> None:
        words = sql.split(None, 3)
        table = words[2] if words[0] in ("INSERT", "DELETE", "CREATE", "ALTER") else words[1]
        key = str(values[0]) if table in _KEYED and words[0] == "INSERT" else ""
        self.written[table, key] = None


async def _changes(
    journal: JournalTransaction, written: dict[tuple[str, str], None], accounts: Iterable[str], last_event_id: int
) -> Changes:
    """Read what a transaction is about to commit."""
    tables = tuple(dict.fromkeys(table for table, _ in written))
    ids = {
        kind: dict.fromkeys(key for table, key in written if _KEYED.get(table) == kind) for kind in ("hedge", "order")
    }
    hedges = [await journal.hedge(HedgeId(key)) for key in ids["hedge"]]
    orders = [await journal.order(ClientOrderId(key)) for key in ids["order"]]
    events = await journal.events(after_id=last_event_id, limit=0) if "events" in tables else ()
    accounts = accounts if "leases" in tables else ()
    leases = [await journal.lease(ExchangeName(account)) for account in accounts]
    return Changes(
        tables=tables,
        hedges=tuple(each for each in hedges if each is not None),
        orders=tuple(each for each in orders if each is not None),
        leases=tuple(each for each in leases if each is not None),
        events=tuple(event for _, event in events),
        last_event_id=events[-1][0] if events else last_event_id,
    )
