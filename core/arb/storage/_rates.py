"""Funding rates: predicted and settled are two series that never mix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Final

from arb.api import Dialect, Row, SqlValue, Transaction
from arb.model import FundingKind, FundingRate, InstrumentId, RateUnit

from ._days import make_days
from ._sql import Conditions, decimal, decode, integer, integer_or_none, select_sql, text, upsert_sql, write_rows

_COLUMNS: Final = (
    "instrument",
    "ts_event_ns",
    "ts_init_ns",
    "raw",
    "unit_factor",
    "unit_period_ns",
    "interval_ns",
    "next_funding_ns",
)
_NEWER: Final = ("ts_event_ns", "ts_init_ns")
_PUT_LATEST: Final = upsert_sql(
    "latest_funding_rates", ("kind", *_COLUMNS), ("kind", "instrument"), unless_newer=_NEWER
)


def _table(kind: FundingKind) -> str:
    return f"{kind}_funding_rates"


_PUT: Final = MappingProxyType(
    {
        kind: upsert_sql(_table(kind), _COLUMNS, ("instrument", "ts_event_ns"), unless_newer=("ts_init_ns",))
        for kind in FundingKind
    }
)


async def add_funding_rates(transaction: Transaction, rates: Sequence[FundingRate], dialect: Dialect) -> None:
    """Store rates; of two with one instrument, kind and time the later observed is kept."""
    for kind in FundingKind:
        found = [rate for rate in rates if rate.kind is kind]
        await make_days(transaction, dialect, _table(kind), (rate.ts_event_ns for rate in found))
        rows = [_row(rate) for rate in found]
        await write_rows(transaction, _PUT[kind], rows)
        newest = {rate.instrument: row for rate, row in sorted(zip(found, rows, strict=True), key=_moment)}
        await write_rows(transaction, _PUT_LATEST, [(kind, *row) for row in newest.values()])


async def funding_rates(
    transaction: Transaction, instrument: InstrumentId | None, kind: FundingKind, start_ns: int, end_ns: int
) -> tuple[FundingRate, ...]:
    """Return the rates of one instrument or of all in [start, end), oldest first."""
    conditions = Conditions().add("instrument = ?", instrument)
    conditions.add("ts_event_ns >= ?", start_ns).add("ts_event_ns < ?", end_ns)
    sql = select_sql(_table(kind), _COLUMNS, conditions, order_by="ts_event_ns")
    return decode(_table(kind), await transaction.query(sql, conditions.values), _reader(kind))


async def latest_funding_rates(transaction: Transaction, kind: FundingKind) -> tuple[FundingRate, ...]:
    """Return the newest rate of each instrument, by instrument: a table of their own holds them."""
    conditions = Conditions().add("kind = ?", kind)
    sql = select_sql("latest_funding_rates", _COLUMNS, conditions, order_by="instrument")
    rows = await transaction.query(sql, conditions.values)
    return decode("latest_funding_rates", rows, _reader(kind))


def _moment(pair: tuple[FundingRate, Sequence[SqlValue]]) -> tuple[int, int]:
    return pair[0].ts_event_ns, pair[0].ts_init_ns


def _row(rate: FundingRate) -> Sequence[SqlValue]:
    return (
        rate.instrument,
        rate.ts_event_ns,
        rate.ts_init_ns,
        rate.raw,
        rate.unit.factor,
        rate.unit.period_ns,
        rate.interval_ns,
        rate.next_funding_ns,
    )


def _reader(kind: FundingKind) -> Callable[[Row], FundingRate]:
    """Return what reads rows of a kind; a venue writes all of its rates in one or two units."""
    units: dict[tuple[SqlValue, SqlValue], RateUnit] = {}

    def read(row: Row) -> FundingRate:
        written = row["unit_factor"], row["unit_period_ns"]
        unit = units.get(written)
        if unit is None:
            unit = RateUnit(factor=decimal(row, "unit_factor"), period_ns=integer(row, "unit_period_ns"))
            units[written] = unit
        return FundingRate(
            instrument=InstrumentId(text(row, "instrument")),
            raw=decimal(row, "raw"),
            unit=unit,
            interval_ns=integer(row, "interval_ns"),
            kind=kind,
            ts_event_ns=integer(row, "ts_event_ns"),
            ts_init_ns=integer(row, "ts_init_ns"),
            next_funding_ns=integer_or_none(row, "next_funding_ns"),
        )

    return read
