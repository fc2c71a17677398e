from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.model import MarginTier
from arb_exchange_backpack._margin import MarginFunction, margin_function, margin_tiers
from arb_exchange_backpack.fake._fit import INITIAL, MAINTENANCE

BASES = st.decimals("0.001", "0.5", places=6)
FACTORS = st.decimals("0", "0.01", places=8)
NOTIONALS = st.decimals("0.01", "1000000000", places=2)


def tier_at(tiers: Sequence[MarginTier], notional: D) -> MarginTier:
    return next(tier for tier in tiers if tier.max_notional is None or notional <= tier.max_notional)


@given(BASES, FACTORS, BASES, FACTORS, NOTIONALS)
def test_no_tier_asks_less_than_the_venue(base: D, factor: D, low: D, slow: D, notional: D) -> None:
    initial, maintenance = MarginFunction(base, factor), MarginFunction(min(low, base), min(slow, factor))
    tier = tier_at(margin_tiers(initial, maintenance), notional)
    assert tier.maintenance_rate >= min(maintenance.at(notional), D("0.999999"))
    assert tier.max_leverage == 1 or 1 / tier.max_leverage >= initial.at(notional)


@given(BASES, FACTORS)
def test_tiers_ascend_and_are_usable(base: D, factor: D) -> None:
    tiers = margin_tiers(MarginFunction(base, factor), MarginFunction(base / 2, factor / 2))
    limits = [tier.max_notional for tier in tiers[:-1] if tier.max_notional is not None]
    assert limits == sorted(set(limits))
    assert len(limits) == len(tiers) - 1
    assert tiers[-1].max_notional is None
    assert all(0 < tier.maintenance_rate < 1 <= tier.max_leverage for tier in tiers)


def test_the_first_tier_has_the_leverage_of_the_base_and_a_step_costs_little() -> None:
    """BTC of 2026-08-05: base 1/75, factor 0.00002494."""
    initial = MarginFunction(D("0.01333333"), D("0.00002494"))
    tiers = margin_tiers(initial, MarginFunction(D("0.00666667"), D("0.00001496")))
    assert tiers[0].max_leverage == 75
    assert tiers[0].maintenance_rate == D("0.006667")
    # Doubling steps overstate the curve by a root of two at most.
    for tier in tiers[1:-1]:
        assert tier.max_notional is not None
        at_begin = initial.at(tier.max_notional / 2)
        assert 1 / tier.max_leverage <= at_begin * D("1.4143") * D("1.01")


def test_a_market_without_a_slope_has_one_tier() -> None:
    (tier,) = margin_tiers(MarginFunction(D("0.1"), D(0)), MarginFunction(D("0.05"), D(0)))
    assert (tier.max_notional, tier.max_leverage, tier.maintenance_rate) == (None, D(10), D("0.05"))


@pytest.mark.parametrize(
    "row",
    [
        {"type": "cubic", "base": "0.1", "factor": "0"},
        {"type": "sqrt", "base": "0", "factor": "0"},
        {"type": "sqrt", "base": "1.5", "factor": "0"},
        {"type": "sqrt", "base": "0.1", "factor": "-1"},
    ],
)
def test_what_is_no_margin_function_is_not_guessed(row: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"margin function|not above zero"):
        margin_function(row)


def test_the_fakes_functions_ask_for_more_to_open_than_to_keep() -> None:
    for notional in (D(1), D(100_000), D(10_000_000)):
        assert INITIAL.at(notional) > MAINTENANCE.at(notional)
