"""A database in another storage is the same database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from arb.api import InvariantBroken, Row, SqlValue, StorageError
from arb.model import Event, EventKind, ExchangeName
from arb.storage import Journal, copy_database, count_rows
from arb.storage._copy import TABLES, decimal_columns
from arb.testing import MemoryStorage


async def rows_of(storage: MemoryStorage) -> dict[str, list[Row]]:
    async with storage.transaction() as tx:
        return {name: await tx.query(f"SELECT * FROM {name} ORDER BY {', '.join(key)}") for name, key in TABLES.items()}


async def write(storage: MemoryStorage, sql: str, *values: SqlValue) -> None:
    async with storage.transaction() as tx:
        await tx.execute(sql, values)


async def filled(storage: MemoryStorage) -> None:
    """Put something into tables of every kind: keys of texts and numbers, Decimals, serials, references."""
    journal = await Journal.open(storage)
    async with journal.transaction() as tx:
        await tx.add_events(
            [Event(ts_ns=number, kind=EventKind.RUN_STARTED, subject="run", message="") for number in range(4_500)]
        )
        await tx.put_cursor(ExchangeName("left"), "fills", 2**62)
        await tx.put_state("run", "halts", "{}")
    await write(
        storage,
        "INSERT INTO fills (exchange, fill_id, client_order_id, exchange_order_id, instrument, side, price, quantity,"
        " fee, fee_currency, liquidity, ts_event_ns)"
        " VALUES ('left', '1', 'o', 'x', 'i', 'buy', ?, ?, ?, 'USDC', 'taker', 1)",
        Decimal("63091.10"),
        Decimal("1E-18"),
        Decimal("-0.5"),
    )


def on_two(body: Callable[[MemoryStorage, MemoryStorage], Awaitable[None]]) -> None:
    async def main() -> None:
        source, target = MemoryStorage(), MemoryStorage()
        await body(source, target)
        source.close()
        target.close()

    asyncio.run(main())


def test_every_row_of_every_table_is_there() -> None:
    async def body(source: MemoryStorage, target: MemoryStorage) -> None:
        await filled(source)
        told: list[str] = []
        copied = await copy_database(source, target, tell=lambda table, rows: told.append(f"{table} {rows}"))
        assert await rows_of(target) == await rows_of(source)
        assert (copied["events"], copied["fills"], copied["legs"]) == (4_500, 1, 0)
        assert [line for line in told if line.startswith("events")] == ["events 2000", "events 4000", "events 4500"]

    on_two(body)


def test_numbers_that_the_database_gives_go_on_after_the_copied_ones() -> None:
    async def body(source: MemoryStorage, target: MemoryStorage) -> None:
        await filled(source)
        await copy_database(source, target)
        journal = await Journal.open(target)
        async with journal.transaction() as tx:
            await tx.add_events([Event(ts_ns=9, kind=EventKind.RUN_STOPPED, subject="run", message="")])
            assert (await tx.events(limit=0))[-1][0] == 4_501

    on_two(body)


def test_what_is_not_empty_is_not_written_to() -> None:
    async def body(source: MemoryStorage, target: MemoryStorage) -> None:
        await filled(source)
        journal = await Journal.open(target)
        async with journal.transaction() as tx:
            await tx.put_state("run", "halts", "{}")
        before = await rows_of(target)
        with pytest.raises(StorageError, match=r"not empty \(1 plugin_state\)"):
            await copy_database(source, target)
        assert await rows_of(target) == before

    on_two(body)


def test_an_older_or_empty_source_is_not_copied() -> None:
    async def body(source: MemoryStorage, target: MemoryStorage) -> None:
        with pytest.raises(StorageError, match="holds no tables of arb"):
            await copy_database(source, target)
        await filled(source)
        await write(source, "UPDATE schema_version SET version = 1")
        with pytest.raises(StorageError, match="has schema version 1; this arb needs"):
            await copy_database(source, target)

    on_two(body)


def test_a_storage_that_keeps_something_else_is_found_and_nothing_stays() -> None:
    async def body(source: MemoryStorage, target: MemoryStorage) -> None:
        await filled(source)
        await Journal.open(target)
        await write(
            target,
            "CREATE TRIGGER lossy AFTER INSERT ON fills BEGIN UPDATE fills SET price = '63091.1000001'; END",
        )
        with pytest.raises(InvariantBroken, match="fills: 1 rows were copied"):
            await copy_database(source, target)
        async with target.transaction() as tx:
            assert not any((await count_rows(tx)).values())

    on_two(body)


def test_no_table_is_forgotten_and_every_key_is_its_key() -> None:
    async def body(source: MemoryStorage, _target: MemoryStorage) -> None:
        await Journal.open(source)
        async with source.transaction() as tx:
            tables = await tx.query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            assert {str(row["name"]) for row in tables} == {*TABLES, "schema_version"}
            for table, key in TABLES.items():
                columns = await tx.query(f"SELECT name, pk FROM pragma_table_info('{table}') WHERE pk > 0 ORDER BY pk")
                assert tuple(str(row["name"]) for row in columns) == key, table

    on_two(body)


def test_which_columns_are_decimals_is_read_from_the_statements() -> None:
    columns = decimal_columns()
    assert set(columns) >= set(TABLES)
    assert columns["orders"] == {"arrival_price", "quantity", "price", "filled_quantity", "average_price"}
    assert "closing_min_notional" in columns["instruments"]
    assert columns["predicted_funding_rates"] == columns["settled_funding_rates"] == {"raw", "unit_factor"}
    assert columns["events"] == frozenset()
