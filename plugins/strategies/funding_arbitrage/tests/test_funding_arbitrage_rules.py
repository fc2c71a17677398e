"""Rules, settings and memory of the strategy."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from arb.model import DAY_NS, HOUR_NS, HedgeId, InstrumentId
from arb.testing import MemoryState
from arb_strategy_funding_arbitrage._memory import Memory, pair_of
from arb_strategy_funding_arbitrage._rules import Window, should_rotate, weakened, worth_holding
from arb_strategy_funding_arbitrage._settings import FundingArbitrageSettings

bps = st.decimals(min_value=-500, max_value=500, places=2)


@pytest.mark.parametrize(
    ("given_settings", "said"),
    [
        ({"horizon": "15d"}, "horizon must not be longer than max_hold"),
        ({"cycle": "4d"}, "cycle must not be longer than horizon"),
        ({"cycle": "0s"}, "longer than zero"),
        ({"max_break_even": "15d"}, "max_break_even must not be longer than max_hold"),
        ({"confirm": "14d"}, "confirm must be shorter than max_hold"),
        ({"max_hedges": 1, "max_hedges_per_base": 2}, "max_hedges_per_base must not exceed max_hedges"),
        ({"max_slippage_bps": "101"}, "max_slippage_bps must not exceed max_risk_slippage_bps"),
        ({"max_cost_usd_day": "1", "max_cost_usd_pair_day": "2"}, "max_cost_usd_pair_day must not exceed"),
        ({"settlement_guard": "15m"}, "settlement_guard must be shorter"),
        ({"notional_usd": 0}, "notional_usd"),
        ({"notional_usd": "NaN"}, "notional_usd"),
        ({"erosion": "1.1"}, "erosion"),
        ({"min_liquidation_distance": 1}, "min_liquidation_distance"),
        ({"horizon": "three days"}, "horizon"),
        ({"horizont": "3d"}, "horizont"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(given_settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FundingArbitrageSettings.model_validate(given_settings)


def test_all_contradictions_are_named_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        FundingArbitrageSettings.model_validate({"horizon": "15d", "max_hedges": 1, "max_hedges_per_base": 2})
    assert "horizon" in str(caught.value)
    assert "max_hedges_per_base" in str(caught.value)


def test_every_setting_is_described() -> None:
    assert all(info.description for info in FundingArbitrageSettings.model_fields.values())


def test_budgets_follow_the_size_unless_they_are_set() -> None:
    plain = FundingArbitrageSettings(notional_usd=Decimal(100_000))
    assert (plain.pair_budget_usd, plain.day_budget_usd) == (Decimal(500), Decimal(1_500))
    day_only = FundingArbitrageSettings(notional_usd=Decimal(100_000), max_cost_usd_day=Decimal(100))
    assert day_only.pair_budget_usd == 100


def test_the_kind_of_weakness() -> None:
    settings = FundingArbitrageSettings()
    entry = Decimal("0.4")
    assert weakened(Decimal("-0.1"), entry, settings) == "funding_flip"
    assert weakened(Decimal("0.19"), entry, settings) == "profit_erosion"
    assert weakened(Decimal("0.2"), entry, settings) is None
    assert weakened(Decimal("0.01"), None, settings) is None


@given(captures=st.lists(bps, min_size=1, max_size=4), charge=st.decimals(0, 20, places=2))
def test_more_to_come_never_turns_a_hold_into_an_exit(captures: list[Decimal], charge: Decimal) -> None:
    windows = [Window(hours=Decimal(24), capture_bps=capture) for capture in captures]
    better = [Window(hours=Decimal(24), capture_bps=capture + 1) for capture in captures]
    if worth_holding(windows, charge):
        assert worth_holding(better, charge)
    assert worth_holding(windows, charge) == (max(captures) > charge)


@given(new=bps, old=bps, leave=st.decimals(0, 50, places=2), enter=st.decimals(0, 50, places=2))
def test_rotating_there_and_back_never_pays_both_ways(
    new: Decimal, old: Decimal, leave: Decimal, enter: Decimal
) -> None:
    there = should_rotate(new_usd=new, old_usd=old, exit_old_usd=leave, entry_new_usd=enter)
    back = should_rotate(new_usd=old, old_usd=new, exit_old_usd=leave, entry_new_usd=enter)
    assert not (there and back)


def test_the_handbooks_rotation_rule_is_strict() -> None:
    def rotate(new: int) -> bool:
        return should_rotate(
            new_usd=Decimal(new), old_usd=Decimal(10), exit_old_usd=Decimal(3), entry_new_usd=Decimal(4)
        )

    assert rotate(18)
    assert not rotate(17)


def test_a_pair_has_one_key_whichever_leg_is_long() -> None:
    a, b = InstrumentId("BTC-PERP.a"), InstrumentId("BTC-PERP.b")
    assert pair_of((a, b)) == pair_of((b, a))


@given(
    st.lists(st.tuples(st.integers(0, 3 * DAY_NS), st.sampled_from("xyz"), st.decimals(0, 100, places=6)), max_size=20)
)
def test_memory_survives_a_restart_exactly(entries: list[tuple[int, str, Decimal]]) -> None:
    async def check() -> None:
        store, memory = MemoryState(), Memory()
        for ts_ns, pair, usd in entries:
            memory.enter(pair, usd, ts_ns, HOUR_NS)
            memory.doubt(HedgeId(pair), "carry", ts_ns)
        await memory.save(store)
        again = await Memory.load(store, "fa")
        if entries:
            assert again.charges == memory.charges
            assert again.blocked_until_ns == memory.blocked_until_ns
            assert again.doubts == memory.doubts
        before = dict(store.values)
        await again.save(store)
        assert store.values == before

    asyncio.run(check())


def test_charges_leave_the_budget_after_a_day() -> None:
    memory = Memory()
    memory.enter("x", Decimal(5), 0, HOUR_NS)
    memory.see([], DAY_NS - 1, HOUR_NS)
    assert memory.spent_usd() == memory.spent_usd("x") == 5
    assert memory.spent_usd("y") == 0
    memory.see([], DAY_NS, HOUR_NS)
    assert memory.spent_usd() == 0
