"""Caps on size and number, the shape of a plan and halts, broken on purpose."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.risk.conftest import LEFT, LIMITS, RIGHT, Desk, account, fresh, hedge_of, held, listed

from arb.model import ExchangeName, HedgeStatus, InstrumentStatus, PositionSide
from arb.risk import EVERYTHING, ApprovedPlan, RefusalCode, RiskManager


def both(desk: Desk, contracts: str) -> None:
    desk.quantity = desk.short_quantity = Decimal(contracts)


def test_a_plan_inside_every_limit_is_approved() -> None:
    assert isinstance(Desk().decide(), ApprovedPlan)


# Notional caps.


def test_drill_one_leg_is_larger_than_a_hedge_may_be() -> None:
    desk = Desk(limits=replace(LIMITS, max_hedge_notional_usd=Decimal(5000)))
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.HEDGE_NOTIONAL, "BTC-PERP.right")
    assert (refusal.value, refusal.limit) == (Decimal(5001), Decimal(5000))
    assert str(refusal) == "hedge_notional (BTC-PERP.right): 5001.0, limit 5000"


def test_drill_an_instrument_is_full_with_what_is_held_there() -> None:
    desk = Desk()
    desk.accounts[LEFT] = account(LEFT, held(desk.left, 7000))
    assert desk.codes() == set()
    desk.accounts[LEFT] = account(LEFT, held(desk.left, "7000.01"))
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.INSTRUMENT_NOTIONAL, "BTC-PERP.left")
    assert refusal.value == Decimal("12000.01")


def test_drill_a_short_position_does_not_make_room_for_a_long_one() -> None:
    desk = Desk()
    desk.accounts[LEFT] = account(LEFT, held(desk.left, -7001))
    assert desk.codes() == {RefusalCode.INSTRUMENT_NOTIONAL}


def test_drill_an_exchange_is_full() -> None:
    desk = Desk()
    desk.accounts[LEFT] = account(LEFT, held(listed("left", "ETH"), 8000), held(listed("left", "SOL"), 7001))
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject, refusal.value) == (
        RefusalCode.EXCHANGE_NOTIONAL,
        LEFT,
        Decimal(12001 + 8000),
    )


def pair_of(size: str) -> Desk:
    """The same exchanges hold another hedge of `size` contracts at 100 dollars, both legs open."""
    desk, left, right = Desk(), listed("left", "ETH"), listed("right", "ETH")
    desk.limit(max_total_notional_usd=Decimal(10**6), max_exchange_notional_usd=Decimal(10**6))
    desk.limit(max_leverage=Decimal(10))
    desk.hedges = [hedge_of(HedgeStatus.OPEN, (left, size, size), (right, size, size))]
    desk.accounts[LEFT] = account(LEFT, held(left, Decimal(size) * 100))
    desk.accounts[RIGHT] = account(RIGHT, held(right, -Decimal(size) * 100))
    return desk


def test_drill_a_pair_of_exchanges_is_full() -> None:
    assert pair_of("74.99").codes() == set()
    refusal = pair_of("75").refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.PAIR_NOTIONAL, "left + right")
    assert (refusal.value, refusal.limit) == (Decimal(15_000 + 5000 + 5001), Decimal(25_000))


def test_every_size_is_in_dollars_whatever_the_currency() -> None:
    desk, left, right = pair_of("60"), listed("left", "ETH"), listed("right", "ETH")
    # 6000 a leg in a currency that is worth 1.25 dollars: 7500.
    desk.accounts[LEFT] = account(LEFT, held(left, 6000, rate="1.25"))
    desk.accounts[RIGHT] = account(RIGHT, held(right, -6000, rate="1.25"))
    refusal = desk.refusal()
    assert (refusal.code, refusal.value) == (RefusalCode.PAIR_NOTIONAL, Decimal(15_000 + 5000 + 5001))
    desk.limit(max_exchange_notional_usd=Decimal(12_499))
    found = {(one.code, one.subject): one.value for one in desk.refusals()}
    assert found[RefusalCode.EXCHANGE_NOTIONAL, LEFT] == Decimal(12_500)


def test_hedges_between_other_exchanges_do_not_count_for_a_pair() -> None:
    desk, elsewhere = pair_of("75"), listed("third", "ETH")
    desk.hedges = [hedge_of(HedgeStatus.OPEN, (listed("left", "ETH"), 75, 75), (elsewhere, 75, 75))]
    desk.accounts[ExchangeName("third")] = account(ExchangeName("third"), held(elsewhere, -7500))
    assert desk.codes() == set()


def test_drill_everything_together_is_too_much() -> None:
    desk, third = Desk(), ExchangeName("third")
    desk.accounts[third] = account(third, held(listed("third"), 19_999))
    assert desk.codes() == set()
    desk.limit(max_pair_notional_usd=Decimal(10**6))
    desk.accounts[third] = account(third, held(listed("third"), 20_000))
    refusal = desk.refusal()
    assert (refusal.code, refusal.value) == (RefusalCode.TOTAL_NOTIONAL, Decimal(30_001))


def test_drill_an_entry_that_is_not_finished_counts_as_filled() -> None:
    desk = Desk()
    desk.hedges = [hedge_of(HedgeStatus.OPENING, (desk.left, "0.2", "0.1"), (desk.right, "0.2", "0"))]
    desk.accounts[LEFT] = account(LEFT, held(desk.left, 5000))
    # Left: 5000 held, 5000 awaited, 5000 planned. Right: nothing held, 10 002 awaited, 5001 planned.
    found = {(refusal.code, refusal.subject): refusal.value for refusal in desk.refusals()}
    assert found[RefusalCode.INSTRUMENT_NOTIONAL, desk.left.id] == Decimal(15_000)
    assert found[RefusalCode.INSTRUMENT_NOTIONAL, desk.right.id] == Decimal(15_003)
    desk.hedges = [replace(desk.hedges[0], status=HedgeStatus.CLOSING)]
    assert desk.codes() == set()


def test_drill_an_unfinished_entry_of_unknown_price_opens_nothing_else() -> None:
    desk, other = Desk(), listed("left", "ETH")
    desk.hedges = [hedge_of(HedgeStatus.OPENING, (other, 5, 0), (listed("third", "ETH"), 0, 0))]
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.PRICE_UNKNOWN, other.id)


def test_drill_what_hedges_hold_on_both_sides_of_an_instrument_is_not_netted() -> None:
    desk, third = Desk(), listed("third")
    desk.limit(max_hedges=9)
    desk.hedges = [
        hedge_of(HedgeStatus.OPEN, (desk.left, "0.08", "0.08"), (third, 0, 0)),
        hedge_of(HedgeStatus.OPEN, (third, 0, 0), (desk.left, "0.08", "0.08")),
    ]
    assert desk.accounts[LEFT].positions == ()  # as the venue nets them
    refusal = desk.refusal()
    assert (refusal.code, refusal.value) == (RefusalCode.INSTRUMENT_NOTIONAL, Decimal(4000 + 4000 + 5000))


def test_drill_there_are_hedges_enough() -> None:
    desk = Desk()
    third = (listed("third"), 0, 0)
    desk.hedges = [hedge_of(HedgeStatus.OPEN, third, third)] * 2
    assert desk.codes() == set()
    desk.hedges *= 2
    refusal = desk.refusal()
    assert (refusal.code, refusal.value, refusal.limit) == (RefusalCode.HEDGE_COUNT, Decimal(4), Decimal(3))


# The shape of a plan.


@pytest.mark.parametrize("short", ["0.0995", "0.1", "0.1005"])
def test_legs_may_differ_by_half_of_the_coarsest_step(short: str) -> None:
    assert Desk(short_quantity=Decimal(short)).codes() == set()


def test_the_coarsest_step_is_measured_in_the_base_asset() -> None:
    desk = Desk(right=replace(listed("right"), multiplier=Decimal(10)), short_quantity=Decimal("0.0105"))
    desk.short_mid = desk.short_mark = fresh(500_100)
    assert desk.codes() == set()  # 0.105 against 0.1, and the step on the right is 0.01
    desk.short_quantity = Decimal("0.01051")
    assert desk.codes() == {RefusalCode.NOT_NEUTRAL}


@pytest.mark.parametrize("short", ["0.098", "0.102"])
def test_drill_legs_that_do_not_balance(short: str) -> None:
    refusal = Desk(short_quantity=Decimal(short)).refusal()
    assert (refusal.code, refusal.value, refusal.limit) == (
        RefusalCode.NOT_NEUTRAL,
        Decimal("0.002"),
        Decimal("0.0005"),
    )


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN"])
def test_drill_a_plan_without_a_size_is_refused_and_not_divided_by(quantity: str) -> None:
    desk = Desk()
    both(desk, quantity)
    assert desk.codes() == {RefusalCode.NOT_NEUTRAL}


def test_drill_legs_that_are_not_the_plans_are_refused() -> None:
    desk = Desk()
    first, second = desk.legs()
    for legs in (
        [first],
        [second, first],
        [replace(first, quantity=Decimal("0.01"), base_quantity=Decimal("0.01")), second],
        [replace(first, base_quantity=-first.base_quantity), second],
        [replace(first, instrument=listed("third")), second],
    ):
        decision = desk.decide(legs)
        assert not isinstance(decision, ApprovedPlan)
        assert [refusal.code for refusal in decision] == [RefusalCode.NOT_NEUTRAL]


def test_drill_two_legs_on_one_side_are_no_hedge() -> None:
    desk = Desk()
    plan, legs = desk.plan(), desk.legs()
    plan = replace(plan, legs=(plan.legs[0], replace(plan.legs[1], side=PositionSide.LONG)))
    legs[1] = replace(legs[1], base_quantity=-legs[1].base_quantity)
    gate = RiskManager(LIMITS, halts=desk.halts, veto=lambda _: None, clock=desk.clock, instruments={})
    decision = gate.approve(plan, legs, desk.accounts, hedges=())
    assert not isinstance(decision, ApprovedPlan)
    assert {refusal.code for refusal in decision} == {RefusalCode.NOT_NEUTRAL}


@pytest.mark.parametrize("status", [one for one in InstrumentStatus if one is not InstrumentStatus.TRADING])
def test_drill_an_instrument_that_is_not_traded(status: InstrumentStatus) -> None:
    refusal = Desk(right=listed("right", status=status)).refusal()
    assert (refusal.code, refusal.subject, refusal.note) == (RefusalCode.NOT_TRADING, "BTC-PERP.right", status)


# Halts.


@pytest.mark.parametrize("scope", [EVERYTHING, LEFT, RIGHT])
def test_drill_no_plan_passes_a_halt(scope: str) -> None:
    desk = Desk()
    desk.halts.halt(scope, "the test says so", by="test")
    refusals = desk.refusals()
    assert {one.code for one in refusals} == {RefusalCode.HALTED}
    assert {one.subject for one in refusals} == ({LEFT, RIGHT} if scope == EVERYTHING else {scope})
    assert "the test says so" in str(refusals[0])
    desk.halts.lift(by="a person", reason="looked")
    assert desk.codes() == set()


def test_a_halt_of_another_exchange_stops_nobody_here() -> None:
    desk = Desk()
    desk.halts.halt("third", "the test says so", by="test")
    assert desk.codes() == set()


def test_every_broken_limit_is_told_at_once() -> None:
    desk = Desk(quote=fresh("0.98"), right=listed("right", status=InstrumentStatus.SUSPENDED))
    both(desk, "0.3")
    desk.account(equity_usd=fresh(1000), available_usd=fresh(0))
    assert desk.codes() >= {
        RefusalCode.DEPEG,
        RefusalCode.NOT_TRADING,
        RefusalCode.HEDGE_NOTIONAL,
        RefusalCode.TOTAL_NOTIONAL,
        RefusalCode.LEVERAGE,
        RefusalCode.AVAILABLE_MARGIN,
    }
