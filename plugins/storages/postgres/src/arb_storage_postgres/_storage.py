"""The storage: transactions that take turns, in this process and over all of them, and reads beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol, TypeVar

import asyncpg

from arb.api import Context, Dialect, Row, SqlValue, StorageError, Transaction

from ._bulk import execute_many
from ._connect import READERS, connected_pool
from ._errors import FAILURES
from ._listener import Listener
from ._portal import Portal
from ._session import Session
from ._settings import PostgresSettings
from ._statements import bound, changed, numbered

T = TypeVar("T")


@asynccontextmanager
async def open_storage(settings: PostgresSettings, context: Context) -> AsyncIterator[PostgresStorage]:
    """Connect; disconnect at the end.

    Raises:
        StorageError: the server cannot be reached or will not have us; the text says what to do.
    """
    portal = Portal()
    try:
        pool = await context.run_blocking(portal.start(connected_pool(settings)).result)
        storage = PostgresStorage(pool, settings, portal, context)
        try:
            yield storage
        finally:
            await storage.close()
    finally:
        portal.close()


class PostgresStorage:
    """Implements :class:`arb.api.Storage` over a pool, :class:`arb.api.Snapshots` and :class:`arb.api.ChangeSignal`."""

    def __init__(self, pool: asyncpg.Pool, settings: PostgresSettings, portal: Portal, context: Context) -> None:
        self._pool = pool
        self._settings = settings
        self._portal = portal
        self._context = context
        self._turn = asyncio.Lock()
        self._readers = asyncio.Semaphore(READERS)
        self._owner: asyncio.Task[object] | None = None
        self._is_closed = False

    @property
    def dialect(self) -> Dialect:
        """Return the SQL it speaks."""
        return Dialect.POSTGRESQL

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Begin; commit durably on leaving, roll back on an exception.

        Cancelled while it commits, it is committed or rolled back as a whole.

        Raises:
            StorageError: it could not be begun or committed, or this task is in a transaction
                already, for whose end it would wait for ever.
        """
        task = asyncio.current_task()
        if task is not None and self._owner is task:
            raise StorageError(f"{self._settings.name}: this task is in a transaction already; use that one")
        async with self._turn:
            if self._is_closed:
                raise StorageError(f"{self._settings.name}: is closed")
            self._owner = task
            try:
                async with self._session(read_only=self._settings.read_only) as transaction:
                    yield transaction
            finally:
                self._owner = None

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Transaction]:
        """Read what is committed, on a connection of the pool; see :class:`arb.api.Snapshots`.

        Raises:
            StorageError: it could not be begun.
        """
        async with self._readers:
            if self._is_closed:
                raise StorageError(f"{self._settings.name}: is closed")
            async with self._session(read_only=True) as transaction:
                yield transaction

    @asynccontextmanager
    async def _session(self, *, read_only: bool) -> AsyncIterator[Transaction]:
        session = Session(self._pool, self._settings, read_only=read_only)
        try:
            await self._call(session.begin(), session)
            yield PostgresTransaction(session, self._call)
            await self._call(session.commit(), session)
        finally:
            await self._call(session.end(), session)

    @asynccontextmanager
    async def changes(self, table: str) -> AsyncIterator[AsyncIterator[None]]:
        """Listen to a table until the block ends; see :class:`arb.api.ChangeSignal`.

        Raises:
            StorageError: from the iterator: the server has been away for longer than `reconnect_for`.
        """
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with suppress(RuntimeError):  # the loop of who listened is closed
                loop.call_soon_threadsafe(news.set)

        listener = Listener(self._settings, table, tell)
        listening = self._portal.start(listener.run())
        listening.add_done_callback(lambda _: tell())

        async def each() -> AsyncIterator[None]:
            while True:
                await news.wait()
                news.clear()
                if listening.done():
                    listening.result()
                yield

        try:
            yield each()
        finally:
            self._portal.call(listener.stop)
            with suppress(StorageError):  # whoever listened was told
                await self._context.run_blocking(listening.result)

    async def close(self) -> None:
        """Disconnect; what is not committed is undone."""
        self._is_closed = True
        await self._context.run_blocking(self._portal.start(self._disconnected()).result)

    async def _disconnected(self) -> None:
        try:
            await asyncio.wait_for(self._pool.close(), self._settings.connect_timeout / 1e9)
        except FAILURES:
            self._pool.terminate()

    async def _call(self, work: Coroutine[Any, Any, T], session: Session, *, abandon: bool = False) -> T:
        # Started here and not in the thread that waits: one cancelled before it has a thread would never begin,
        # and the end of a transaction must.
        started = self._portal.start(work)
        try:
            return await self._context.run_blocking(started.result)
        except asyncio.CancelledError:
            # What was asked for goes on by itself, unless it may be abandoned; nothing may follow it.
            session.refuse("a statement of this transaction was cancelled: it is undone")
            if abandon:
                started.cancel()
            raise


class Call(Protocol):
    """Runs work of a session on the portal's loop; `abandon` ends it when whoever waits is cancelled."""

    async def __call__(self, work: Coroutine[Any, Any, T], session: Session, *, abandon: bool = False) -> T: ...


class PostgresTransaction:
    """Implements :class:`arb.api.Transaction`."""

    def __init__(self, session: Session, call: Call) -> None:
        self._session = session
        self._call = call

    async def execute(self, sql: str, values: Sequence[SqlValue] = ()) -> int:
        """Run one statement; return the number of rows it changed."""

        async def work() -> int:
            return changed(await self._session.run(lambda at: at.execute(numbered(sql), *bound(values))))

        return await self._call(work(), self._session)

    async def execute_many(self, sql: str, rows: Sequence[Sequence[SqlValue]]) -> None:
        """Run one statement for each row, as one over arrays where that is the same."""

        async def work() -> None:
            await self._session.run(lambda at: execute_many(at, sql, rows))

        await self._call(work(), self._session)

    async def query(self, sql: str, values: Sequence[SqlValue] = ()) -> list[Row]:
        """Return all rows."""

        async def work() -> list[Row]:
            found = await self._session.run(lambda at: at.fetch(numbered(sql), *bound(values)))
            names = tuple(found[0].keys()) if found else ()
            return [dict(zip(names, row, strict=True)) for row in found]

        return await self._call(work(), self._session, abandon=self._session.read_only)
