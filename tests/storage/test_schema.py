from __future__ import annotations

import asyncio

import pytest

from arb.api import Dialect, StorageError
from arb.storage import Journal
from arb.storage._schema import MIGRATIONS, Migration, migrate
from arb.testing import MemoryStorage

NEWEST = MIGRATIONS[-1].version


def test_opening_twice_changes_nothing() -> None:
    async def run() -> None:
        storage = MemoryStorage()
        for _ in range(2):
            journal = await Journal.open(storage)
            async with journal.transaction() as tx:
                await tx.save_clock(7)
        assert await (await Journal.open(storage)).clock() == 7
        storage.close()

    asyncio.run(run())


def test_a_newer_database_is_refused_and_left_alone() -> None:
    async def run() -> None:
        storage = MemoryStorage()
        await Journal.open(storage)
        async with storage.transaction() as tx:
            await tx.execute("UPDATE schema_version SET version = 99")
        with pytest.raises(StorageError, match=rf"schema version 99 .* knows {NEWEST}: a newer arb wrote it"):
            await Journal.open(storage)
        async with storage.transaction() as tx:
            assert [row["version"] for row in await tx.query("SELECT version FROM schema_version")] == [99]
        storage.close()

    asyncio.run(run())


@pytest.mark.parametrize("damage", ["DELETE FROM schema_version", "UPDATE schema_version SET version = 0"])
def test_a_database_without_a_usable_version_is_refused(damage: str) -> None:
    async def run() -> None:
        storage = MemoryStorage()
        await Journal.open(storage)
        async with storage.transaction() as tx:
            await tx.execute(damage)
        with pytest.raises(StorageError, match="should hold one version"):
            await Journal.open(storage)
        storage.close()

    asyncio.run(run())


def test_an_older_database_is_brought_forward_with_its_content() -> None:
    later = (
        *MIGRATIONS,
        Migration(version=NEWEST + 1, statements=("ALTER TABLE run_state ADD COLUMN note TEXT",)),
        Migration(version=NEWEST + 2, statements=("CREATE TABLE more (amount {decimal} NOT NULL, id {serial})",)),
    )

    async def run() -> None:
        storage = MemoryStorage()
        journal = await Journal.open(storage)
        async with journal.transaction() as tx:
            await tx.save_clock(7)
        async with storage.transaction() as raw:
            assert await migrate(raw, Dialect.SQLITE, later) == NEWEST + 2
        async with storage.transaction() as raw:
            assert await migrate(raw, Dialect.SQLITE, later) == NEWEST + 2
            assert await raw.query("SELECT number, note FROM run_state") == [{"number": 7, "note": None}]
            assert await raw.query("SELECT * FROM more") == []
        with pytest.raises(StorageError, match="newer arb"):
            await Journal.open(storage)
        storage.close()

    asyncio.run(run())


def test_a_step_that_fails_leaves_the_old_version() -> None:
    broken = (
        *MIGRATIONS,
        Migration(version=NEWEST + 1, statements=("CREATE TABLE ok (a TEXT)", "CREATE TABLE run_state (a TEXT)")),
    )

    async def run() -> None:
        storage = MemoryStorage()
        await Journal.open(storage)
        expected = rf"schema version {NEWEST} .* needs {NEWEST + 1}; it could not be brought forward"
        with pytest.raises(StorageError, match=expected):
            async with storage.transaction() as raw:
                await migrate(raw, Dialect.SQLITE, broken)
        async with storage.transaction() as raw:
            assert await raw.query("SELECT name FROM sqlite_master WHERE name = 'ok'") == []
        assert await (await Journal.open(storage)).clock() is None
        storage.close()

    asyncio.run(run())


def test_versions_rise_by_one_and_no_decimal_becomes_a_float() -> None:
    assert [step.version for step in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))
    for step in MIGRATIONS:
        for statement in step.statements:
            assert not any(word in statement.upper().split() for word in ("REAL", "FLOAT", "DOUBLE"))
