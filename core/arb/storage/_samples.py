"""Snapshots of accounts: equity, and the positions that belong to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from arb.api import InvariantBroken, Row, Transaction
from arb.model import EquitySample, ExchangeName, InstrumentId, PositionSample, exchange_of

from ._sql import (
    KEYS_PER_QUERY,
    Conditions,
    decimal,
    decode,
    delete_sql,
    integer,
    select_sql,
    text,
    upsert_sql,
    write_rows,
)

_EQUITY: Final = ("ts_ns", "exchange", "currency", "cash", "equity", "usd_rate")
_POSITION: Final = ("ts_ns", "instrument", "exchange", "quantity", "mark_price")
_PUT_EQUITY: Final = upsert_sql("equity_samples", _EQUITY, ("ts_ns", "exchange", "currency"))
_PUT_POSITION: Final = upsert_sql("position_samples", _POSITION, ("ts_ns", "instrument"))


async def add_equity(transaction: Transaction, samples: Sequence[EquitySample]) -> None:
    """Store snapshots; one of the same exchange and time replaces the earlier one with its positions."""
    for ts_ns, exchange in {(sample.ts_ns, sample.exchange): None for sample in samples}:
        same = Conditions().add("ts_ns = ?", ts_ns).add("exchange = ?", exchange)
        await transaction.execute(delete_sql("equity_samples", same), same.values)
        await transaction.execute(delete_sql("position_samples", same), same.values)
    rows = [(one.ts_ns, one.exchange, one.currency, one.cash, one.equity, one.usd_rate) for one in samples]
    await write_rows(transaction, _PUT_EQUITY, rows)


async def add_positions(transaction: Transaction, samples: Sequence[PositionSample]) -> None:
    """Store the positions of snapshots that are stored."""
    for ts_ns, exchange in {(sample.ts_ns, exchange_of(sample.instrument)): None for sample in samples}:
        same = Conditions().add("ts_ns = ?", ts_ns).add("exchange = ?", exchange)
        if not await transaction.query(select_sql("equity_samples", ("ts_ns",), same, limit=1), same.values):
            raise InvariantBroken(
                f"positions of {exchange} at {ts_ns} have no equity of the same time: add the equity first"
            )
    rows = [(one.ts_ns, one.instrument, exchange_of(one.instrument), one.quantity, one.mark_price) for one in samples]
    await write_rows(transaction, _PUT_POSITION, rows)


async def equity(transaction: Transaction, start_ns: int | None, end_ns: int | None) -> tuple[EquitySample, ...]:
    """Return samples in [start, end], oldest first."""
    conditions = Conditions().add("ts_ns >= ?", start_ns).add("ts_ns <= ?", end_ns)
    sql = select_sql("equity_samples", _EQUITY, conditions, order_by="ts_ns, exchange, currency")
    return decode("equity_samples", await transaction.query(sql, conditions.values), _equity_sample)


async def positions_at(transaction: Transaction, times_ns: Sequence[int]) -> tuple[PositionSample, ...]:
    """Return the positions of snapshots, oldest first."""
    found: list[PositionSample] = []
    ordered = sorted(set(times_ns))
    for start in range(0, len(ordered), KEYS_PER_QUERY):
        conditions = Conditions().among("ts_ns", ordered[start : start + KEYS_PER_QUERY])
        sql = select_sql("position_samples", _POSITION, conditions, order_by="ts_ns, instrument")
        found += decode("position_samples", await transaction.query(sql, conditions.values), _position_sample)
    return tuple(found)


async def positions_at_last_sample(transaction: Transaction) -> tuple[PositionSample, ...]:
    """Return the positions in the last snapshot of each exchange, by instrument."""
    rows = await transaction.query(
        "SELECT position_samples.ts_ns, instrument, quantity, mark_price FROM position_samples"
        " JOIN (SELECT exchange, MAX(ts_ns) AS last_ns FROM equity_samples GROUP BY exchange) AS latest"
        " ON position_samples.exchange = latest.exchange AND position_samples.ts_ns = latest.last_ns"
        " ORDER BY instrument"
    )
    return decode("position_samples", rows, _position_sample)


def _equity_sample(row: Row) -> EquitySample:
    return EquitySample(
        ts_ns=integer(row, "ts_ns"),
        exchange=ExchangeName(text(row, "exchange")),
        currency=text(row, "currency"),
        cash=decimal(row, "cash"),
        equity=decimal(row, "equity"),
        usd_rate=decimal(row, "usd_rate"),
    )


def _position_sample(row: Row) -> PositionSample:
    return PositionSample(
        ts_ns=integer(row, "ts_ns"),
        instrument=InstrumentId(text(row, "instrument")),
        quantity=decimal(row, "quantity"),
        mark_price=decimal(row, "mark_price"),
    )
