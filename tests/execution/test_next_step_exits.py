"""The next step of an exit: all legs or none, and the excess alone where the legs are uneven."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.execution.playing import POLICY, play, sent

from arb.execution._steps import Send, Settle, Wait
from arb.model import HedgeStatus, OrderPurpose, Side


def test_an_exit_sends_all_legs_or_none() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0.1"], status=HedgeStatus.CLOSING)
    step = one.decide()
    assert sent(step) == [
        (0, OrderPurpose.EXIT, Side.SELL, Decimal("0.1")),
        (1, OrderPurpose.EXIT, Side.BUY, Decimal("0.1")),
    ]
    assert isinstance(step, Send)
    assert step.all_or_none
    del one.quotes[1]
    assert isinstance(one.decide(), Wait)
    one.now_ns += POLICY.calm_wait_ns + 1
    assert one.decide() == Settle(status=HedgeStatus.OPEN, note="no leg could be closed: BTC-PERP.v1 has no price")


def test_an_exit_of_equal_legs_does_not_leave_by_a_price_that_is_only_remembered() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0.1"], status=HedgeStatus.CLOSING)
    one.quotes[0] = replace(one.quotes[0], is_fresh=False, is_remembered=True)
    assert one.decide() == Wait(why="BTC-PERP.v0 has no price")
    one.now_ns += POLICY.calm_wait_ns + 1
    assert one.decide() == Settle(status=HedgeStatus.OPEN, note="no leg could be closed: BTC-PERP.v0 has no price")


def test_an_exit_of_which_one_leg_is_left_goes_on_by_a_price_that_is_only_remembered() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0"], status=HedgeStatus.CLOSING)
    one.quotes[0] = replace(one.quotes[0], is_fresh=False, is_remembered=True)
    assert sent(one.decide()) == [(0, OrderPurpose.EXIT, Side.SELL, Decimal("0.1"))]


@pytest.mark.parametrize("remembered", [0, 1])
def test_an_exit_that_is_uneven_sends_the_excess_alone_where_a_price_is_only_remembered(remembered: int) -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0.06"], status=HedgeStatus.CLOSING)
    one.quotes[remembered] = replace(one.quotes[remembered], is_fresh=False, is_remembered=True)
    assert sent(one.decide()) == [(0, OrderPurpose.EXIT, Side.SELL, Decimal("0.04"))]


def test_an_exit_that_is_uneven_sends_the_excess_while_another_leg_has_no_price() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0.06"], status=HedgeStatus.CLOSING)
    del one.quotes[1]
    step = one.decide()
    assert sent(step) == [(0, OrderPurpose.EXIT, Side.SELL, Decimal("0.04"))]
    assert isinstance(step, Send)
    assert not step.all_or_none
    other = play("0.1", "-0.1", filled=["0.06", "0.1"], status=HedgeStatus.CLOSING)
    del other.quotes[1]
    assert isinstance(other.decide(), Wait)


def test_only_a_hedge_that_moves_has_a_next_step() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0.1"])
    for status in set(HedgeStatus) - {HedgeStatus.OPENING, HedgeStatus.CLOSING, HedgeStatus.REPAIRING}:
        one.hedge = replace(one.hedge, status=status)
        with pytest.raises(ValueError, match="nothing to do"):
            one.decide()
