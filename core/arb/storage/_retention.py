"""Old predicted rates and market statistics are reduced to one row an hour: the last.

Only these two series are: thousands of rows a minute, whose worth is gone when the next one comes.
Settled rates, payments, fills and events stay whole for ever, and the newest row of each instrument
is kept in a table of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from arb.api import Storage, Transaction
from arb.model import HOUR_NS

from ._days import SERIES, emptied_days, shrink_day
from ._sql import Conditions, decode, integer, integer_or_none, select_sql, upsert_sql

BATCH: Final = 5_000
"""The most rows deleted in one transaction: nobody who records an order waits long for it."""

_PUT_MARK: Final = upsert_sql("run_state", ("name", "number"), ("name",))

Pause = Callable[[], Awaitable[None]]
"""Awaited after every transaction."""


async def prune(
    storage: Storage, before_ns: int, pause: Pause, *, from_oldest: bool = False, batch: int = BATCH
) -> Mapping[str, int]:
    """Keep one row an hour of what is older, and return how many rows of each table were deleted.

    Args:
        storage: Its tables are of the newest version.
        before_ns: Hours that ended by then are reduced.
        pause: Awaited after every transaction.
        from_oldest: Begin with the oldest row, not where the last time ended: rows of hours that were
            reduced already may have come since.
        batch: The most rows deleted in one transaction.

    Raises:
        StorageError: it refused; what was deleted before stays so, and the next time goes on there.
    """
    deleted = {}
    for table in SERIES:
        if from_oldest:
            async with storage.transaction() as transaction:
                await transaction.execute("DELETE FROM run_state WHERE name = ?", (_mark(table),))
        deleted[table] = 0
        is_done = False
        while not is_done:
            async with storage.transaction() as transaction:
                count, is_done = await _thin(transaction, table, before_ns, batch)
            deleted[table] += count
            await pause()
        await _shrink(storage, table, pause)
    return deleted


async def _thin(transaction: Transaction, table: str, before_ns: int, batch: int) -> tuple[int, bool]:
    """Delete at most a batch of one hour's rows; return how many, and whether no older hour is left."""
    last_ns = before_ns // HOUR_NS * HOUR_NS
    begin_ns = await _begin(transaction, table, last_ns)
    if begin_ns >= last_ns:
        return 0, True
    end_ns = begin_ns + HOUR_NS
    count = await transaction.execute(_thin_sql(table), (*[begin_ns, end_ns] * 3, batch))
    if count < batch:
        rest_ns = await _oldest(transaction, table, end_ns, last_ns)
        await transaction.execute(_PUT_MARK, (_mark(table), last_ns if rest_ns is None else rest_ns))
    return count, False


def _thin_sql(table: str) -> str:
    """Return the statement that deletes rows of [?, ?) after which others of their instrument come in it."""
    span = "ts_event_ns >= ? AND ts_event_ns < ?"
    newest = f"SELECT instrument AS name, MAX(ts_event_ns) AS last_ns FROM {table} WHERE {span} GROUP BY instrument"  # noqa: S608
    older = (
        f"SELECT ts_event_ns, instrument FROM {table} JOIN ({newest}) AS newest"  # noqa: S608 - names are ours
        f" ON newest.name = instrument AND ts_event_ns < newest.last_ns WHERE {span} LIMIT ?"
    )
    return f"DELETE FROM {table} WHERE {span} AND (ts_event_ns, instrument) IN ({older})"  # noqa: S608 - names are ours


async def _begin(transaction: Transaction, table: str, last_ns: int) -> int:
    """Return the beginning of the oldest hour that was not reduced; `last_ns` where there is none."""
    named = Conditions().add("name = ?", _mark(table))
    rows = await transaction.query(select_sql("run_state", ("number",), named), named.values)
    marks = decode("run_state", rows, lambda row: integer(row, "number"))
    if marks:
        return marks[0]
    oldest_ns = await _oldest(transaction, table, None, last_ns)
    return last_ns if oldest_ns is None else oldest_ns


async def _oldest(transaction: Transaction, table: str, since_ns: int | None, until_ns: int) -> int | None:
    """Return the beginning of the hour of the oldest row in [since, until); None where there is none."""
    span = Conditions().add("ts_event_ns >= ?", since_ns).add("ts_event_ns < ?", until_ns)
    sql = select_sql(table, ("MIN(ts_event_ns) AS oldest_ns",), span)
    rows = decode(table, await transaction.query(sql, span.values), lambda row: integer_or_none(row, "oldest_ns"))
    return None if rows[0] is None else rows[0] // HOUR_NS * HOUR_NS


async def _shrink(storage: Storage, table: str, pause: Pause) -> None:
    """Give the room of days that are reduced back to the system, one day a transaction."""
    async with storage.transaction() as transaction:
        reduced_ns = await _begin(transaction, table, 0)
        days = await emptied_days(transaction, storage.dialect, table, reduced_ns)
    for day in days:
        async with storage.transaction() as transaction:
            await shrink_day(transaction, table, day)
        await pause()


def _mark(table: str) -> str:
    return f"{table} reduced before"
