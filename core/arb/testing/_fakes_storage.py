"""A storage that lives in memory: real SQL, nothing durable."""

from __future__ import annotations

import asyncio
import sqlite3
import weakref
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

from arb.api import Dialect, Row, SqlValue, StorageError


class MemoryStorage:
    """Runs SQL on SQLite in memory; transactions take turns, a failing one leaves nothing behind."""

    def __init__(self, image: bytes = b"") -> None:
        """Begin empty, or with all that the storage held which gave the image."""
        # The garbage collector, which closes a forgotten one, comes by in any thread.
        self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        if image:
            self._connection.deserialize(image)
        # A test that drops the storage has closed it: an open connection would warn on Python 3.13.
        weakref.finalize(self, self._connection.close)
        self._turn = asyncio.Lock()

    @property
    def dialect(self) -> Dialect:
        """Return SQLite."""
        return Dialect.SQLITE

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[MemoryTransaction]:
        """Begin; commit on leaving, roll back on an exception."""
        async with self._turn:
            self._connection.execute("BEGIN")
            try:
                yield MemoryTransaction(self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def image(self) -> bytes:
        """Return all that it holds, for other storages to begin with; in no transaction."""
        return self._connection.serialize()

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()


class MemoryTransaction:
    """See :class:`arb.api.Transaction`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def execute(self, sql: str, values: Sequence[SqlValue] = ()) -> int:
        """Run one statement; return the number of rows it changed."""
        return self._run(sql, values).rowcount

    async def execute_many(self, sql: str, rows: Sequence[Sequence[SqlValue]]) -> None:
        """Run one statement for each row."""
        for row in rows:
            self._run(sql, row)

    async def query(self, sql: str, values: Sequence[SqlValue] = ()) -> list[Row]:
        """Return all rows."""
        return [dict(row) for row in self._run(sql, values).fetchall()]

    def _run(self, sql: str, values: Sequence[SqlValue]) -> sqlite3.Cursor:
        bound = [str(value) if isinstance(value, Decimal) else value for value in values]
        try:
            return self._connection.execute(sql, bound)
        except sqlite3.Error as error:
            raise StorageError(f"{error}: {sql}") from error
