"""Hearing of what others committed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from arb.api import ChangeSignal, StorageError
from arb.testing import FakeContext
from arb_storage_postgres._settings import PostgresSettings
from arb_storage_postgres._storage import PostgresStorage, open_storage
from arb_storage_postgres.testing import PostgresServer

Table = dict[str, Any]

TELLING = (
    "CREATE TABLE things (name TEXT)",
    "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN PERFORM pg_notify('arb_' || TG_TABLE_NAME, ''); RETURN NULL; END $$",
    "CREATE TRIGGER tell AFTER INSERT ON things FOR EACH STATEMENT EXECUTE FUNCTION tell()",
)


class Threaded(FakeContext):
    """Waits for blocking work in a thread, as a run in real time does."""

    async def run_blocking(self, work: Callable[[], Any]) -> Any:
        return await asyncio.to_thread(work)


def between(table: Table, body: Callable[[PostgresStorage, PostgresStorage], Awaitable[None]], **more: Any) -> None:
    """Run a body on two storages of one database."""

    async def main() -> None:
        settings = PostgresSettings.model_validate({**table, **more})
        async with open_storage(settings, Threaded("one")) as one, open_storage(settings, Threaded("two")) as two:
            async with one.transaction() as tx:
                for sql in TELLING:
                    await tx.execute(sql)
            await body(one, two)

    asyncio.run(main())


async def add(storage: PostgresStorage, name: str) -> None:
    async with storage.transaction() as tx:
        await tx.execute("INSERT INTO things VALUES (?)", (name,))


async def soon(changes: AsyncIterator[None], seconds: float = 5) -> bool:
    """Return whether there is news within some time."""
    try:
        async with asyncio.timeout(seconds):
            await anext(changes)
    except TimeoutError:
        return False
    return True


def test_a_commit_is_heard_at_once_and_what_is_undone_is_not(database: Table) -> None:
    async def body(one: PostgresStorage, two: PostgresStorage) -> None:
        assert isinstance(one, ChangeSignal)
        async with two.changes("things") as changes:
            assert await soon(changes), "the first one tells that it listens"
            began = time.monotonic()
            await add(one, "a")
            assert await soon(changes)
            assert time.monotonic() - began < 1
        async with two.changes("things") as changes:
            assert await soon(changes)
            with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is the transaction
                async with one.transaction() as tx:
                    await tx.execute("INSERT INTO things VALUES ('undone')")
                    raise ZeroDivisionError
            assert not await soon(changes, 0.5)

    between(database, body)


def test_another_table_is_not_heard(database: Table) -> None:
    async def body(one: PostgresStorage, two: PostgresStorage) -> None:
        async with two.changes("others") as changes:
            assert await soon(changes)
            await add(one, "a")
            assert not await soon(changes, 0.5)

    between(database, body)


def test_who_reads_at_each_news_reads_everything(database: Table) -> None:
    async def body(one: PostgresStorage, two: PostgresStorage) -> None:
        async def write() -> None:
            for number in range(30):
                await add(one, str(number))

        writing = asyncio.create_task(write())
        seen = 0
        async with two.changes("things") as changes:
            async with asyncio.timeout(20):
                async for _ in changes:
                    async with two.transaction() as tx:
                        seen = len(await tx.query("SELECT name FROM things"))
                    if seen == 30:
                        break
        await writing

    between(database, body)


def test_a_server_that_comes_back_is_listened_to_again(server: PostgresServer, database: Table) -> None:
    async def body(one: PostgresStorage, two: PostgresStorage) -> None:
        async with two.changes("things") as changes:
            assert await soon(changes)
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
            await add(one, "after")
            assert await soon(changes, 10)
            async with two.transaction() as tx:
                assert await tx.query("SELECT name FROM things") == [{"name": "after"}]

    between(database, body)


def test_a_server_that_stays_away_is_said(server: PostgresServer, database: Table) -> None:
    async def body(_one: PostgresStorage, two: PostgresStorage) -> None:
        async with two.changes("things") as changes:
            assert await soon(changes)
            await asyncio.to_thread(server.stop)
            try:
                with pytest.raises(StorageError, match="listening for changes failed: the server cannot be reached"):
                    await soon(changes, 20)
            finally:
                await asyncio.to_thread(server.start)

    between(database, body, reconnect_for="500ms")
