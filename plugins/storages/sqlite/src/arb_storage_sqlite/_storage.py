"""The storage: one connection that writes, one transaction at a time on it, and others that read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from arb.api import Context, Dialect, StorageError, Transaction

from ._connect import connect, database_path, file_identity
from ._process_lock import process_lock
from ._readers import Readers
from ._settings import MEMORY, SqliteSettings
from ._transaction import Database, SqliteTransaction


@asynccontextmanager
async def open_storage(settings: SqliteSettings, context: Context) -> AsyncIterator[SqliteStorage]:
    """Open the database; close it at the end.

    Raises:
        StorageError: it cannot be used; the text says why and what to do.
    """
    path = await context.run_blocking(lambda: database_path(settings))
    with nullcontext() if path is None or settings.read_only else process_lock(path) as lock:
        connection = await context.run_blocking(lambda: connect(path, settings))
        name = MEMORY if path is None else str(path)
        files = {one: file_identity(one) for one in (path, lock) if one is not None}
        database = Database(connection=connection, context=context, path=name, files=files)
        readers = None if path is None else Readers(database, path, settings)
        storage = SqliteStorage(database, readers, read_only=settings.read_only)
        try:
            yield storage
        finally:
            await storage.close()


class SqliteStorage:
    """Implements :class:`arb.api.Storage` and :class:`arb.api.Snapshots`."""

    def __init__(self, database: Database, readers: Readers | None, *, read_only: bool) -> None:
        self._database = database
        self._readers = readers
        # A writer takes the write lock at once: a read lock cannot always be raised to it.
        self._begin = "BEGIN" if read_only else "BEGIN IMMEDIATE"
        self._turn = asyncio.Lock()
        self._owner: asyncio.Task[object] | None = None
        self._is_closed = False

    @property
    def dialect(self) -> Dialect:
        """Return the SQL it speaks."""
        return Dialect.SQLITE

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
            raise StorageError(f"{self._database.path}: this task is in a transaction already; use that one")
        async with self._turn:
            if self._is_closed:
                raise StorageError(f"{self._database.path}: is closed")
            self._owner = task
            transaction = SqliteTransaction(self._database)
            try:
                await transaction.begin(self._begin)
                yield transaction
                await transaction.commit()
            finally:
                self._owner = None
                await transaction.end()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Transaction]:
        """Read what is committed, on a connection of its own; a database in memory has but one, so it takes its turn.

        Raises:
            StorageError: it could not be begun.
        """
        if self._is_closed:
            raise StorageError(f"{self._database.path}: is closed")
        async with self.transaction() if self._readers is None else self._readers.transaction() as reading:
            yield reading

    async def close(self) -> None:
        """Close the file; what is not committed is undone."""
        self._is_closed = True
        if self._readers is not None:
            self._readers.close()
        try:
            await self._database.context.run_blocking(self._database.close)
        except asyncio.CancelledError:
            self._database.close()
            raise
