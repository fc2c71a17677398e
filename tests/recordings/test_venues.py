from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from arb.model import HOUR_NS, parse_utc
from arb.recordings import SkippedRow, Tally, Trap, open_recordings

Write = Callable[..., Path]

START = datetime(2026, 1, 1, tzinfo=UTC)
START_NS = parse_utc("2026-01-01T00:00:00Z")


def row(hour: float, **other: Any) -> dict[str, Any]:
    """Return a settlement of a venue and coin, so many hours after the start."""
    return {
        "timestamp": START + timedelta(hours=hour),
        "venue": "binance",
        "coin": "HYPE",
        "funding_rate": 0.0001,
        **other,
    }


def read(path: Path) -> tuple[dict[int, int], Tally]:
    """Return the interval in hours of each settlement that was kept, by its hour."""
    ((recording,), _) = open_recordings(path)
    tally = Tally()
    recording.instruments(tally)
    (batch,) = recording.batches(tally)
    found = {
        (rate.ts_event_ns - START_NS) // HOUR_NS: rate.interval_ns // HOUR_NS
        for rate in batch.rates
        if rate.unit.period_ns == rate.interval_ns
    }
    return found, tally


def test_the_interval_of_each_row_follows_from_those_around_it(write: Write) -> None:
    hours = range(0, 80, 4)
    found, tally = read(write([row(hour) for hour in hours]))
    assert found == dict.fromkeys(hours, 4)
    assert +tally.skipped == {}
    assert tally.traps[Trap.INTERVAL_NOT_STORED] == tally.traps[Trap.QUOTE_NOT_STORED] == len(hours)


def test_a_change_is_told_from_both_sides(write: Write) -> None:
    before, after = [*range(0, 81, 8)], [*range(81, 100)]
    found, _ = read(write([row(hour) for hour in [*before, *after]]))
    assert found == {**dict.fromkeys(before, 8), **dict.fromkeys(after, 1)}


def test_a_period_that_fits_neither_side_is_left_out(write: Write) -> None:
    before, after = [*range(20)], [*range(25, 106, 8)]
    found, tally = read(write([row(hour) for hour in [*before, *after]]))
    assert 25 not in found
    assert found == {**dict.fromkeys(before, 1), **dict.fromkeys(after[1:], 8)}
    assert +tally.skipped == {SkippedRow.INTERVAL_UNKNOWN: 1}


def test_a_hole_is_counted_and_makes_no_longer_interval(write: Write) -> None:
    hours = [*range(20), *range(98, 120)]
    found, tally = read(write([row(hour) for hour in hours]))
    assert found == dict.fromkeys(hours, 1)
    assert tally.traps[Trap.HOLES] == 1


def test_too_few_settlements_tell_nothing(write: Write) -> None:
    found, tally = read(write([row(hour) for hour in range(0, 28, 4)]))
    assert found == {}
    assert tally.skipped[SkippedRow.INTERVAL_UNKNOWN] == 7


def test_hourly_means_and_venues_that_nobody_knows_are_left_out(write: Write) -> None:
    means = [row(hour, venue="hyperliquid") for hour in range(12)]
    found, tally = read(write([*means, row(0, venue="elsewhere"), *(row(hour) for hour in range(12))]))
    assert len(found) == 12
    assert +tally.skipped == {SkippedRow.HOURLY_MEAN_STAMPED_EARLY: 12, SkippedRow.NAME_UNKNOWN: 1}


def test_the_quote_is_that_of_the_venues_main_contracts(write: Write) -> None:
    rows = [row(hour, venue=venue) for venue in ("kraken", "lighter", "okx") for hour in range(9)]
    ((recording,), _) = open_recordings(write(rows))
    assert {one.id for one in recording.instruments(Tally())} == {
        "HYPE-USD-PERP.kraken",
        "HYPE-USDC-PERP.lighter",
        "HYPE-USDT-PERP.okx",
    }
