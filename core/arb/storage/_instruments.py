"""Instruments: every version of their rules, with the time from which it holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from arb.api import Row, SqlValue, Transaction
from arb.model import FeeSchedule, Instrument, InstrumentId, InstrumentStatus, MarginTier, PriceBase

from ._sql import (
    Conditions,
    decimal,
    decimal_or_none,
    decode,
    integer,
    integer_or_none,
    select_sql,
    text,
    upsert_sql,
    write_rows,
)

_COLUMNS: Final = (
    "instrument",
    "effective_from_ns",
    "symbol",
    "base",
    "quote",
    "tick_size",
    "lot_size",
    "maker_fee",
    "taker_fee",
    "margin_tiers",
    "funding_interval_ns",
    "min_quantity",
    "min_notional",
    "closing_min_notional",
    "max_quantity",
    "multiplier",
    "funding_price_base",
    "asset_class",
    "status",
)
_PUT: Final = upsert_sql("instruments", _COLUMNS, ("instrument", "effective_from_ns"))


async def put_instruments(
    transaction: Transaction, found: Sequence[Instrument], seen_ns: int
) -> tuple[Instrument, ...]:
    """Store what is new or changed and return those versions."""
    latest = {instrument.id: instrument for instrument in await instruments(transaction, None)}
    new: list[Instrument] = []
    for instrument in found:
        known = latest.get(instrument.id)
        if known is not None:
            effective_ns = instrument.effective_from_ns
            if replace(instrument, effective_from_ns=known.effective_from_ns) == known:
                continue
            if effective_ns <= known.effective_from_ns:
                # The venue does not date its change: it holds since we saw it.
                effective_ns = max(seen_ns, known.effective_from_ns)
            instrument = replace(instrument, effective_from_ns=effective_ns)
        latest[instrument.id] = instrument
        new.append(instrument)
    await write_rows(transaction, _PUT, [_row(instrument) for instrument in new])
    return tuple(new)


async def instruments(transaction: Transaction, at_ns: int | None) -> tuple[Instrument, ...]:
    """Return the version of each instrument that holds at a time, or the newest one, by id."""
    conditions = Conditions().add("effective_from_ns <= ?", at_ns)
    sql = select_sql("instruments", _COLUMNS, conditions, order_by="instrument, effective_from_ns")
    versions = decode("instruments", await transaction.query(sql, conditions.values), _instrument)
    return tuple({instrument.id: instrument for instrument in versions}.values())


def _row(instrument: Instrument) -> Sequence[SqlValue]:
    return (
        instrument.id,
        instrument.effective_from_ns,
        instrument.symbol,
        instrument.base,
        instrument.quote,
        instrument.tick_size,
        instrument.lot_size,
        instrument.fees.maker,
        instrument.fees.taker,
        json.dumps([_tier_texts(tier) for tier in instrument.margin_tiers]),
        instrument.funding_interval_ns,
        instrument.min_quantity,
        instrument.min_notional,
        instrument.closing_min_notional,
        instrument.max_quantity,
        instrument.multiplier,
        instrument.funding_price_base,
        instrument.asset_class,
        instrument.status,
    )


def _tier_texts(tier: MarginTier) -> Sequence[str | None]:
    largest = None if tier.max_notional is None else str(tier.max_notional)
    return (largest, str(tier.maintenance_rate), str(tier.max_leverage))


def _tiers(stored: str) -> tuple[MarginTier, ...]:
    return tuple(
        MarginTier(
            max_notional=None if largest is None else Decimal(largest),
            maintenance_rate=Decimal(maintenance),
            max_leverage=Decimal(leverage),
        )
        for largest, maintenance, leverage in json.loads(stored)
    )


def _instrument(row: Row) -> Instrument:
    return Instrument(
        id=InstrumentId(text(row, "instrument")),
        symbol=text(row, "symbol"),
        base=text(row, "base"),
        quote=text(row, "quote"),
        tick_size=decimal(row, "tick_size"),
        lot_size=decimal(row, "lot_size"),
        fees=FeeSchedule(maker=decimal(row, "maker_fee"), taker=decimal(row, "taker_fee")),
        margin_tiers=_tiers(text(row, "margin_tiers")),
        funding_interval_ns=integer_or_none(row, "funding_interval_ns"),
        min_quantity=decimal(row, "min_quantity"),
        min_notional=decimal(row, "min_notional"),
        closing_min_notional=decimal(row, "closing_min_notional"),
        max_quantity=decimal_or_none(row, "max_quantity"),
        multiplier=decimal(row, "multiplier"),
        funding_price_base=PriceBase(text(row, "funding_price_base")),
        asset_class=text(row, "asset_class"),
        status=InstrumentStatus(text(row, "status")),
        effective_from_ns=integer(row, "effective_from_ns"),
    )
