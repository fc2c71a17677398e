"""A server that goes away, refuses, is killed, or is shared."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from arb.api import StorageError
from arb.testing import FakeContext
from arb_storage_postgres._settings import PostgresSettings
from arb_storage_postgres._storage import PostgresStorage, open_storage
from arb_storage_postgres.testing import PostgresServer

T = TypeVar("T")

Table = dict[str, Any]
Body = Callable[[PostgresStorage], Awaitable[None]]


def on_storage(table: Table, body: Body, **more: Any) -> None:
    """Run a body on an open storage."""

    async def main() -> None:
        async with open_storage(PostgresSettings.model_validate({**table, **more}), FakeContext("test")) as storage:
            await body(storage)

    asyncio.run(main())


async def run(storage: PostgresStorage, sql: str, *values: Any) -> int:
    async with storage.transaction() as tx:
        return await tx.execute(sql, values)


async def names(storage: PostgresStorage) -> list[Any]:
    async with storage.transaction() as tx:
        return [row["name"] for row in await tx.query("SELECT name FROM things ORDER BY name")]


def pause(seconds: float) -> None:
    time.sleep(seconds)  # noqa: TID251 - a server needs it


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({"database": "no_such"}, "there is no such database; make one with: createdb"),
        ({"user": "nobody"}, "this user may not connect"),
        ({"host": "/nowhere"}, "the server cannot be reached"),
    ],
)
def test_what_keeps_it_from_connecting_is_told_with_what_to_do(
    database: Table, change: Table, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(storage: PostgresStorage) -> None:
        raise AssertionError("it is open")

    monkeypatch.setenv("ARB_TEST_PASSWORD", "hunter2hunter2")
    secret = {"password": "env:ARB_TEST_PASSWORD"}
    with pytest.raises(StorageError, match=advice) as found:
        on_storage({**database, **change, **secret}, never)
    assert "hunter2" not in f"{found.value!r} {PostgresSettings.model_validate({**database, **secret})!r}"


def test_a_transaction_that_has_not_begun_waits_for_the_server(server: PostgresServer, database: Table) -> None:
    async def body(storage: PostgresStorage) -> None:
        await run(storage, "CREATE TABLE things (name TEXT PRIMARY KEY)")
        server.stop()

        def come_back() -> None:
            pause(1)
            server.start()

        back = threading.Thread(target=come_back)
        back.start()
        await run(storage, "INSERT INTO things VALUES (?)", "a")
        back.join()
        assert await names(storage) == ["a"]

    on_storage(database, body)


def test_it_waits_no_longer_than_it_may(server: PostgresServer, database: Table) -> None:
    async def body(storage: PostgresStorage) -> None:
        server.stop()
        began = time.monotonic()
        with pytest.raises(StorageError, match="the server cannot be reached"):
            await run(storage, "SELECT 1")
        assert time.monotonic() - began < 10
        server.start()
        await run(storage, "SELECT 1")

    on_storage(database, body, reconnect_for="1s")


def test_what_was_under_way_when_the_server_was_killed_is_gone_and_said_so(
    server: PostgresServer, database: Table
) -> None:
    async def body(storage: PostgresStorage) -> None:
        await run(storage, "CREATE TABLE things (name TEXT PRIMARY KEY)")
        await run(storage, "INSERT INTO things VALUES (?)", "before")
        with pytest.raises(StorageError):  # noqa: PT012 - the block is the transaction
            async with storage.transaction() as tx:
                await tx.execute("INSERT INTO things VALUES (?)", ("lost",))
                server.stop(signal.SIGQUIT)
                server.start()
                await tx.execute("INSERT INTO things VALUES (?)", ("lost too",))
        await run(storage, "INSERT INTO things VALUES (?)", "after")
        assert await names(storage) == ["after", "before"]

    on_storage(database, body)


def test_under_load_a_killed_server_loses_nothing_and_doubles_nothing(server: PostgresServer, database: Table) -> None:
    """A commit that was confirmed is there once; one that was not is there once or not at all."""

    async def body(storage: PostgresStorage) -> None:
        await run(storage, "CREATE TABLE things (name BIGINT PRIMARY KEY, total BIGINT)")
        await run(storage, "CREATE TABLE totals (total BIGINT)")
        await run(storage, "INSERT INTO totals VALUES (0)")
        confirmed: list[int] = []
        stop = threading.Event()

        def kill_again_and_again() -> None:
            for _ in range(3):
                pause(0.4)
                server.stop(signal.SIGQUIT)
                server.start()
            stop.set()

        killer = threading.Thread(target=kill_again_and_again)
        killer.start()
        number = 0
        while not stop.is_set():
            number += 1
            try:
                async with storage.transaction() as tx:
                    await tx.execute("UPDATE totals SET total = total + 1")
                    await tx.execute("INSERT INTO things SELECT ?, total FROM totals", (number,))
            except StorageError:
                continue
            confirmed.append(number)
        killer.join()
        async with storage.transaction() as tx:
            stored = [int(str(row["name"])) for row in await tx.query("SELECT name FROM things ORDER BY name")]
            (total,) = await tx.query("SELECT total FROM totals")
        assert set(confirmed) <= set(stored) <= set(range(1, number + 1))
        assert total["total"] == len(stored) > 50

    on_storage(database, body)


def test_transactions_of_several_processes_follow_one_another(database: Table) -> None:
    settings = PostgresSettings.model_validate(database)

    async def add(storage: PostgresStorage) -> None:
        for _ in range(10):
            async with storage.transaction() as tx:
                (row,) = await tx.query("SELECT total FROM totals")
                await tx.execute("UPDATE totals SET total = ?", (int(str(row["total"])) + 1,))

    def process() -> None:
        async def main() -> None:
            async with open_storage(settings, FakeContext("test")) as storage:
                await add(storage)

        asyncio.run(main())

    async def body(storage: PostgresStorage) -> None:
        await run(storage, "CREATE TABLE totals (total BIGINT)")
        await run(storage, "INSERT INTO totals VALUES (0)")
        threads = [threading.Thread(target=process) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        async with storage.transaction() as tx:
            assert await tx.query("SELECT total FROM totals") == [{"total": 40}]

    on_storage(database, body)


def test_a_reader_waits_for_no_writer_and_writes_nothing(database: Table) -> None:
    async def body(storage: PostgresStorage) -> None:
        await run(storage, "CREATE TABLE things (name TEXT PRIMARY KEY)")
        await run(storage, "INSERT INTO things VALUES ('a')")
        async with storage.transaction() as tx:
            await tx.execute("INSERT INTO things VALUES ('b')")
            await asyncio.get_running_loop().run_in_executor(None, read)

    def read() -> None:
        async def look(storage: PostgresStorage) -> None:
            assert await names(storage) == ["a"]
            with pytest.raises(StorageError, match="read_only = true"):
                await run(storage, "INSERT INTO things VALUES ('c')")

        on_storage(database, look, read_only=True)

    on_storage(database, body)


def test_a_writer_that_never_ends_is_not_waited_for_without_end(database: Table) -> None:
    async def body(storage: PostgresStorage) -> None:
        async with storage.transaction():
            with pytest.raises(StorageError, match="another process is in a transaction"):
                await asyncio.get_running_loop().run_in_executor(None, write)

    def write() -> None:
        async def body(storage: PostgresStorage) -> None:
            await run(storage, "SELECT 1")

        on_storage(database, body, lock_timeout="200ms")

    on_storage(database, body)


def test_question_marks_in_quotes_and_nul_characters_are_texts(database: Table) -> None:
    async def body(storage: PostgresStorage) -> None:
        await run(storage, """CREATE TABLE things (name TEXT PRIMARY KEY, "what?" TEXT DEFAULT 'why? isn''t it?')""")
        await run(storage, "INSERT INTO things (name) VALUES (?)", "a\0b")
        async with storage.transaction() as tx:
            rows = await tx.query("""SELECT name, "what?" FROM things WHERE 'a?' <> ?""", ("b",))
        assert rows == [{"name": "a\ufffdb", "what?": "why? isn't it?"}]

    on_storage(database, body)


class Threaded(FakeContext):
    """Waits for blocking work in a thread, as a run in real time does: it can be cancelled meanwhile."""

    async def run_blocking(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)


def test_who_gives_up_while_the_server_is_away_is_let_go_and_the_next_one_works(
    server: PostgresServer, database: Table
) -> None:
    async def main() -> None:
        async with open_storage(PostgresSettings.model_validate(database), Threaded("test")) as storage:
            await run(storage, "CREATE TABLE things (name TEXT PRIMARY KEY)")
            server.stop()
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await run(storage, "INSERT INTO things VALUES ('given up')")
            assert time.monotonic() - began < 10, "it did not wait as long as for a server that comes back"
            server.start()
            await run(storage, "INSERT INTO things VALUES ('a')")
            with pytest.raises(TimeoutError):  # noqa: PT012 - the block is the transaction
                async with asyncio.timeout(0.2), storage.transaction() as tx:
                    await tx.execute("INSERT INTO things VALUES ('b')")
                    await tx.query("SELECT pg_sleep(2)")
            await run(storage, "INSERT INTO things VALUES ('c')")
            assert await names(storage) == ["a", "c"]

    asyncio.run(main())


def test_snapshots_that_are_cancelled_or_lose_their_server_leave_the_next_one_whole(
    server: PostgresServer, database: Table
) -> None:
    async def main() -> None:
        async with open_storage(PostgresSettings.model_validate(database), Threaded("test")) as storage:
            await run(storage, "CREATE TABLE things (name TEXT)")
            begun = asyncio.Queue[None]()

            async def sleep() -> None:
                async with storage.snapshot() as reading:
                    begun.put_nowait(None)
                    await reading.query("SELECT pg_sleep(3600)")

            tasks = [asyncio.create_task(sleep()) for _ in range(6)]
            for _ in range(4):
                await begun.get()
            await run(storage, "INSERT INTO things VALUES (?)", "a")
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            with pytest.raises(StorageError):  # noqa: PT012 - the block is the snapshot
                async with storage.snapshot() as reading:
                    assert await reading.query("SELECT name FROM things") == [{"name": "a"}]
                    server.stop(signal.SIGQUIT)
                    server.start()
                    await reading.query("SELECT name FROM things")
            async with storage.snapshot() as reading:
                assert await reading.query("SELECT name FROM things") == [{"name": "a"}]

    asyncio.run(main())
