"""Market statistics: prices and activity beside the funding rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from arb.api import Dialect, Row, SqlValue, Transaction
from arb.model import InstrumentId, MarketStats

from ._days import make_days
from ._sql import Conditions, decimal_or_none, decode, integer, select_sql, text, upsert_sql, write_rows

_COLUMNS: Final = (
    "instrument",
    "ts_event_ns",
    "ts_init_ns",
    "mark_price",
    "index_price",
    "volume_24h",
    "open_interest",
)
_PUT: Final = upsert_sql("market_stats", _COLUMNS, ("ts_event_ns", "instrument"), unless_newer=("ts_init_ns",))
_PUT_LATEST: Final = upsert_sql(
    "latest_market_stats", _COLUMNS, ("instrument",), unless_newer=("ts_event_ns", "ts_init_ns")
)


async def add_stats(transaction: Transaction, stats: Sequence[MarketStats], dialect: Dialect) -> None:
    """Store statistics; of two of one instrument and time the later observed is kept."""
    await make_days(transaction, dialect, "market_stats", (one.ts_event_ns for one in stats))
    await write_rows(transaction, _PUT, [_row(one) for one in stats])
    newest = {one.instrument: one for one in sorted(stats, key=lambda one: (one.ts_event_ns, one.ts_init_ns))}
    await write_rows(transaction, _PUT_LATEST, [_row(one) for one in newest.values()])


async def stats(
    transaction: Transaction, instrument: InstrumentId | None, start_ns: int, end_ns: int
) -> tuple[MarketStats, ...]:
    """Return the statistics of one instrument or of all in [start, end), oldest first."""
    conditions = Conditions().add("instrument = ?", instrument)
    conditions.add("ts_event_ns >= ?", start_ns).add("ts_event_ns < ?", end_ns)
    sql = select_sql("market_stats", _COLUMNS, conditions, order_by="ts_event_ns, instrument")
    return decode("market_stats", await transaction.query(sql, conditions.values), _stats)


async def latest_stats(transaction: Transaction) -> tuple[MarketStats, ...]:
    """Return the newest statistics of each instrument, by instrument: a table of their own holds them."""
    sql = select_sql("latest_market_stats", _COLUMNS, order_by="instrument")
    return decode("latest_market_stats", await transaction.query(sql), _stats)


def _row(one: MarketStats) -> Sequence[SqlValue]:
    return (
        one.instrument,
        one.ts_event_ns,
        one.ts_init_ns,
        one.mark_price,
        one.index_price,
        one.volume_24h,
        one.open_interest,
    )


def _stats(row: Row) -> MarketStats:
    return MarketStats(
        instrument=InstrumentId(text(row, "instrument")),
        mark_price=decimal_or_none(row, "mark_price"),
        index_price=decimal_or_none(row, "index_price"),
        volume_24h=decimal_or_none(row, "volume_24h"),
        open_interest=decimal_or_none(row, "open_interest"),
        ts_event_ns=integer(row, "ts_event_ns"),
        ts_init_ns=integer(row, "ts_init_ns"),
    )
