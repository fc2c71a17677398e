"""Reads on connections of their own: cancelled, outlived, refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from arb.api import SqlValue, StorageError, Transaction
from arb.testing import FakeContext
from arb_storage_sqlite._settings import SqliteSettings
from arb_storage_sqlite._storage import SqliteStorage, open_storage

_SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT COUNT(*) AS n FROM n"


T = TypeVar("T")


class Threads(FakeContext):
    """Runs blocking work in threads, as production does."""

    async def run_blocking(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)


def run(path: str, body: Callable[[SqliteStorage], Awaitable[None]]) -> None:
    async def main() -> None:
        async with open_storage(SqliteSettings(path=path), Threads()) as storage:
            async with storage.transaction() as tx:
                await tx.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
                await tx.execute("INSERT INTO t (id) VALUES (1)")
            await body(storage)

    asyncio.run(main())


async def ids(reading: Transaction) -> list[SqlValue]:
    return [row["id"] for row in await reading.query("SELECT id FROM t ORDER BY id")]


def test_slow_reads_that_are_cancelled_give_their_places_back(tmp_path: Path) -> None:
    async def body(storage: SqliteStorage) -> None:
        begun = asyncio.Queue[None]()

        async def look() -> None:
            async with storage.snapshot() as reading:
                begun.put_nowait(None)
                await reading.query(_SLOW)

        for _ in range(2):
            tasks = [asyncio.create_task(look()) for _ in range(4)]
            for _ in tasks:
                await begun.get()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            assert all(task.cancelled() for task in tasks)
        async with storage.snapshot() as reading:
            assert await ids(reading) == [1]

    run(str(tmp_path / "arb.db"), body)


def test_a_snapshot_outlives_the_storage_and_no_other_is_begun(tmp_path: Path) -> None:
    async def body(storage: SqliteStorage) -> None:
        async with storage.snapshot() as reading:
            assert await ids(reading) == [1]
            await storage.close()
            assert await ids(reading) == [1]
        with pytest.raises(StorageError, match="is closed"):
            async with storage.snapshot():
                pass

    run(str(tmp_path / "arb.db"), body)


def test_a_file_that_was_replaced_is_not_read(tmp_path: Path) -> None:
    async def body(storage: SqliteStorage) -> None:
        (tmp_path / "arb.db").rename(tmp_path / "moved.db")
        (tmp_path / "arb.db").touch()
        with pytest.raises(StorageError, match="was removed or replaced while it was in use"):
            async with storage.snapshot():
                pass

    run(str(tmp_path / "arb.db"), body)


def test_a_database_in_memory_is_read_in_turn() -> None:
    async def body(storage: SqliteStorage) -> None:
        async with storage.snapshot() as reading:
            assert await ids(reading) == [1]

    run(":memory:", body)
