from __future__ import annotations

from decimal import Decimal

from arb.funding import basis_bps, break_even_hours, capital_usd, margin_usd, score
from arb.model import MarginTier
from arb.testing import sample_instrument


def test_the_cost_is_charged_once_and_not_in_each_interval() -> None:
    # Field report B11 no 3: 12.2 bps against 2.8 bps every eight hours is a good hold over two weeks.
    per_interval = Decimal("2.8")
    assert break_even_hours(Decimal("12.2"), per_interval / 8) == Decimal("12.2") / Decimal("0.35")
    assert per_interval - Decimal("12.2") < 0
    assert per_interval * 42 - Decimal("12.2") > 100


def test_a_carry_that_is_not_positive_never_breaks_even() -> None:
    assert break_even_hours(Decimal(10), Decimal(0)) is None
    assert break_even_hours(Decimal(10), Decimal(-1)) is None


def test_what_costs_nothing_has_broken_even() -> None:
    assert break_even_hours(Decimal(-1), Decimal(0)) == 0


def test_basis_is_positive_when_the_short_leg_is_dearer() -> None:
    assert basis_bps(Decimal(100), Decimal("100.5")) == 50
    assert basis_bps(Decimal(100), Decimal("99.5")) == -50


def test_margin_takes_the_lower_of_our_leverage_and_the_venues() -> None:
    tiers = (
        MarginTier(max_notional=Decimal(10_000), maintenance_rate=Decimal("0.01"), max_leverage=Decimal(20)),
        MarginTier(max_notional=None, maintenance_rate=Decimal("0.05"), max_leverage=Decimal(2)),
    )
    instrument = sample_instrument(margin_tiers=tiers)
    assert margin_usd(instrument, Decimal(9_000), Decimal(1), Decimal(3)) == 3_000
    assert margin_usd(instrument, Decimal(90_000), Decimal(1), Decimal(3)) == 45_000
    assert margin_usd(instrument, Decimal(9_000), Decimal("0.9"), Decimal(3)) == 2_700


def test_capital_is_both_margins_and_the_buffer() -> None:
    assert capital_usd(Decimal(300), Decimal(500), Decimal("0.25")) == 1_000


def test_score_is_net_per_dollar_and_hour() -> None:
    assert score(Decimal(10), Decimal(1_000), Decimal(10)) == Decimal("0.001")
