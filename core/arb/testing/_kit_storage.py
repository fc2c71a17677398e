"""The conformance kit of storages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Final

import pytest

from arb.api import Context, Dialect, Snapshots, SqlValue, Storage, StorageError, StorageSpec, Transaction

from ._kit import Conformance, require

Body = Callable[[Storage, Context], Awaitable[None]]
Use = Callable[[Body], None]

_MONEY: Final = ("0", "0.00000001", "-0.5", "123456789012345678.123456789012345678", "1E-18", "98765432109876543210")
_ATTEMPTS: Final = 50


class _Refused(Exception):
    """Raised inside a transaction by the kit."""


async def create(storage: Storage) -> None:
    """Make the table the cases use."""
    amount = "NUMERIC" if storage.dialect is Dialect.POSTGRESQL else "TEXT"
    blob = "BYTEA" if storage.dialect is Dialect.POSTGRESQL else "BLOB"
    async with storage.transaction() as transaction:
        await transaction.execute(
            f"CREATE TABLE kit (id TEXT PRIMARY KEY, amount {amount}, number BIGINT, note TEXT, data {blob})"
        )


async def put(storage: Storage, name: str, number: int) -> None:
    """Insert one row in a transaction of its own."""
    async with storage.transaction() as transaction:
        await transaction.execute("INSERT INTO kit (id, number) VALUES (?, ?)", (name, number))


async def names(storage: Storage) -> list[SqlValue]:
    """Return the ids stored, in order."""
    async with storage.transaction() as transaction:
        return await names_in(transaction)


async def names_in(transaction: Transaction) -> list[SqlValue]:
    """Return the ids that a transaction sees, in order."""
    return [row["id"] for row in await transaction.query("SELECT id FROM kit ORDER BY id")]


def snapshots(storage: Storage) -> Snapshots:
    """Return the storage as one with snapshots; skip the case where it has none."""
    require(("snapshots",) if isinstance(storage, Snapshots) else (), "snapshots")
    assert isinstance(storage, Snapshots)
    return storage


class StorageConformance(Conformance):
    """Cases S-001 to S-016. `CONFORMANCE["settings"]` must name a place that survives closing."""

    group = "behaviour"
    hook = "arb_storages"
    spec_type = StorageSpec

    @pytest.fixture
    def use(
        self,
        make: Callable[[Context], AbstractAsyncContextManager[Storage]],
        context: Callable[[], Context],
        play: Callable[[Callable[[], Awaitable[None]]], None],
    ) -> Use:
        """Return a function that runs a case on an open storage."""

        def run(body: Body) -> None:
            async def case() -> None:
                lent = context()
                async with make(lent) as storage:
                    await body(storage, lent)

            play(case)

        return run

    def test_s005_it_is_a_storage(self, use: Use) -> None:
        """What opens has the protocol's members and says which SQL it speaks."""

        async def body(storage: Storage, context: Context) -> None:
            assert isinstance(storage, Storage)
            assert storage.dialect in Dialect

        use(body)

    def test_s006_a_commit_is_seen_by_the_next_transaction(self, use: Use) -> None:
        """Leaving the block commits."""

        async def body(storage: Storage, context: Context) -> None:
            await create(storage)
            await put(storage, "a", 1)
            assert await names(storage) == ["a"]

        use(body)

    def test_s007_an_exception_rolls_back_and_passes_unchanged(self, use: Use) -> None:
        """Nothing of the transaction stays, and the caller's own exception is not wrapped."""

        async def body(storage: Storage, context: Context) -> None:
            await create(storage)
            with pytest.raises(_Refused):  # noqa: PT012 - the block is the transaction
                async with storage.transaction() as transaction:
                    await transaction.execute("INSERT INTO kit (id) VALUES (?)", ("a",))
                    raise _Refused
            assert await names(storage) == []

        use(body)

    def test_s008_a_cancelled_transaction_rolls_back(self, use: Use) -> None:
        """Cancellation in the middle leaves nothing behind and the storage usable."""

        async def body(storage: Storage, context: Context) -> None:
            await create(storage)
            inside = asyncio.Event()

            async def work() -> None:
                async with storage.transaction() as transaction:
                    await transaction.execute("INSERT INTO kit (id) VALUES (?)", ("a",))
                    inside.set()
                    await asyncio.Event().wait()

            task = asyncio.create_task(work())
            await inside.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await put(storage, "b", 1)
            assert await names(storage) == ["b"]

        use(body)

    def test_s009_decimals_come_back_exactly(self, use: Use) -> None:
        """No digit is lost; a column may answer with text, never with a float."""

        async def body(storage: Storage, context: Context) -> None:
            await create(storage)
            async with storage.transaction() as transaction:
                await transaction.execute_many(
                    "INSERT INTO kit (id, amount) VALUES (?, ?)", [(text, Decimal(text)) for text in _MONEY]
                )
            async with storage.transaction() as transaction:
                rows = await transaction.query("SELECT id, amount FROM kit")
            assert len(rows) == len(_MONEY)
            for row in rows:
                amount = row["amount"]
                assert isinstance(amount, str | Decimal), f"{type(amount).__name__} may have lost digits"
                assert Decimal(amount) == Decimal(str(row["id"]))

        use(body)

    def test_s010_other_values_come_back_as_they_were(self, use: Use) -> None:
        """Nanoseconds of 64 bits, any text, bytes and NULL."""

        async def body(storage: Storage, context: Context) -> None:
            await create(storage)
            number, note, data = 2**63 - 1, "it's ? % \u20ac \U0001f600 \n end", bytes(range(256))
            async with storage.transaction() as transaction:
                insert = "INSERT INTO kit (id, number, note, data) VALUES (?, ?, ?, ?)"
                await transaction.execute(insert, ("a", number, note, data))
                await transaction.execute(insert, ("b", -number, None, None))
            async with storage.transaction() as transaction:
                first, second = await transaction.query("SELECT number, note, data FROM kit ORDER BY id")
            assert (first["number"], first["note"], first["data"]) == (number, note, data)
            assert (second["number"], second["note"], second["data"]) == (-number, None, None)

        use(body)

    def test_s011_execute_counts_the_rows_it_changed(self, use: Use) -> None:
        """The number tells an update that met nothing from one that did."""

        async def body(storage: Storage, context: Context) -> None:
            await create(storage)
            for name in ("a", "b"):
                await put(storage, name, 1)
            async with storage.transaction() as transaction:
                assert await transaction.execute("UPDATE kit SET number = 2") == 2
                assert await transaction.execute("UPDATE kit SET number = 3 WHERE id = ?", ("x",)) == 0

        use(body)

    def test_s012_a_bad_statement_is_a_storage_error_and_undoes_the_transaction(self, use: Use) -> None:
        """The earlier statements of the transaction are gone, and the storage works on."""

        async def body(storage: Storage, context: Context) -> None:
            await create(storage)
            await put(storage, "a", 1)
            with pytest.raises(StorageError):  # noqa: PT012 - the block is the transaction
                async with storage.transaction() as transaction:
                    await transaction.execute("INSERT INTO kit (id) VALUES (?)", ("b",))
                    await transaction.execute_many("INSERT INTO kit (id) VALUES (?)", [("c",), ("a",)])
            assert await names(storage) == ["a"]
            with pytest.raises(StorageError):
                async with storage.transaction() as transaction:
                    await transaction.query("SELECT nothing FROM no_such_table")
            assert await names(storage) == ["a"]

        use(body)

    def test_s013_concurrent_transactions_are_as_if_one_after_another(self, use: Use) -> None:
        """Twenty read-and-add transactions at once add twenty; nobody reads what is not committed.

        A storage may refuse one of two that collide with a StorageError; it is tried again.
        """

        async def body(storage: Storage, context: Context) -> None:
            await create(storage)
            await put(storage, "sum", 0)

            async def add() -> None:
                for _ in range(_ATTEMPTS):
                    try:
                        async with storage.transaction() as transaction:
                            (row,) = await transaction.query("SELECT number FROM kit WHERE id = ?", ("sum",))
                            await context.clock.sleep_until(0)
                            await transaction.execute("UPDATE kit SET number = ?", (int(str(row["number"])) + 1,))
                            return
                    except StorageError:
                        await context.clock.sleep_until(context.clock.now_ns() + 1_000_000)
                raise AssertionError(f"a transaction was refused {_ATTEMPTS} times")

            await asyncio.gather(*(add() for _ in range(20)))
            async with storage.transaction() as transaction:
                (row,) = await transaction.query("SELECT number FROM kit")
            assert row["number"] == 20

        use(body)

    def test_s014_what_was_committed_is_there_after_reopening(self, use: Use) -> None:
        """Durability, and what was rolled back stays away."""

        async def write(storage: Storage, context: Context) -> None:
            await create(storage)
            await put(storage, "a", 1)
            with pytest.raises(_Refused):  # noqa: PT012 - the block is the transaction
                async with storage.transaction() as transaction:
                    await transaction.execute("INSERT INTO kit (id) VALUES (?)", ("b",))
                    raise _Refused

        async def read(storage: Storage, context: Context) -> None:
            assert await names(storage) == ["a"]

        use(write)
        use(read)

    def test_s015_a_snapshot_is_read_beside_a_writer_and_refuses_to_write(self, use: Use) -> None:
        """What is committed is read while a transaction is open; neither waits for the other."""

        async def body(storage: Storage, context: Context) -> None:
            aside = snapshots(storage)
            await create(storage)
            await put(storage, "a", 1)
            async with storage.transaction() as writing:
                await writing.execute("INSERT INTO kit (id) VALUES (?)", ("b",))
                async with aside.snapshot() as reading:
                    assert await names_in(reading) == ["a"]
                with pytest.raises(StorageError):
                    async with aside.snapshot() as reading:
                        await reading.execute("INSERT INTO kit (id) VALUES (?)", ("c",))
            async with aside.snapshot() as reading:
                assert await names_in(reading) == ["a", "b"]

        use(body)

    def test_s016_a_snapshot_stays_as_it_was_and_keeps_nobody_from_committing(self, use: Use) -> None:
        """Twelve are open while a row is committed, and see none of it; the next one does."""

        async def body(storage: Storage, context: Context) -> None:
            aside = snapshots(storage)
            await create(storage)
            await put(storage, "a", 1)
            begun, committed, seen = asyncio.Event(), asyncio.Event(), list[list[SqlValue]]()

            async def look() -> None:
                async with aside.snapshot() as reading:
                    before = await names_in(reading)
                    begun.set()
                    await committed.wait()
                    seen.append(await names_in(reading))
                    assert before == seen[-1]

            looking = [asyncio.create_task(look()) for _ in range(12)]
            await begun.wait()
            await put(storage, "b", 2)
            committed.set()
            await asyncio.gather(*looking)
            assert ["a"] in seen
            async with aside.snapshot() as reading:
                assert await names_in(reading) == ["a", "b"]

        use(body)
