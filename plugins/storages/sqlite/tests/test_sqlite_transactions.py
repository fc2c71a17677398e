from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import pytest

from arb.api import SqlValue, StorageError, Transaction
from arb.testing import FakeContext
from arb_storage_sqlite._settings import SqliteSettings
from arb_storage_sqlite._storage import SqliteStorage, open_storage

T = TypeVar("T")


class ThreadContext(FakeContext):
    """Runs blocking work in threads, as production does; `gate` holds it back."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Event()
        self.held = asyncio.Event()

    def hold(self) -> None:
        """Keep the work that starts from now on in its thread."""
        self.gate.clear()
        self.started.clear()
        self.held.set()

    async def wait_held(self) -> None:
        """Return when a thread stands at the gate."""
        await self.held.wait()
        assert await asyncio.to_thread(self.started.wait, 20)

    async def run_blocking(self, work: Callable[[], T]) -> T:
        def gated() -> T:
            self.started.set()
            assert self.gate.wait(20)
            return work()

        return await asyncio.to_thread(gated)


def run(path: Path, body: Callable[[SqliteStorage, ThreadContext], Awaitable[None]]) -> None:
    async def main() -> None:
        context = ThreadContext()
        async with open_storage(SqliteSettings(path=str(path)), context) as storage:
            async with storage.transaction() as tx:
                await tx.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, amount TEXT)")
            await body(storage, context)

    asyncio.run(main())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "arb.db"


async def ids(storage: SqliteStorage) -> list[SqlValue]:
    async with storage.transaction() as tx:
        return [row["id"] for row in await tx.query("SELECT id FROM t ORDER BY id")]


async def insert(tx: Transaction, number: int) -> None:
    await tx.execute("INSERT INTO t (id) VALUES (?)", (number,))


def test_statements_of_two_tasks_never_interleave(path: Path) -> None:
    async def body(storage: SqliteStorage, context: ThreadContext) -> None:
        async def read_and_add() -> None:
            async with storage.transaction() as tx:
                count = len(await tx.query("SELECT id FROM t"))
                await insert(tx, count)

        await asyncio.gather(*(read_and_add() for _ in range(20)))
        assert await ids(storage) == list(range(20))

    run(path, body)


def test_one_task_cannot_wait_for_its_own_transaction(path: Path) -> None:
    async def body(storage: SqliteStorage, context: ThreadContext) -> None:
        async with storage.transaction() as tx:
            await insert(tx, 1)
            with pytest.raises(StorageError, match="in a transaction already"):
                async with storage.transaction():
                    pass
        assert await ids(storage) == [1]

    run(path, body)


def test_a_statement_cancelled_in_its_thread_cannot_outlive_the_rollback(path: Path) -> None:
    async def body(storage: SqliteStorage, context: ThreadContext) -> None:
        async def work() -> None:
            async with storage.transaction() as tx:
                await insert(tx, 1)
                context.hold()
                await insert(tx, 2)

        task = asyncio.create_task(work())
        await context.wait_held()
        context.started.clear()
        task.cancel()
        # Now the rollback stands at the gate behind the statement.
        await context.wait_held()
        context.gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with storage.transaction() as tx:
            await insert(tx, 3)
        assert await ids(storage) == [3]

    run(path, body)


def test_cancelled_twice_the_next_transaction_starts_clean(path: Path) -> None:
    async def body(storage: SqliteStorage, context: ThreadContext) -> None:
        async def work() -> None:
            async with storage.transaction() as tx:
                await insert(tx, 1)
                context.hold()
                await insert(tx, 2)

        task = asyncio.create_task(work())
        await context.wait_held()
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=0.05)
        assert not done
        task.cancel()
        await asyncio.wait([task], timeout=5)
        context.gate.set()
        assert task.cancelled()
        assert await ids(storage) == []

    run(path, body)


def test_a_timeout_hidden_inside_a_transaction_undoes_it(path: Path) -> None:
    async def body(storage: SqliteStorage, context: ThreadContext) -> None:
        async def work() -> None:
            async with storage.transaction() as tx:
                await insert(tx, 1)
                context.gate.clear()
                try:
                    async with asyncio.timeout(0.02):
                        await insert(tx, 2)
                except TimeoutError:
                    context.gate.set()

        with pytest.raises(StorageError, match="was cancelled: it is undone"):
            await work()
        assert await ids(storage) == []

    run(path, body)


def test_a_failure_hidden_inside_a_transaction_undoes_it(path: Path) -> None:
    async def body(storage: SqliteStorage, context: ThreadContext) -> None:
        async def work() -> None:
            async with storage.transaction() as tx:
                await insert(tx, 1)
                with pytest.raises(StorageError, match="UNIQUE"):
                    await insert(tx, 1)
                with pytest.raises(StorageError, match="earlier statement"):
                    await insert(tx, 2)

        with pytest.raises(StorageError, match="earlier statement of this transaction failed"):
            await work()
        assert await ids(storage) == []

    run(path, body)


def test_a_transaction_that_ended_takes_no_statement(path: Path) -> None:
    async def body(storage: SqliteStorage, context: ThreadContext) -> None:
        async with storage.transaction() as tx:
            await insert(tx, 1)
        with pytest.raises(StorageError, match="has ended"):
            await insert(tx, 2)
        assert await ids(storage) == [1]

    run(path, body)


@pytest.mark.parametrize("value", [2**63, "\ud800", object()])
def test_what_sqlite_cannot_hold_is_a_storage_error(path: Path, value: SqlValue) -> None:
    async def body(storage: SqliteStorage, context: ThreadContext) -> None:
        with pytest.raises(StorageError, match=r"arb\.db"):
            async with storage.transaction() as tx:
                await tx.execute("INSERT INTO t (amount) VALUES (?)", (value,))
        assert await ids(storage) == []

    run(path, body)


def test_a_decimal_is_stored_as_its_text(path: Path) -> None:
    async def body(storage: SqliteStorage, context: ThreadContext) -> None:
        async with storage.transaction() as tx:
            await tx.execute("INSERT INTO t (id, amount) VALUES (1, ?)", (Decimal("0.10000000000000000000001"),))
            rows = await tx.query("SELECT amount, typeof(amount) AS kind FROM t")
        assert rows == [{"amount": "0.10000000000000000000001", "kind": "text"}]

    run(path, body)


def test_a_closed_storage_says_so(path: Path) -> None:
    async def main() -> None:
        async with open_storage(SqliteSettings(path=str(path)), FakeContext()) as storage:
            pass
        with pytest.raises(StorageError, match="is closed"):
            async with storage.transaction():
                pass

    asyncio.run(main())


def test_every_commit_is_synced_and_keys_are_enforced(path: Path) -> None:
    async def body(storage: SqliteStorage, context: ThreadContext) -> None:
        async with storage.transaction() as tx:
            found = [
                (await tx.query(f"PRAGMA {name}"))[0][name] for name in ("journal_mode", "synchronous", "foreign_keys")
            ]
        assert found == ["wal", 2, 1]

    run(path, body)
