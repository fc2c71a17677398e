"""One connection, and a transaction on it."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from arb.api import Context, Row, SqlValue, StorageError

from ._connect import file_identity
from ._errors import storage_error

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Database:
    """The connection and who may use it.

    A cancelled task leaves its thread behind, which still finishes its statement or its rollback
    whenever the system lets it run. So who works takes the mutex, and then looks whose turn it is.

    Attributes:
        files: The database and its lock, and which files they were at the opening; none in memory.
        mutex: Held by the thread that works on the connection.
        current: The transaction that was begun last; only it may work. Read and set under the mutex.
    """

    connection: sqlite3.Connection
    context: Context
    path: str
    files: Mapping[Path, tuple[int, int]]
    mutex: threading.Lock = field(default_factory=threading.Lock)
    current: SqliteTransaction | None = None

    def refuse_other_files(self) -> None:
        """Raise StorageError when a path no longer leads to the file that is open.

        SQLite would go on writing to a file that was deleted, and all of it would be lost; a second
        process would find no lock.
        """
        for path, identity in self.files.items():
            if file_identity(path) != identity:
                raise StorageError(
                    f"{path}: was removed or replaced while it was in use, so nothing more is written to "
                    f"{self.path}. Put the file back, or restore a copy, and start again"
                )

    def close(self) -> None:
        """Close the connection; what is not committed is undone."""
        with self.mutex:
            self.connection.close()


class SqliteTransaction:
    """Implements :class:`arb.api.Transaction`; after a failed statement it takes no other."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._refusal = ""
        self._is_committed = False

    async def execute(self, sql: str, values: Sequence[SqlValue] = ()) -> int:
        """Run one statement; return the number of rows it changed."""
        return await self._run(lambda connection: max(0, connection.execute(sql, _bind(values)).rowcount))

    async def execute_many(self, sql: str, rows: Sequence[Sequence[SqlValue]]) -> None:
        """Run one statement for each row."""
        await self._run(lambda connection: connection.executemany(sql, map(_bind, rows)))

    async def query(self, sql: str, values: Sequence[SqlValue] = ()) -> list[Row]:
        """Return all rows."""

        def work(connection: sqlite3.Connection) -> list[Row]:
            cursor = connection.execute(sql, _bind(values))
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor]

        return await self._run(work)

    async def begin(self, sql: str) -> None:
        """Begin, after undoing what a cancelled predecessor could not."""

        def work(connection: sqlite3.Connection) -> None:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._database.current = self
            self._database.refuse_other_files()
            connection.execute(sql)

        await self._run(work, "beginning a transaction")

    async def commit(self) -> None:
        """Commit what was done; raise StorageError when a statement failed, whoever hid it."""
        await self._run(lambda connection: connection.execute("COMMIT"), "committing")
        self._is_committed = True

    async def end(self) -> None:
        """Take no more statements and undo what is not committed."""
        self._refusal = self._refusal or "the transaction has ended"
        if not self._is_committed:
            await self._database.context.run_blocking(self._roll_back)

    def _roll_back(self) -> None:
        database = self._database
        with database.mutex:
            if database.current is self and database.connection.in_transaction:
                database.connection.execute("ROLLBACK")

    async def _run(self, work: Callable[[sqlite3.Connection], T], doing: str = "a statement") -> T:
        try:
            return await self._database.context.run_blocking(lambda: self._work(work, doing))
        except asyncio.CancelledError:
            self._refusal = self._refusal or "a statement of this transaction was cancelled: it is undone"
            raise

    def _work(self, work: Callable[[sqlite3.Connection], T], doing: str) -> T:
        database = self._database
        with database.mutex:
            # Asked under the mutex: no statement may follow the end of its transaction.
            if self._refusal:
                raise StorageError(f"{database.path}: {self._refusal}")
            try:
                return work(database.connection)
            except (sqlite3.Error, sqlite3.Warning, OverflowError, TypeError, ValueError) as error:
                failure = storage_error(database.path, doing, error)
                self._refusal = f"an earlier statement of this transaction failed ({failure})"
                raise failure from error


def _bind(values: Sequence[SqlValue]) -> Sequence[str | int | bytes | None]:
    return [str(value) if isinstance(value, Decimal) else value for value in values]
