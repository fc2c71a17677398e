"""Funding rates: predicted and settled are two series that never mix."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from arb.api import Row, SqlValue, Transaction
from arb.model import FundingKind, FundingRate, InstrumentId, RateUnit

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
_PUT_LATEST: Final = upsert_sql(
    "latest_funding_rates", ("kind", "instrument", "ts_event_ns"), ("kind", "instrument"), unless_newer="ts_event_ns"
)


def _table(kind: FundingKind) -> str:
    return f"{kind}_funding_rates"


_PUT: Final = MappingProxyType(
    {
        kind: upsert_sql(_table(kind), _COLUMNS, ("instrument", "ts_event_ns"), unless_newer="ts_init_ns")
        for kind in FundingKind
    }
)


async def add_funding_rates(transaction: Transaction, rates: Sequence[FundingRate]) -> None:
    """Store rates; of two with one instrument, kind and time the later observed is kept."""
    for kind in FundingKind:
        found = [rate for rate in rates if rate.kind is kind]
        await write_rows(transaction, _PUT[kind], [_row(rate) for rate in found])
        newest: dict[InstrumentId, int] = {}
        for rate in found:
            newest[rate.instrument] = max(rate.ts_event_ns, newest.get(rate.instrument, rate.ts_event_ns))
        await write_rows(transaction, _PUT_LATEST, [(kind, *item) for item in newest.items()])


async def funding_rates(
    transaction: Transaction, instrument: InstrumentId, kind: FundingKind, start_ns: int, end_ns: int
) -> tuple[FundingRate, ...]:
    """Return rates in [start, end), oldest first."""
    conditions = Conditions().add("instrument = ?", instrument)
    conditions.add("ts_event_ns >= ?", start_ns).add("ts_event_ns < ?", end_ns)
    sql = select_sql(_table(kind), _COLUMNS, conditions, order_by="ts_event_ns")
    return decode(_table(kind), await transaction.query(sql, conditions.values), lambda row: _rate(row, kind))


async def latest_funding_rates(transaction: Transaction, kind: FundingKind) -> tuple[FundingRate, ...]:
    """Return the newest rate of each instrument, by instrument.

    Among millions of rates they are found through a small table that points at them.
    """
    conditions = Conditions().add("latest.kind = ?", kind)
    source = (
        f"latest_funding_rates AS latest JOIN {_table(kind)} AS rate"
        " ON rate.instrument = latest.instrument AND rate.ts_event_ns = latest.ts_event_ns"
    )
    sql = select_sql(source, [f"rate.{name}" for name in _COLUMNS], conditions, order_by="rate.instrument")
    return decode(_table(kind), await transaction.query(sql, conditions.values), lambda row: _rate(row, kind))


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


def _rate(row: Row, kind: FundingKind) -> FundingRate:
    return FundingRate(
        instrument=InstrumentId(text(row, "instrument")),
        raw=decimal(row, "raw"),
        unit=RateUnit(factor=decimal(row, "unit_factor"), period_ns=integer(row, "unit_period_ns")),
        interval_ns=integer(row, "interval_ns"),
        kind=kind,
        ts_event_ns=integer(row, "ts_event_ns"),
        ts_init_ns=integer(row, "ts_init_ns"),
        next_funding_ns=integer_or_none(row, "next_funding_ns"),
    )
