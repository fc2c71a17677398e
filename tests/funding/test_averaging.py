from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.funding import coming_rate, decided_share, expected_rest, forecast_settlement, usual_hour
from arb.model import HOUR_NS, MINUTE_NS, Averaging, FundingKind, FundingRate, RateUnit
from arb.testing import START_NS, sample_instrument

PERCENT_OF_8H = RateUnit(factor=Decimal("0.01"), period_ns=8 * HOUR_NS)
rates = st.decimals(min_value="-0.05", max_value="0.05", places=8)
shares = st.decimals(min_value=0, max_value=1, places=6)
lengths = st.integers(0, 24 * HOUR_NS)
averagings = st.sampled_from(Averaging)


def published(raw: str, *, left_ns: int, unit: RateUnit = PERCENT_OF_8H, interval_ns: int = 8 * HOUR_NS) -> FundingRate:
    return FundingRate(
        instrument=sample_instrument().id,
        raw=Decimal(raw),
        unit=unit,
        interval_ns=interval_ns,
        kind=FundingKind.PREDICTED,
        ts_event_ns=START_NS - left_ns,
        ts_init_ns=START_NS - left_ns,
        next_funding_ns=START_NS,
    )


def test_at_half_time_linear_weights_have_decided_a_quarter_and_equal_ones_a_half() -> None:
    half = Decimal("0.5")
    assert decided_share(Averaging.LINEAR, half, 4 * HOUR_NS) == Decimal("0.25")
    assert decided_share(Averaging.FLAT, half, 4 * HOUR_NS) == half
    assert decided_share(Averaging.CONTINUOUS, half, 4 * HOUR_NS) == 0


def test_thirty_minutes_before_the_end_an_ewma_has_decided_a_half() -> None:
    assert abs(decided_share(Averaging.EWMA, Decimal("0.9"), 30 * MINUTE_NS) - Decimal("0.5")) < Decimal("1e-20")


@pytest.mark.parametrize(("averaging", "power"), [(Averaging.FLAT, 0), (Averaging.LINEAR, 1)])
def test_the_sum_of_the_samples_so_far_has_the_share_that_is_said(averaging: Averaging, power: int) -> None:
    weights = [Decimal(n) ** power for n in range(1, 481)]
    share = decided_share(averaging, Decimal("0.25"), 360 * MINUTE_NS)
    assert abs(sum(weights[:120], Decimal(0)) / sum(weights, Decimal(0)) - share) < Decimal("0.001")


@given(averaging=averagings, first=shares, second=shares)
def test_what_is_decided_only_grows(averaging: Averaging, first: Decimal, second: Decimal) -> None:
    early, late = sorted((first, second))
    before, after = (decided_share(averaging, p, int((1 - p) * 8 * HOUR_NS)) for p in (early, late))
    assert 0 <= before <= after <= 1


@given(one=rates, rest=rates, share=shares)
def test_a_forecast_lies_between_what_it_is_made_of(one: Decimal, rest: Decimal, share: Decimal) -> None:
    assert min(one, rest) <= forecast_settlement(one, rest, share) <= max(one, rest)
    assert forecast_settlement(one, rest, Decimal(0)) == rest
    assert forecast_settlement(one, rest, Decimal(1)) == one


@given(one=rates, other=rates, rest=rates, share=shares)
def test_more_published_is_never_less_forecast(one: Decimal, other: Decimal, rest: Decimal, share: Decimal) -> None:
    low, high = sorted((one, other))
    assert forecast_settlement(low, rest, share) <= forecast_settlement(high, rest, share)
    assert forecast_settlement(rest, low, share) <= forecast_settlement(rest, high, share)


@given(now=rates, usual=rates, first=lengths, second=lengths)
def test_the_longer_the_rest_the_more_usual_it_is(now: Decimal, usual: Decimal, first: int, second: int) -> None:
    short, long = (expected_rest(now, usual, left) for left in sorted((first, second)))
    assert min(now, usual) <= long <= max(now, usual)
    assert abs(long - usual) <= abs(short - usual) + Decimal("1e-24")
    assert expected_rest(now, usual, 0) == now


def test_the_rest_is_the_mean_of_the_decay() -> None:
    steps = 1000
    each: list[Decimal] = [Decimal(2) ** (-Decimal(2 * n + 1) / (2 * steps) * 3) for n in range(steps)]
    found = expected_rest(Decimal(1), Decimal(0), 6 * HOUR_NS, half_life_hours=Decimal(2))
    assert abs(found - sum(each, Decimal(0)) / steps) < Decimal("0.0001")


@given(raw=rates, usual=rates, believed=st.none() | rates, averaging=averagings, left=st.integers(0, 8 * HOUR_NS))
def test_a_forecast_keeps_the_cap_of_the_published_period(
    raw: Decimal, usual: Decimal, believed: Decimal | None, averaging: Averaging, left: int
) -> None:
    rate = published(f"{raw * 100}", left_ns=left)
    cap = Decimal("0.003")
    found = coming_rate(rate, averaging, START_NS, usual=usual / 8, believed=believed, cap=cap)
    assert abs(found.rate) <= cap
    free = coming_rate(rate, averaging, START_NS, usual=usual / 8, believed=believed)
    assert found.rate == max(-cap, min(cap, free.rate))


def test_the_unit_does_not_change_what_is_forecast() -> None:
    as_fraction = RateUnit(factor=Decimal(1), period_ns=HOUR_NS)
    usual = Decimal("0.0000125")
    one = coming_rate(published("0.08", left_ns=4 * HOUR_NS), Averaging.LINEAR, START_NS, usual=usual)
    other = coming_rate(
        published("0.0001", left_ns=4 * HOUR_NS, unit=as_fraction), Averaging.LINEAR, START_NS, usual=usual
    )
    assert abs(one.per_hour - other.per_hour) < Decimal("1e-24")
    # A quarter is decided; the rest is half way to the usual rate after two hours: (1 - 2^-2) / (2 ln 2) is left.
    rest = usual + (Decimal("0.0001") - usual) * Decimal("0.5410106")
    assert abs(other.per_hour - (Decimal("0.000025") + rest * 3 / 4)) < Decimal("1e-11")


def test_at_the_settlement_the_published_rate_is_it() -> None:
    for averaging in (Averaging.FLAT, Averaging.LINEAR, Averaging.EWMA):
        rate = published("0.08", left_ns=0)
        assert coming_rate(rate, averaging, START_NS, usual=Decimal(0)) == rate


def test_two_settlements_are_not_usual() -> None:
    rate = replace(published("0.08", left_ns=0), kind=FundingKind.SETTLED)
    settled = [replace(rate, raw=Decimal(raw)) for raw in ("0.08", "-0.8", "0.16")]
    assert usual_hour(settled[:2]) is None
    assert usual_hour(settled) == Decimal("0.0001")
