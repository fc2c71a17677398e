from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.funding import PairEarnings, VenueCosts, pair_earnings, settled_series, usual_round_trip_bps
from arb.model import DAY_NS, HOUR_NS, FundingKind, FundingRate, Instrument, RateUnit
from arb.testing import sample_instrument

MIDNIGHT = 1_767_225_600_000_000_000
A, B = sample_instrument("a"), sample_instrument("b")


def settled(instrument: Instrument, hours: int, rates: dict[int, str], interval: int = 0) -> list[FundingRate]:
    """Return settlements by the hour after midnight at which they were paid."""
    length = (interval or hours) * HOUR_NS
    return [
        FundingRate(
            instrument=instrument.id,
            raw=Decimal(rate),
            unit=RateUnit(factor=Decimal(1), period_ns=length),
            interval_ns=length,
            kind=FundingKind.SETTLED,
            ts_event_ns=MIDNIGHT + hour * HOUR_NS,
            ts_init_ns=MIDNIGHT + hour * HOUR_NS,
        )
        for hour, rate in sorted(rates.items())
    ]


def earned(long: list[FundingRate], short: list[FundingRate]) -> PairEarnings:
    first, second = settled_series(long), settled_series(short)
    assert first is not None
    assert second is not None
    both = pair_earnings(first, second)
    assert both is not None
    return both[0]


def test_each_settlement_of_both_calendars_counts_once_and_the_first_opens() -> None:
    hourly = settled(A, 1, dict.fromkeys(range(17), "0.00001"))
    eight = settled(B, 8, {0: "0.5", 8: "0.0003", 16: "0.0004"})
    found = earned(hourly, eight)
    assert found.captured == Decimal("0.0007") - 16 * Decimal("0.00001")
    assert (found.settlements, found.holes, found.observed_ns) == (18, 0, 16 * HOUR_NS)
    assert found.per_hour == found.captured / 16


def test_only_the_time_both_were_recorded_counts() -> None:
    found = earned(
        settled(A, 1, dict.fromkeys(range(0, 30), "0.00001")), settled(B, 1, dict.fromkeys(range(10, 50), "0.00002"))
    )
    assert (found.start_ns, found.end_ns) == (MIDNIGHT + 10 * HOUR_NS, MIDNIGHT + 29 * HOUR_NS)
    assert found.captured == 19 * Decimal("0.00001")


def test_in_a_hole_of_one_leg_nothing_of_the_other_counts() -> None:
    whole = dict.fromkeys(range(0, 25), "0.001")
    holed = {hour: "0.002" for hour in whole if hour not in (5, 6, 7)}
    found = earned(settled(A, 1, whole), settled(B, 1, holed))
    assert (found.holes, found.observed_ns) == (1, 21 * HOUR_NS)
    assert found.captured == 21 * Decimal("0.001")
    assert found.days == 0


def test_a_changed_interval_is_no_hole() -> None:
    rates = settled(A, 8, {0: "0.0001", 8: "0.0001"}) + settled(A, 4, {16: "0.0001", 20: "0.0001", 24: "0.0001"})
    series = settled_series(rates)
    assert series is not None
    assert list(series.holes) == []
    missed = settled_series(settled(A, 4, {0: "0", 4: "0", 16: "0"}))
    assert missed is not None
    assert list(missed.holes) == [(MIDNIGHT + 4 * HOUR_NS, MIDNIGHT + 12 * HOUR_NS)]


def test_days_runs_and_the_curve() -> None:
    signs = [1, 1, -1, 1, 1, 1, 0]
    hours = {day * 24 + hour: f"{signs[day] / 1000}" for day in range(7) for hour in (8, 16, 24)}
    found = earned(settled(A, 8, dict.fromkeys((0, *hours), "0")), settled(B, 8, {0: "0", **hours}))
    assert (found.days, found.positive_days, found.longest_run) == (7, 5, 3)
    assert [each / Decimal("0.003") for each in found.curve] == [1, 2, 1, 2, 3, 4, 4]
    assert found.end_ns - found.start_ns == 7 * DAY_NS


def test_legs_never_recorded_together_are_no_pair() -> None:
    early, late = settled_series(settled(A, 1, {0: "1", 1: "1"})), settled_series(settled(B, 1, {5: "1", 6: "1"}))
    assert early is not None
    assert late is not None
    assert pair_earnings(early, late) is None
    assert settled_series([]) is None


rates = st.decimals(min_value="-0.01", max_value="0.01", places=6).map(str)


@given(st.data())
def test_the_other_way_round_earns_the_opposite(data: st.DataObject) -> None:
    hours = st.dictionaries(st.integers(0, 100), rates, min_size=2)
    first = settled_series(settled(A, 1, data.draw(hours)))
    second = settled_series(settled(B, 4, data.draw(hours)))
    assert first is not None
    assert second is not None
    both = pair_earnings(first, second)
    if both is None:
        return
    one, other = both
    assert (one.long, one.short, one.captured) == (other.short, other.long, -other.captured)
    assert [-each for each in one.curve] == list(other.curve)
    assert one.positive_days + other.positive_days <= one.days
    assert 0 < one.observed_ns <= one.end_ns - one.start_ns
    assert pair_earnings(second, first) == (other, one)


COSTS = VenueCosts(
    taker_bps=Decimal(5),
    half_spread_bps=Decimal("0.5"),
    impact_bps=((Decimal(1_000), Decimal("0.1")), (Decimal(10_000), Decimal("1.0"))),
)


@pytest.mark.parametrize(
    ("notional", "bps"), [("1", "5.6"), ("1000", "5.6"), ("5500", "6.05"), ("10000", "6.5"), ("10001", None)]
)
def test_a_fill_costs_fee_half_spread_and_impact_as_far_as_it_was_measured(notional: str, bps: str | None) -> None:
    assert COSTS.fill_bps(Decimal(notional)) == (None if bps is None else Decimal(bps))


def test_a_round_trip_is_two_fills_of_each_leg() -> None:
    cheap = VenueCosts(taker_bps=Decimal(0), half_spread_bps=Decimal(1), impact_bps=((Decimal(10_000), Decimal(0)),))
    assert usual_round_trip_bps(COSTS, cheap, Decimal(1_000)) == 2 * (Decimal("5.6") + 1)
    assert usual_round_trip_bps(COSTS, cheap, Decimal(20_000)) is None
