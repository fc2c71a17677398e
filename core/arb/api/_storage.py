"""What a storage plugin provides: transactions over SQL. All logic is in arb's storage package."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from enum import StrEnum
from typing import Protocol, runtime_checkable

SqlValue = str | int | bytes | Decimal | None
"""What a statement takes and a row holds. A Decimal column may come back as str; never as float."""

Row = Mapping[str, SqlValue]


class Dialect(StrEnum):
    """Which SQL a storage speaks; statements differ by column types only."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class Transaction(Protocol):
    """Statements that take effect together or not at all. Placeholders are `?`."""

    async def execute(self, sql: str, values: Sequence[SqlValue] = ()) -> int:
        """Run one statement; return the number of rows it changed."""
        ...

    async def execute_many(self, sql: str, rows: Sequence[Sequence[SqlValue]]) -> None:
        """Run one statement for each row."""
        ...

    async def query(self, sql: str, values: Sequence[SqlValue] = ()) -> list[Row]:
        """Return all rows."""
        ...


@runtime_checkable
class Storage(Protocol):
    """A durable database."""

    @property
    def dialect(self) -> Dialect:
        """Return the SQL it speaks."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin; commit durably on leaving, roll back on an exception.

        Raises:
            StorageError: it could not be begun or committed; nothing of it took effect.
        """
        ...


@runtime_checkable
class Snapshots(Protocol):
    """What a storage implements beside :class:`Storage` when reads need not wait for writes, nor writes for reads."""

    def snapshot(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction that only reads, and sees what was committed before its first statement.

        It may be open while this task or another writes, and keeps nobody from committing. Statements
        that write are refused.

        Raises:
            StorageError: it could not be begun.
        """
        ...


@runtime_checkable
class ChangeSignal(Protocol):
    """What a storage implements beside :class:`Storage` when it hears of commits, other processes' included."""

    def changes(self, table: str) -> AbstractAsyncContextManager[AsyncIterator[None]]:
        """Listen to one table until the block ends.

        The iterator yields at first, and then soon after transactions that wrote to the table were
        committed: once for several, and now and then for nothing. Whoever reads the table at each
        finds everything. On PostgreSQL a table is listened to whose triggers notify `arb_<table>`,
        as that of the events does.

        Raises:
            StorageError: from the iterator: nothing more will be heard.
        """
        ...
