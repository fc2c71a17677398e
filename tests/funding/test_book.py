from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.funding import FundingBook, IntervalChange, Schedule
from arb.model import (
    HOUR_NS,
    MINUTE_NS,
    EventKind,
    ExchangeName,
    Fresh,
    FundingKind,
    FundingRate,
    InstrumentId,
    RateUnit,
    Severity,
    Stale,
    Unknown,
)
from arb.testing import START_NS, sample_instrument

BTC = sample_instrument("x", funding_interval_ns=HOUR_NS)
UNKNOWN = sample_instrument("x", "ODD", funding_interval_ns=None)


def predicted(
    raw: str = "0.0001", *, at: int = START_NS, interval: int = HOUR_NS, due: int | None = START_NS + HOUR_NS
) -> FundingRate:
    return FundingRate(
        instrument=BTC.id,
        raw=Decimal(raw),
        unit=RateUnit(factor=Decimal(1), period_ns=HOUR_NS),
        interval_ns=interval,
        kind=FundingKind.PREDICTED,
        ts_event_ns=at,
        ts_init_ns=at,
        next_funding_ns=due,
    )


def settled(at: int, instrument: InstrumentId = BTC.id, raw: str = "0.0001") -> FundingRate:
    rate = predicted(raw, at=at, due=None)
    return replace(rate, instrument=instrument, kind=FundingKind.SETTLED)


def test_nothing_read_is_unknown_and_not_zero() -> None:
    reading = FundingBook().predicted(BTC.id, START_NS)
    assert isinstance(reading, Unknown)
    assert str(BTC.id) in reading.reason


def test_a_rate_is_fresh_up_to_its_age_and_stale_after() -> None:
    book = FundingBook(max_age_ns=10 * MINUTE_NS)
    book.observe(predicted(), START_NS)
    assert book.predicted(BTC.id, START_NS + 10 * MINUTE_NS) == Fresh(predicted(), "x", START_NS)
    assert book.predicted(BTC.id, START_NS + 10 * MINUTE_NS + 1) == Stale(predicted(), "x", START_NS)


def test_a_rate_whose_settlement_has_passed_is_stale() -> None:
    book = FundingBook(max_age_ns=10 * HOUR_NS)
    book.observe(predicted(due=START_NS + MINUTE_NS), START_NS)
    assert isinstance(book.predicted(BTC.id, START_NS + MINUTE_NS - 1), Fresh)
    assert isinstance(book.predicted(BTC.id, START_NS + MINUTE_NS), Stale)


def test_a_reading_from_the_future_is_not_fresh() -> None:
    book = FundingBook()
    book.observe(predicted(), START_NS + MINUTE_NS)
    assert isinstance(book.predicted(BTC.id, START_NS), Stale)


def test_an_older_reading_does_not_replace_a_newer_one() -> None:
    book = FundingBook()
    book.observe(predicted("0.0002"), START_NS + 2)
    book.observe(predicted("0.0001"), START_NS + 1)
    reading = book.predicted(BTC.id, START_NS + 3)
    assert isinstance(reading, Fresh)
    assert reading.value.raw == Decimal("0.0002")


@pytest.mark.parametrize("raw", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused(raw: str) -> None:
    book = FundingBook()
    with pytest.raises(ValueError, match="unusable"):
        book.observe(predicted(raw), START_NS)
    with pytest.raises(ValueError, match="not a settled"):
        book.add_settled([settled(START_NS), settled(START_NS + 1, raw=raw)])
    assert book.settled(BTC.id) == ()


@pytest.mark.parametrize(("raw", "believed"), [("0.05", True), ("-0.05", True), ("0.0501", False), ("-1", False)])
def test_a_prediction_beyond_every_cap_is_a_wrong_unit_and_not_an_opportunity(raw: str, believed: bool) -> None:
    book = FundingBook()
    book.observe(predicted(), START_NS)
    if believed:
        book.observe(predicted(raw), START_NS + 1)
    else:
        with pytest.raises(ValueError, match="is the unit of the rate right"):
            book.observe(predicted(raw), START_NS + 1)
    held = book.predicted(BTC.id, START_NS + 1)
    assert isinstance(held, Fresh)
    assert held.value.raw == Decimal(raw if believed else "0.0001")


@pytest.mark.parametrize(
    "wrong",
    [
        {"next_funding_ns": START_NS * 1000},
        {"next_funding_ns": START_NS // 1_000_000},
        {"ts_event_ns": START_NS * 1_000_000},
        {"interval_ns": 32 * 24 * HOUR_NS},
        {"interval_ns": 2**70},
    ],
)
def test_a_time_in_another_unit_is_refused(wrong: dict[str, int]) -> None:
    book = FundingBook()
    with pytest.raises(ValueError, match=r"is the unit of the time right|unusable"):
        book.observe(replace(predicted(), **wrong), START_NS)  # type: ignore[arg-type]
    assert isinstance(book.predicted(BTC.id, START_NS), Unknown)


def test_predicted_and_settled_are_never_mixed() -> None:
    book = FundingBook()
    with pytest.raises(ValueError, match="not a prediction"):
        book.observe(settled(START_NS), START_NS)
    with pytest.raises(ValueError, match="not a settled"):
        book.add_settled([predicted()])


def test_a_cap_cuts_in_the_published_period() -> None:
    book = FundingBook(caps={BTC.id: Decimal("0.00005")})
    book.observe(predicted("0.0001"), START_NS)
    reading = book.predicted(BTC.id, START_NS)
    assert isinstance(reading, Fresh)
    assert reading.value.per_hour == Decimal("0.00005")


def test_a_change_of_the_interval_is_told_once_and_takes_effect_then() -> None:
    book = FundingBook()
    assert book.observe(predicted(interval=8 * HOUR_NS), START_NS) is None
    later = START_NS + 5 * HOUR_NS
    change = book.observe(predicted(at=later, interval=HOUR_NS), later)
    assert change == IntervalChange(
        instrument=BTC.id, previous_ns=8 * HOUR_NS, interval_ns=HOUR_NS, effective_from_ns=later
    )
    assert book.observe(predicted(at=later + 1, interval=HOUR_NS), later + 1) is None
    assert book.interval_ns(BTC) == HOUR_NS
    assert book.interval_at(BTC.id, later - 1) == 8 * HOUR_NS
    assert book.interval_at(BTC.id, later) == HOUR_NS
    assert book.interval_at(BTC.id, START_NS - 1) is None
    event = change.event()
    assert (event.kind, event.severity) == (EventKind.FUNDING_INTERVAL_CHANGED, Severity.WARNING)
    assert event.message == "BTC-PERP.x settles funding every 1 h instead of 8 h"


def test_the_instruments_own_interval_counts_until_one_is_published() -> None:
    assert FundingBook().interval_ns(BTC) == HOUR_NS


def test_an_unknown_interval_is_inferred_from_settlements_only() -> None:
    book = FundingBook()
    assert book.interval_ns(UNKNOWN) is None
    book.add_settled([settled(START_NS + 4 * HOUR_NS * n, UNKNOWN.id) for n in range(7)])
    assert book.interval_ns(UNKNOWN) is None
    book.add_settled([settled(START_NS + 4 * HOUR_NS * 7, UNKNOWN.id)])
    assert book.interval_ns(UNKNOWN) == 4 * HOUR_NS


def test_the_schedule_follows_the_venues_next_settlement() -> None:
    book = FundingBook()
    assert book.schedule(BTC, START_NS) is None
    book.observe(predicted(due=START_NS + 7), START_NS)
    assert book.schedule(BTC, START_NS) == Schedule(next_ns=START_NS + 7, interval_ns=HOUR_NS)


def test_without_a_published_next_settlement_the_last_one_tells() -> None:
    book = FundingBook()
    book.observe(predicted(due=None), START_NS)
    assert book.schedule(BTC, START_NS) is None
    book.add_settled([settled(START_NS - MINUTE_NS)])
    assert book.schedule(BTC, START_NS) == Schedule(next_ns=START_NS + 59 * MINUTE_NS, interval_ns=HOUR_NS)


def test_continuous_funding_has_a_schedule_without_settlements() -> None:
    continuous = sample_instrument("x", funding_interval_ns=0)
    schedule = FundingBook().schedule(continuous, START_NS)
    assert schedule is not None
    assert schedule.is_continuous


def test_settled_rates_are_bounded_and_the_oldest_go() -> None:
    book = FundingBook(keep=3)
    rates = [settled(START_NS + n * HOUR_NS) for n in range(5)]
    assert book.add_settled(rates) == tuple(rates)
    assert list(book.settled(BTC.id)) == rates[2:]
    assert book.add_settled(rates) == ()
    assert book.last_settled_ns(BTC.id) == rates[-1].ts_event_ns


def test_a_stretch_of_the_history_can_be_read() -> None:
    book = FundingBook()
    rates = [settled(START_NS + n * HOUR_NS) for n in range(5)]
    book.add_settled(rates)
    assert list(book.settled(BTC.id, rates[1].ts_event_ns, rates[3].ts_event_ns)) == rates[1:3]


@given(st.lists(st.integers(0, 60), max_size=80), st.integers(1, 20))
def test_any_order_and_any_overlap_give_the_same_history(hours: list[int], cut: int) -> None:
    rates = [settled(START_NS + hour * HOUR_NS) for hour in hours]
    book = FundingBook()
    new = [*book.add_settled(rates[:cut]), *book.add_settled(rates)]
    held = book.settled(BTC.id)
    assert [rate.ts_event_ns for rate in held] == sorted({rate.ts_event_ns for rate in rates})
    assert sorted(rate.ts_event_ns for rate in new) == [rate.ts_event_ns for rate in held]


def test_the_rates_of_an_exchange_in_quarantine_are_unknown_until_it_is_released() -> None:
    book = FundingBook()
    book.observe(predicted(), START_NS)
    book.quarantine(ExchangeName("x"), "paid over published is 0.01")
    assert book.quarantines == {"x"}
    reading = book.predicted(BTC.id, START_NS)
    assert isinstance(reading, Unknown)
    assert "paid over published is 0.01" in reading.reason
    assert (book.quarantined(ExchangeName("x")), book.quarantined(ExchangeName("y"))) == (
        "paid over published is 0.01",
        "",
    )
    book.release(ExchangeName("x"))
    book.release(ExchangeName("y"))
    assert book.quarantines == frozenset()
    assert isinstance(book.predicted(BTC.id, START_NS), Fresh)


def test_of_two_of_one_settlement_the_one_read_later_is_kept() -> None:
    book = FundingBook()
    misread = settled(START_NS, raw="0.01")
    mended = replace(misread, raw=Decimal("0.0001"), ts_init_ns=START_NS + HOUR_NS)
    assert book.add_settled([misread]) == (misread,)
    assert book.add_settled([mended]) == ()
    assert book.add_settled([misread]) == ()
    assert book.settled(BTC.id) == [mended]


def test_the_history_of_an_exchange_can_be_forgotten() -> None:
    book = FundingBook()
    other = sample_instrument("y", funding_interval_ns=HOUR_NS)
    book.add_settled([settled(START_NS), settled(START_NS, other.id)])
    changed = book.subscribe()
    book.forget_settled(ExchangeName("x"))
    assert (book.last_settled_ns(BTC.id), book.last_settled_ns(other.id)) == (None, START_NS)
    assert changed == {BTC.id}
