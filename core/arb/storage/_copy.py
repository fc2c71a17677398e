"""A whole database from one storage into another, without loss."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Final

from arb.api import Dialect, InvariantBroken, Row, SqlValue, Storage, StorageError, Transaction

from ._days import SERIES, make_days
from ._schema import MIGRATIONS, migrate, stored_version
from ._sql import insert_sql, integer, write_rows

TABLES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "instruments": ("instrument", "effective_from_ns"),
        "hedges": ("hedge_id",),
        "legs": ("hedge_id", "leg_index"),
        "orders": ("client_order_id", "instrument"),
        "order_reports": ("report_id",),
        "fills": ("exchange", "fill_id"),
        "funding_payments": ("exchange", "payment_id"),
        "markouts": ("client_order_id", "horizon_ns"),
        "dust": ("hedge_id", "leg_index"),
        "predicted_funding_rates": ("ts_event_ns", "instrument"),
        "settled_funding_rates": ("instrument", "ts_event_ns"),
        "latest_funding_rates": ("kind", "instrument"),
        "equity_samples": ("ts_ns", "exchange", "currency"),
        "position_samples": ("ts_ns", "instrument"),
        "events": ("event_id",),
        "plugin_state": ("owner", "name"),
        "cursors": ("exchange", "what"),
        "run_state": ("name",),
        "leases": ("account",),
        "ledger_entries": ("entry_id",),
        "ledger_lines": ("entry_id", "line_index"),
        "transfers": ("exchange", "transfer_id"),
        "expected_funding": ("instrument", "settled_ns"),
        "market_stats": ("ts_event_ns", "instrument"),
        "latest_market_stats": ("instrument",),
    }
)
"""Every table and its key; a table comes after those that it refers to."""

_SERIALS: Final = (("events", "event_id"), ("order_reports", "report_id"))
_CHUNK: Final = 2_000

Tell = Callable[[str, int], None]
"""Told of a table and how many of its rows are copied."""


@dataclass(slots=True)
class _Sum:
    """Rows counted and added up by their hashes: two databases need not sort texts alike."""

    rows: int = 0
    digest: int = 0

    def add(self, table: str, row: Row) -> None:
        content = repr([(name, _plain(table, name, row[name])) for name in sorted(row)])
        self.rows += 1
        self.digest += int.from_bytes(hashlib.blake2b(content.encode(), digest_size=16).digest(), "big")


async def count_rows(transaction: Transaction) -> Mapping[str, int]:
    """Return how many rows each table holds."""
    found = {}
    for table in TABLES:
        (row,) = await transaction.query(f"SELECT COUNT(*) AS number FROM {table}")  # noqa: S608 - names are ours
        found[table] = int(str(row["number"]))
    return found


def _say_nothing(_table: str, _rows: int) -> None:
    return


async def copy_database(source: Storage, target: Storage, *, tell: Tell = _say_nothing) -> Mapping[str, int]:
    """Copy every row of every table in one transaction, read them back, and return how many there are.

    Args:
        source: Of the newest version; it is only read, and one transaction of it is open all the time.
        target: It holds no row; its tables are made where there are none.
        tell: Told now and then.

    Raises:
        StorageError: the source is older, the target holds something, or one of the two failed: nothing
            of the copy is there.
        InvariantBroken: what was read back is not what was written; nothing of it stays.
    """
    async with source.transaction() as reading, target.transaction() as writing:
        await _check_versions(reading, source.dialect, writing, target.dialect)
        copied = {}
        for table in TABLES:
            there = await _copy_table(reading, writing, target.dialect, table, tell)
            here = await _sum(writing, table)
            if there != here:
                raise InvariantBroken(f"{table}: {there.rows} rows were copied, and {here.rows} read back are others")
            copied[table] = there.rows
        if target.dialect is Dialect.POSTGRESQL:
            await _continue_serials(writing)
    return copied


async def _check_versions(reading: Transaction, source: Dialect, writing: Transaction, target: Dialect) -> None:
    newest, found = MIGRATIONS[-1].version, await stored_version(reading, source)
    if found != newest:
        what = f"has schema version {found}" if found else "holds no tables of arb"
        raise StorageError(f"the database to copy {what}; this arb needs {newest}: `arb db upgrade` brings it forward")
    await migrate(writing, target)
    held = {table: rows for table, rows in (await count_rows(writing)).items() if rows}
    if held:
        named = ", ".join(f"{rows} {table}" for table, rows in held.items())
        raise StorageError(f"the database to copy into is not empty ({named}); choose another one")


async def _copy_table(reading: Transaction, writing: Transaction, dialect: Dialect, table: str, tell: Tell) -> _Sum:
    total, after = _Sum(), None
    while True:
        rows = await _page(reading, table, after)
        if not rows:
            return total
        for row in rows:
            total.add(table, row)
        columns = sorted(rows[0])
        values = [[_typed(table, name, row[name]) for name in columns] for row in rows]
        if table in SERIES:
            await make_days(writing, dialect, table, {integer(row, "ts_event_ns") for row in rows})
        await write_rows(writing, insert_sql(table, columns), values)
        after = rows[-1]
        tell(table, total.rows)


async def _sum(transaction: Transaction, table: str) -> _Sum:
    total, after = _Sum(), None
    while rows := await _page(transaction, table, after):
        for row in rows:
            total.add(table, row)
        after = rows[-1]
    return total


async def _page(transaction: Transaction, table: str, after: Row | None) -> Sequence[Row]:
    """Return the next rows by the table's key, those after a row."""
    key = ", ".join(TABLES[table])
    where, values = "", [] if after is None else [after[name] for name in TABLES[table]]
    if values:
        where = f" WHERE ({key}) > ({', '.join('?' * len(values))})"
    sql = f"SELECT * FROM {table}{where} ORDER BY {key} LIMIT {_CHUNK}"  # noqa: S608 - names are ours, values are bound
    return await transaction.query(sql, values)


async def _continue_serials(writing: Transaction) -> None:
    """Let numbers that the database gives go on after the copied ones."""
    for table, column in _SERIALS:
        newest = f"(SELECT COALESCE(MAX({column}), 0) + 1 FROM {table})"  # noqa: S608 - names are ours
        await writing.query(f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), {newest}, false)")


def _typed(table: str, name: str, value: SqlValue) -> SqlValue:
    """Return a value as it is written: a storage may hand a Decimal over as text."""
    return Decimal(value) if isinstance(value, str) and name in decimal_columns()[table] else value


def _plain(table: str, name: str, value: SqlValue) -> SqlValue:
    """Return a value as it is compared: numbers by what they are worth."""
    value = _typed(table, name, value)
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


@cache
def decimal_columns() -> Mapping[str, frozenset[str]]:
    """Return the Decimal columns of each table, by the statements that make them."""
    found: dict[str, set[str]] = {table: set() for table in TABLES}
    for migration in MIGRATIONS:
        for statement in migration.statements:
            named = re.match(r"(?:CREATE|ALTER) TABLE (\w+)", statement)
            renamed = re.match(r"ALTER TABLE (\w+) RENAME TO (\w+)", statement)
            if renamed is not None:
                found[renamed[2]] = found.pop(renamed[1])
            elif named is not None:
                found.setdefault(named[1], set()).update(re.findall(r"(\w+) \{decimal\}", statement))
    return MappingProxyType({table: frozenset(names) for table, names in found.items()})
