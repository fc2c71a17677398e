from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from arb.funding import FundingBook, PairForecaster, Schedule, coming_rate
from arb.model import HOUR_NS, Averaging, ExchangeName, FundingKind, FundingRate, RateUnit
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


FLAT_A = {ExchangeName("a"): Averaging.FLAT}


def book_with_history() -> FundingBook:
    book = FundingBook()
    book.add_settled([*settled("a", "0.00001", START_NS, 300), *settled("b", "0.00004", START_NS, 300)])
    return book


def test_the_first_settlement_of_a_leg_whose_averaging_is_known_is_forecast_by_it() -> None:
    book = book_with_history()
    due_ns = START_NS + HOUR_NS
    legs = ((LONG, rate("a", "0.00002"), HOURLY), (SHORT, rate("b", "0.00005"), HOURLY))
    plain = PairForecaster(book, default_half_life_hours=Decimal(24)).forecast(*legs, START_NS)
    own = PairForecaster(book, default_half_life_hours=Decimal(24), averaging=FLAT_A).forecast(*legs, START_NS)
    expected = coming_rate(legs[0][1], Averaging.FLAT, due_ns, usual=Decimal("0.00001")).per_hour
    assert own.long.coming_hour == expected < Decimal("0.00002")
    assert own.short.coming_hour is None
    assert replace(own, long=replace(own.long, coming_hour=None)) == plain
    assert own.capture(START_NS, due_ns) > plain.capture(START_NS, due_ns)
    later = due_ns + 5 * HOUR_NS
    assert own.capture(due_ns, later) == plain.capture(due_ns, later)


def test_without_averaging_history_or_a_settlement_to_come_nothing_changes() -> None:
    legs = ((LONG, rate("a", "0.00002"), HOURLY), (SHORT, rate("b", "0.00005"), HOURLY))
    other_settlement = replace(rate("a", "0.00002"), next_funding_ns=START_NS + 2 * HOUR_NS)
    continuous = Schedule(next_ns=START_NS, interval_ns=0)
    cases = (
        (FundingBook(), legs),
        (book_with_history(), ((LONG, other_settlement, HOURLY), legs[1])),
        (book_with_history(), ((LONG, rate("a", "0.00002"), continuous), legs[1])),
    )
    for book, each in cases:
        forecaster = PairForecaster(book, default_half_life_hours=Decimal(24), averaging=FLAT_A)
        assert forecaster.forecast(*each, START_NS).long.coming_hour is None


def test_in_a_spike_only_what_is_decided_is_believed() -> None:
    book = FundingBook()
    book.add_settled(settled("b", "0.00001", START_NS, 300))
    for offset, hour in enumerate(("0.00002", "0.00003", "0.00004")):
        book.add_settled(
            each for each in settled("a", hour, START_NS, 300) if each.ts_event_ns // (4 * HOUR_NS) % 3 == offset
        )
    spike = Decimal("-0.01")
    now_ns = START_NS + HOUR_NS * 3 // 4
    published = replace(rate("a", str(spike)), ts_event_ns=now_ns)
    forecaster = PairForecaster(book, default_half_life_hours=Decimal(24), averaging=FLAT_A)
    found = forecaster.forecast((LONG, published, HOURLY), (SHORT, rate("b", "0.00001"), HOURLY), now_ns)
    assert found.long.rate_hour > spike * Decimal("0.51")
    assert found.long.coming_hour is not None
    assert spike * Decimal("0.88") < found.long.coming_hour < spike * Decimal("0.75")


def test_the_forecast_keeps_the_cap() -> None:
    cap = Decimal("0.000015")
    book = FundingBook(caps={LONG.id: cap})
    book.add_settled([*settled("a", "0.00004", START_NS, 300), *settled("b", "0.00004", START_NS, 300)])
    forecaster = PairForecaster(book, default_half_life_hours=Decimal(24), averaging=FLAT_A)
    found = forecaster.forecast((LONG, rate("a", "0.000014"), HOURLY), (SHORT, rate("b", "0.00005"), HOURLY), START_NS)
    assert found.long.coming_hour == cap
