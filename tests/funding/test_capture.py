from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.funding import LegForecast, PairForecast, Schedule, capture_capacity, decay_factor
from arb.model import HOUR_NS

MIDNIGHT = 1_767_225_600_000_000_000
TINY = Decimal("1e-24")

rates = st.decimals(min_value=-1, max_value=1, places=6).map(lambda rate: rate / 1000)
intervals = st.sampled_from([0, HOUR_NS, 4 * HOUR_NS, 8 * HOUR_NS])
half_lives = st.none() | st.decimals(min_value="0.5", max_value=500, places=2)


@st.composite
def legs(draw: st.DrawFn) -> LegForecast:
    interval = draw(intervals)
    first = MIDNIGHT + draw(st.integers(1, max(interval, 1)))
    return LegForecast(
        schedule=Schedule(next_ns=first, interval_ns=interval),
        rate_hour=draw(rates),
        mean_hour=draw(rates),
        coming_hour=draw(st.none() | rates),
    )


@st.composite
def pairs(draw: st.DrawFn) -> PairForecast:
    return PairForecast(long=draw(legs()), short=draw(legs()), from_ns=MIDNIGHT, half_life_hours=draw(half_lives))


def leg(rate: str, hours: int, mean: str = "0") -> LegForecast:
    schedule = Schedule(next_ns=MIDNIGHT + hours * HOUR_NS, interval_ns=hours * HOUR_NS)
    return LegForecast(schedule=schedule, rate_hour=Decimal(rate), mean_hour=Decimal(mean))


def one_by_one(forecast: PairForecast, after: int, until: int) -> Decimal:
    """Add the settlements up one at a time, as an account would."""
    total = Decimal(0)
    for each, sign in ((forecast.short, 1), (forecast.long, -1)):
        interval = each.schedule.interval_ns
        moment = each.schedule.next_ns
        while moment <= until:
            if moment > after:
                left = decay_factor(moment - forecast.from_ns, forecast.half_life_hours)
                rate = each.mean_hour + (each.rate_hour - each.mean_hour) * left
                if moment == each.schedule.next_ns and each.coming_hour is not None:
                    rate = each.coming_hour
                total += sign * rate * interval / HOUR_NS
            moment += interval
    return total


@given(pair=pairs(), cuts=st.lists(st.integers(0, 200 * HOUR_NS), min_size=3, max_size=3).map(sorted))
def test_capture_adds_up_over_adjoining_windows(pair: PairForecast, cuts: list[int]) -> None:
    first, middle, last = (MIDNIGHT + cut for cut in cuts)
    assert abs(pair.capture(first, middle) + pair.capture(middle, last) - pair.capture(first, last)) < TINY


@given(pair=pairs(), hours=st.integers(0, 200))
def test_swapping_the_legs_changes_the_sign_only(pair: PairForecast, hours: int) -> None:
    swapped = PairForecast(long=pair.short, short=pair.long, from_ns=pair.from_ns, half_life_hours=pair.half_life_hours)
    until = MIDNIGHT + hours * HOUR_NS
    assert swapped.capture(MIDNIGHT, until) == -pair.capture(MIDNIGHT, until)


@given(pair=pairs(), hours=st.integers(1, 200))
def test_the_closed_form_is_the_sum_of_settlements(pair: PairForecast, hours: int) -> None:
    if pair.long.schedule.is_continuous or pair.short.schedule.is_continuous:
        return
    until = MIDNIGHT + hours * HOUR_NS
    assert abs(pair.capture(MIDNIGHT, until) - one_by_one(pair, MIDNIGHT, until)) < TINY


@given(
    long=rates,
    short=rates,
    interval=st.sampled_from([1, 4, 8]),
    settlements=st.integers(0, 100),
    half_life=half_lives,
)
def test_a_constant_pair_earns_n_times_one_settlement(
    long: Decimal, short: Decimal, interval: int, settlements: int, half_life: Decimal | None
) -> None:
    pair = PairForecast(
        long=leg(str(long), interval, str(long)),
        short=leg(str(short), interval, str(short)),
        from_ns=MIDNIGHT,
        half_life_hours=half_life,
    )
    earned = pair.capture(MIDNIGHT, MIDNIGHT + settlements * interval * HOUR_NS)
    assert abs(earned - (short - long) * interval * settlements) < TINY


def test_leaving_before_the_eight_hour_settlement_pays_seven_hours_and_collects_nothing() -> None:
    pair = PairForecast(long=leg("0.00001", 1), short=leg("0.00005", 8), from_ns=MIDNIGHT, half_life_hours=None)
    assert pair.capture(MIDNIGHT, MIDNIGHT + 8 * HOUR_NS - 1) == Decimal("-0.00007")
    assert pair.capture(MIDNIGHT, MIDNIGHT + 8 * HOUR_NS) == Decimal("0.00032")


def test_the_best_end_is_right_after_the_slow_legs_payment() -> None:
    pair = PairForecast(long=leg("0.00001", 1), short=leg("0.00005", 8), from_ns=MIDNIGHT, half_life_hours=None)
    assert pair.best_capture(MIDNIGHT, MIDNIGHT + 15 * HOUR_NS) == (MIDNIGHT + 8 * HOUR_NS, Decimal("0.00032"))


def test_the_best_end_is_the_horizon_where_every_hour_pays() -> None:
    pair = PairForecast(long=leg("0.00001", 8), short=leg("0.00005", 1), from_ns=MIDNIGHT, half_life_hours=None)
    until = MIDNIGHT + 15 * HOUR_NS + 5
    assert pair.best_capture(MIDNIGHT, until)[0] == until


def test_a_deviation_halves_every_half_life() -> None:
    assert abs(decay_factor(24 * HOUR_NS, Decimal(24)) - Decimal("0.5")) < TINY
    assert abs(decay_factor(72 * HOUR_NS, Decimal(24)) - Decimal("0.125")) < TINY
    assert decay_factor(24 * HOUR_NS, None) == 1


def test_a_continuous_pair_follows_the_handbooks_formula() -> None:
    def continuous(rate: str) -> LegForecast:
        return LegForecast(
            schedule=Schedule(next_ns=MIDNIGHT, interval_ns=0), rate_hour=Decimal(rate), mean_hour=Decimal(0)
        )

    pair = PairForecast(
        long=continuous("0"), short=continuous("0.000035"), from_ns=MIDNIGHT, half_life_hours=Decimal(20)
    )
    earned = pair.capture(MIDNIGHT, MIDNIGHT + 30 * HOUR_NS)
    left = Decimal(2) ** (Decimal(-30) / 20)
    assert abs(earned - capture_capacity(Decimal("0.000035"), Decimal(20)) * (1 - left)) < TINY


def test_the_capacity_of_the_handbooks_pair() -> None:
    capacity = capture_capacity(Decimal("0.35"), Decimal(20))
    assert round(capacity, 2) == Decimal("10.10")


def test_a_half_life_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        PairForecast(long=leg("0", 1), short=leg("0", 1), from_ns=0, half_life_hours=Decimal(0))
