"""Long series that PostgreSQL keeps in one partition a day, made when the first row of the day arrives.

SQLite keeps each in one table, and every statement is the same on both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from arb.api import Dialect, Transaction
from arb.model import DAY_NS

from ._sql import Conditions, decode, select_sql, text

SERIES: Final = ("predicted_funding_rates", "market_stats")
"""Predicted rates and market statistics: thousands of rows a minute, by `ts_event_ns` and `instrument`."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


async def make_days(transaction: Transaction, dialect: Dialect, table: str, times_ns: Iterable[int]) -> None:
    """Make the partitions that rows of these times belong to.

    Transactions that write follow one another over all processes, so nobody else makes the same one.
    """
    if dialect is not Dialect.POSTGRESQL or table not in SERIES:
        return
    wanted = {day: _name(table, day) for day in sorted({ts_ns // DAY_NS for ts_ns in times_ns})}
    if not wanted:
        return
    names = [*wanted.values(), *map(_small, wanted.values())]
    there = await _tables(transaction, Conditions().among("relname", names))
    for day, name in wanted.items():
        if there.isdisjoint({name, _small(name)}):
            await transaction.execute(f"CREATE TABLE {name} PARTITION OF {table} {_bounds(day)}")


async def emptied_days(transaction: Transaction, dialect: Dialect, table: str, before_ns: int) -> Sequence[int]:
    """Return the days before a time that still have the partition they were written to, oldest first."""
    if dialect is not Dialect.POSTGRESQL:
        return ()
    # Each `_` of the pattern is any character: eight of them are the date, and a small one has a longer name.
    named = Conditions().add("relname LIKE ?", _name(table, 0).replace("19700101", "_" * 8))
    dates = sorted(name[-8:] for name in await _tables(transaction, named))
    days = [(datetime.strptime(date, "%Y%m%d").replace(tzinfo=UTC) - _EPOCH).days for date in dates]
    return [day for day in days if (day + 1) * DAY_NS <= before_ns]


async def shrink_day(transaction: Transaction, table: str, day: int) -> None:
    """Put what is left of a day into a new, small partition and drop the one whose rows were deleted.

    A deleted row leaves its place behind, and nothing is ever written to an old day again. Whoever reads
    the table at this moment is not waited for, and does not have to wait: then nothing is done.
    """
    old, new = _name(table, day), _small(_name(table, day))
    await transaction.execute(
        f"""DO $$
        BEGIN
            CREATE TABLE {new} (LIKE {table});
            INSERT INTO {new} SELECT * FROM {old};
            ALTER TABLE {new} ADD PRIMARY KEY (ts_event_ns, instrument);
            CREATE INDEX ON {new} (instrument, ts_event_ns);
            LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE NOWAIT;
            LOCK TABLE ONLY {old} IN ACCESS EXCLUSIVE MODE NOWAIT;
            DROP TABLE {old};
            ALTER TABLE {table} ATTACH PARTITION {new} {_bounds(day)};
        EXCEPTION WHEN lock_not_available THEN
            NULL;
        END $$"""  # noqa: S608 - names are ours
    )


async def _tables(transaction: Transaction, conditions: Conditions) -> set[str]:
    """Return the names of the tables of PostgreSQL's search path whose `relname` meets the conditions."""
    sql = select_sql("pg_class", ("relname::text AS name",), conditions)
    sql += " AND relkind = 'r' AND pg_table_is_visible(oid)"
    return set(decode("pg_class", await transaction.query(sql, conditions.values), lambda row: text(row, "name")))


def _name(table: str, day: int) -> str:
    """Return the name of the partition of a day, counted from 1970."""
    return f"{table}_{_EPOCH + timedelta(days=day):%Y%m%d}"


def _small(name: str) -> str:
    """Return the name of what a partition is replaced by once one row an hour is left of it."""
    return f"{name}_hours"


def _bounds(day: int) -> str:
    return f"FOR VALUES FROM ({day * DAY_NS}) TO ({(day + 1) * DAY_NS})"
