from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from arb.model import HOUR_NS, FundingKind, InstrumentStatus, parse_utc
from arb.recordings import SkippedRow, Tally, Trap, open_recordings

Write = Callable[..., Path]

START = datetime(2026, 1, 1, tzinfo=UTC)
START_NS = parse_utc("2026-01-01T00:00:00Z")


def row(hour: float = 0, **other: Any) -> dict[str, Any]:
    """Return a settlement so many hours after the start."""
    return {
        "venue": "binance",
        "venue_symbol": "BTCUSDT",
        "canonical_symbol": "BTC-USDT-PERP",
        "settlement_ts": START + timedelta(hours=hour),
        "rate_raw": 0.0001,
        "interval_hours": 8.0,
        "is_predicted": False,
        "contract_type": "linear",
        **other,
    }


def test_a_settlement_becomes_a_rate_of_its_interval(write: Write) -> None:
    ((recording,), _) = open_recordings(write([row(rate_raw=-7.45e-06), row(8, interval_hours=4.0)]))
    tally = Tally()
    (instrument,) = recording.instruments(tally)
    assert (instrument.id, instrument.symbol) == ("BTC-USDT-PERP.binance", "BTCUSDT")
    assert (instrument.base, instrument.quote, instrument.multiplier) == ("BTC", "USDT", Decimal(1))
    assert instrument.funding_interval_ns == 4 * HOUR_NS
    assert instrument.status is InstrumentStatus.SUSPENDED
    (batch,) = recording.batches(tally)
    first, second = batch.rates
    assert (first.kind, first.raw, first.rate) == (FundingKind.SETTLED, Decimal("-0.00000745"), Decimal("-0.00000745"))
    assert (first.interval_ns, first.unit.period_ns) == (8 * HOUR_NS, 8 * HOUR_NS)
    assert second.interval_ns == 4 * HOUR_NS
    assert first.per_hour == Decimal("-0.00000745") / 8
    assert (batch.rows, batch.stats, +tally.skipped) == (2, (), {})


def test_stamps_are_rounded_to_the_minute_and_counted(write: Write) -> None:
    late = row(settlement_ts=START + timedelta(milliseconds=12))
    early = row(settlement_ts=START + timedelta(hours=8, milliseconds=-3))
    ((recording,), _) = open_recordings(write([late, early, row(16)]))
    tally = Tally()
    recording.instruments(tally)
    (batch,) = recording.batches(tally)
    assert [rate.ts_event_ns for rate in batch.rates] == [START_NS + hours * HOUR_NS for hours in (0, 8, 16)]
    assert tally.traps[Trap.STAMPS_OFF_THE_MINUTE] == 2


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"interval_hours": None}, SkippedRow.INTERVAL_UNKNOWN),
        ({"interval_hours": 0.0}, SkippedRow.INTERVAL_UNKNOWN),
        ({"rate_raw": float("nan")}, SkippedRow.NOT_A_NUMBER),
        ({"rate_raw": None}, SkippedRow.NOT_A_NUMBER),
        ({"settlement_ts": None}, SkippedRow.NOT_A_NUMBER),
        ({"is_predicted": True}, SkippedRow.NOT_SETTLED),
        ({"contract_type": "inverse"}, SkippedRow.NOT_LINEAR),
        ({"canonical_symbol": "BTC"}, SkippedRow.NAME_UNKNOWN),
        ({"venue": None}, SkippedRow.NAME_UNKNOWN),
    ],
)
def test_what_cannot_be_used_is_left_out_with_its_reason(write: Write, other: dict[str, Any], reason: str) -> None:
    ((recording,), _) = open_recordings(write([row(8), row(**other)]))
    tally = Tally()
    recording.instruments(tally)
    (batch,) = recording.batches(tally)
    assert (len(batch.rates), batch.rows, +tally.skipped) == (1, 2, {reason: 1})
    assert tally.traps[Trap.INTERVAL_MISSING] == (reason is SkippedRow.INTERVAL_UNKNOWN)


def test_contracts_of_a_coin_in_two_currencies_are_two_instruments(write: Write) -> None:
    other = row(venue_symbol="BTCUSDC", canonical_symbol="BTC-USDC-PERP")
    ((recording,), _) = open_recordings(write([row(), other]))
    tally = Tally()
    assert {one.id for one in recording.instruments(tally)} == {"BTC-USDT-PERP.binance", "BTC-USDC-PERP.binance"}
    assert tally.traps[Trap.QUOTES_OF_ONE_COIN] == 2
