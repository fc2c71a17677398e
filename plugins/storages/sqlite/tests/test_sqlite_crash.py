from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from arb.api import StorageError
from arb.testing import FakeContext
from arb_storage_sqlite._settings import SqliteSettings
from arb_storage_sqlite._storage import SqliteStorage, open_storage

COMMIT_FOR_EVER: Final = """
import asyncio, itertools, resource, sys
from arb.api import StorageError
from arb.testing import FakeContext
from arb_storage_sqlite._settings import SqliteSettings
from arb_storage_sqlite._storage import open_storage

if len(sys.argv) > 2:
    limit = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

async def main():
    async with open_storage(SqliteSettings(path=sys.argv[1]), FakeContext()) as storage:
        async with storage.transaction() as tx:
            await tx.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT)")
        for number in itertools.count():
            async with storage.transaction() as tx:
                for part in range(3):
                    await tx.execute("INSERT INTO t VALUES (?, ?)", (number * 3 + part, "x" * 300))
            print(number, flush=True)

try:
    asyncio.run(main())
except StorageError as error:
    print("StorageError", error, flush=True)
"""


async def ids(storage: SqliteStorage) -> list[object]:
    async with storage.transaction() as tx:
        return [row["id"] for row in await tx.query("SELECT id FROM t ORDER BY id")]


def stored(path: Path) -> list[object]:
    async def main() -> list[object]:
        async with open_storage(SqliteSettings(path=str(path)), FakeContext()) as storage:
            async with storage.transaction() as tx:
                await tx.execute("INSERT INTO t VALUES (-1, 'writable')")
                await tx.execute("DELETE FROM t WHERE id = -1")
            return await ids(storage)

    return asyncio.run(main())


@pytest.mark.parametrize("wait_s", [0.05, 0.2, 0.4])
def test_what_was_committed_survives_a_kill(tmp_path: Path, wait_s: float) -> None:
    path = tmp_path / "arb.db"
    with subprocess.Popen(
        [sys.executable, "-c", COMMIT_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(wait_s)  # noqa: TID251 - a real process, killed at a time it does not choose
        writer.kill()
        printed = [int(line) for line in (first + writer.stdout.read()).splitlines(keepends=True) if line[-1] == "\n"]
    found = stored(path)
    # Whole transactions, every one that was reported, and at most the one that was not yet.
    assert found == list(range(len(found)))
    assert len(found) % 3 == 0
    assert len(printed) <= len(found) // 3 <= len(printed) + 1


def test_a_disk_that_fills_up_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "arb.db"
    done = subprocess.run(
        [sys.executable, "-c", COMMIT_FOR_EVER, str(path), str(400_000)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    *numbers, failure = done.stdout.splitlines()
    assert failure.startswith("StorageError"), done.stderr
    assert str(path) in failure
    assert "everything committed before is intact" in failure.lower()
    assert len(numbers) > 10
    assert stored(path) == list(range(3 * len(numbers)))


def test_a_file_at_its_limit_takes_no_more_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "arb.db"

    async def fill_up() -> int:
        async with open_storage(SqliteSettings(path=str(path), max_mebibytes=1), FakeContext()) as storage:
            async with storage.transaction() as tx:
                await tx.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT)")
            committed = 0

            async def commit_until_full() -> None:
                nonlocal committed
                while committed < 1_000:
                    async with storage.transaction() as tx:
                        await tx.execute("INSERT INTO t VALUES (?, ?)", (committed, "x" * 50_000))
                    committed += 1

            with pytest.raises(StorageError, match=r"the disk is full .* raise max_mebibytes"):
                await commit_until_full()
            # It still reads, and what makes room still works.
            assert await ids(storage) == list(range(committed))
            async with storage.transaction() as tx:
                await tx.execute("DELETE FROM t WHERE id = 0")
            return committed

    committed = asyncio.run(fill_up())
    assert 10 < committed < 30
    assert stored(path) == list(range(1, committed))
