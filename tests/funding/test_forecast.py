from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from arb.funding import FundingBook, PairForecaster, Schedule
from arb.model import HOUR_NS, FundingKind, FundingRate, RateUnit
from arb.testing import START_NS, sample_instrument

LONG, SHORT = sample_instrument("a"), sample_instrument("b")
HOURLY = Schedule(next_ns=START_NS + HOUR_NS, interval_ns=HOUR_NS)


def rate(instrument: str, hour: str) -> FundingRate:
    return FundingRate(
        instrument=LONG.id if instrument == "a" else SHORT.id,
        raw=Decimal(hour),
        unit=RateUnit(factor=Decimal(1), period_ns=HOUR_NS),
        interval_ns=HOUR_NS,
        kind=FundingKind.PREDICTED,
        ts_event_ns=START_NS,
        ts_init_ns=START_NS,
    )


def settled(instrument: str, hour: str, until_ns: int, count: int) -> list[FundingRate]:
    last = until_ns // HOUR_NS
    return [
        replace(rate(instrument, hour), kind=FundingKind.SETTLED, ts_event_ns=(last - n) * HOUR_NS)
        for n in range(count)
    ]


def test_without_history_the_rates_meet_in_the_middle_at_the_default_pace() -> None:
    forecaster = PairForecaster(FundingBook(), default_half_life_hours=Decimal(24))
    found = forecaster.forecast((LONG, rate("a", "0.00001"), HOURLY), (SHORT, rate("b", "0.00005"), HOURLY), START_NS)
    assert found.half_life_hours == 24
    assert found.long.mean_hour == found.short.mean_hour == Decimal("0.00003")


def test_the_pairs_own_history_gives_the_long_run_rates() -> None:
    book = FundingBook()
    book.add_settled([*settled("a", "0.00001", START_NS, 300), *settled("b", "0.00004", START_NS, 300)])
    forecaster = PairForecaster(book, default_half_life_hours=Decimal(24))
    found = forecaster.forecast((LONG, rate("a", "0.00001"), HOURLY), (SHORT, rate("b", "0.0009"), HOURLY), START_NS)
    assert found.short.rate_hour == Decimal("0.0009")
    assert Decimal("0.000029") < found.short.mean_hour - found.long.mean_hour < Decimal("0.00003")


def test_a_restarted_forecaster_says_the_same_and_nothing_later_than_the_boundary_shows() -> None:
    book = FundingBook()
    book.add_settled([*settled("a", "0.00001", START_NS, 300), *settled("b", "0.00004", START_NS, 300)])
    kept = PairForecaster(book, default_half_life_hours=Decimal(24))
    legs = ((LONG, rate("a", "0.00001"), HOURLY), (SHORT, rate("b", "0.0009"), HOURLY))
    first = kept.forecast(*legs, START_NS)
    later = START_NS + 3 * HOUR_NS
    book.add_settled([*settled("a", "0.5", later, 2), *settled("b", "-0.5", later, 2)])
    restarted = PairForecaster(book, default_half_life_hours=Decimal(24))
    assert kept.forecast(*legs, later) == restarted.forecast(*legs, later) == replace(first, from_ns=later)


def test_history_that_arrives_later_is_taken_up_at_once() -> None:
    book = FundingBook()
    forecaster = PairForecaster(book, default_half_life_hours=Decimal(24))
    legs = ((LONG, rate("a", "0.00001"), HOURLY), (SHORT, rate("b", "0.00004"), HOURLY))
    before = forecaster.forecast(*legs, START_NS)
    book.add_settled([*settled("a", "0.00001", START_NS, 300), *settled("b", "0.00004", START_NS, 300)])
    assert forecaster.forecast(*legs, START_NS) != before


def test_a_spike_is_believed_only_as_far_as_the_history_reaches() -> None:
    book = FundingBook()
    book.add_settled(settled("a", "0.00001", START_NS, 300))
    for offset, hour in enumerate(("0.00002", "0.00003", "0.00004")):
        book.add_settled(
            each for each in settled("b", hour, START_NS, 300) if each.ts_event_ns // (4 * HOUR_NS) % 3 == offset
        )
    forecaster = PairForecaster(book, default_half_life_hours=Decimal(24))
    legs = ((LONG, rate("a", "0.00001"), HOURLY), (SHORT, rate("b", "0.01"), HOURLY))
    found = forecaster.forecast(*legs, START_NS)
    assert Decimal("0.00003") < found.short.rate_hour - found.long.rate_hour < Decimal("0.0002")
    assert found.short.rate_hour + found.long.rate_hour == Decimal("0.01001")
