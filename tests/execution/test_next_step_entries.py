"""The next step of an entry: unequal legs are mended the cheaper way, and a pilot is followed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.execution.playing import Play, play, quote, sent

from arb.execution._building import entry_order
from arb.execution._steps import Cancel, Send, Settle, Wait
from arb.model import (
    SECOND_NS,
    ZERO,
    BookLevel,
    EntryPolicy,
    HedgeStatus,
    InstrumentStatus,
    LegOrder,
    OrderMode,
    OrderPurpose,
    OrderStatus,
    Side,
)

# Entries.


def test_an_entry_of_unequal_legs_is_mended_by_the_cheaper_leg() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0.04"])
    one.quotes[0] = quote(one.instrument(0), Decimal(50_000), spread_bps=8)
    assert sent(one.decide()) == [(1, OrderPurpose.COMPLETE, Side.SELL, Decimal("0.06"))]
    one.quotes[1] = quote(one.instrument(1), Decimal(50_000), spread_bps=12)
    assert sent(one.decide()) == [(0, OrderPurpose.UNWIND, Side.SELL, Decimal("0.06"))]


def test_a_book_that_gives_a_part_only_is_no_cheaper_way() -> None:
    """The rest would stand alone until the next attempt."""
    one = play("0.1", "-0.1", filled=["0.1", "0"])
    one.quotes[0] = quote(one.instrument(0), Decimal(50_000), spread_bps=18)
    book = one.quotes[1].book
    thin = replace(book, bids=(BookLevel(book.bids[0].price, Decimal("0.002")),))
    one.quotes[1] = replace(one.quotes[1], book=thin)
    assert sent(one.decide()) == [(0, OrderPurpose.UNWIND, Side.SELL, Decimal("0.1"))]


def test_a_way_that_gives_a_part_goes_before_one_that_nobody_can_price() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0"])
    one.quotes[0] = quote(one.instrument(0), Decimal(50_000), usd=None)
    book = one.quotes[1].book
    thin = replace(book, bids=(BookLevel(book.bids[0].price, Decimal("0.002")),))
    one.quotes[1] = replace(one.quotes[1], book=thin)
    assert sent(one.decide()) == [(1, OrderPurpose.COMPLETE, Side.SELL, Decimal("0.1"))]


def test_a_way_that_has_a_book_goes_before_one_whose_price_is_only_remembered() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0.04"])
    one.quotes[0] = replace(one.quotes[0], is_fresh=False, is_remembered=True)
    one.quotes[1] = quote(one.instrument(1), Decimal(50_000), spread_bps=8)
    assert sent(one.decide()) == [(1, OrderPurpose.COMPLETE, Side.SELL, Decimal("0.06"))]


@pytest.mark.parametrize("reason", ["budget", "status", "no book", "no dollars", "thin"])
def test_what_may_or_can_not_be_completed_is_taken_back(reason: str) -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0.04"])
    one.quotes[0] = quote(one.instrument(0), Decimal(50_000), spread_bps=18)
    name = one.hedge.legs[1].instrument
    if reason == "budget":
        one.may_open = False
    elif reason == "status":
        one.instruments[name] = replace(one.instruments[name], status=InstrumentStatus.REDUCE_ONLY)
    elif reason == "no book":
        del one.quotes[1]
    elif reason == "no dollars":
        one.quotes[1] = quote(one.instrument(1), Decimal(50_000), usd=None)
    else:
        one.quotes[1] = quote(one.instrument(1), Decimal(50_000), spread_bps=50)
    assert sent(one.decide()) == [(0, OrderPurpose.UNWIND, Side.SELL, Decimal("0.06"))]


def test_of_two_legs_that_could_be_taken_back_one_with_a_price_is() -> None:
    one = play("0.2", "-0.1", "-0.1", filled=["0", "0.1", "0.1"])
    one.may_open = False
    del one.quotes[1]
    one.quotes[2] = quote(one.instrument(2), Decimal(50_000), usd=None)
    assert sent(one.decide()) == [(2, OrderPurpose.UNWIND, Side.BUY, Decimal("0.1"))]


def test_without_any_price_a_repair_waits() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0"])
    one.quotes.clear()
    assert isinstance(one.decide(), Wait)


def test_each_further_attempt_may_cost_twice_as_much_up_to_the_policy() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0"])
    one.may_open = False
    bands: list[Decimal] = []
    while not isinstance(step := one.decide(), Settle):
        assert isinstance(step, Send)
        assert step.is_retry is bool(bands)
        bands.append(step.orders[0].band_bps)
        one.send(step.orders[0], OrderStatus.CANCELLED, ZERO)
    assert bands == [10, 20, 40, 80, 160, 300]
    assert step.status is HedgeStatus.HALTED
    assert "0.1 BTC is not hedged after 6 unwind orders" in step.note


def test_orders_that_never_left_are_no_attempts() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0"])
    one.may_open = False
    for _ in range(50):
        step = one.decide()
        assert isinstance(step, Send)
        assert step.orders[0].band_bps == 10
        one.send(step.orders[0], OrderStatus.NOT_SENT, ZERO)


def test_a_reduction_that_the_venue_called_too_small_is_not_repeated() -> None:
    one = play("0.1", "-0.1", filled=["0.003", "0"])
    one.may_open = False
    step = one.decide()
    assert isinstance(step, Send)
    one.send(step.orders[0], OrderStatus.REJECTED, ZERO)
    last = one.records[-1]
    one.records[-1] = replace(last, order=replace(last.order, reason="below_minimum min_notional: too small"))
    ended = one.decide()
    assert isinstance(ended, Settle)
    assert ended.status is HedgeStatus.ABANDONED
    assert "0.003 BTC-PERP.v0 is left" in ended.note


def test_three_legs_that_balance_with_one_empty_are_not_called_too_little_to_trade() -> None:
    one = play("0.2", "-0.1", "-0.1", filled=["0.1", "0.1", "0"])
    one.may_open = False
    step = one.decide()
    assert not isinstance(step, Settle) or step.status is HedgeStatus.OPEN, step


# A pilot and those who follow it.


def piloted(*legs: str, mode: OrderMode = OrderMode.POST_ONLY) -> Play:
    """Return an entry whose first leg rests."""
    one = play(*legs, entry=EntryPolicy(mode=mode, leg_order=LegOrder.PILOT_FIRST))
    one.send(entry_order(one.hedge, 0, mode), OrderStatus.OPEN, ZERO)
    return one


def test_a_resting_pilot_is_left_alone_until_its_deadline() -> None:
    one = piloted("0.1", "-0.1")
    assert isinstance(one.decide(), Wait)
    one.now_ns += 30 * SECOND_NS
    assert one.decide() == Cancel(leg_indices=(0,))


def test_a_resting_pilot_is_taken_back_at_once_when_nothing_may_be_opened() -> None:
    one = piloted("0.1", "-0.1")
    one.may_open = False
    assert one.decide() == Cancel(leg_indices=(0,))


@pytest.mark.parametrize(
    "legs", [("0.3", "-0.1", "-0.2"), ("0.3", "-0.1", "-0.1", "-0.1"), ("0.7", "-0.3", "-0.4"), ("0.07", "-0.07")]
)
def test_a_pilot_that_is_filled_whole_is_followed_by_every_whole_target(legs: tuple[str, ...]) -> None:
    one = piloted(*legs)
    one.fill(0, Decimal(legs[0]), OrderStatus.FILLED)
    assert sent(one.decide()) == [
        (index, OrderPurpose.ENTRY, Side.SELL, abs(Decimal(target))) for index, target in enumerate(legs) if index
    ]


def test_followers_are_not_sent_twice_for_the_same_fill() -> None:
    one = piloted("0.1", "-0.1")
    one.fill(0, Decimal("0.04"), OrderStatus.PARTIALLY_FILLED)
    step = one.decide()
    assert sent(step) == [(1, OrderPurpose.ENTRY, Side.SELL, Decimal("0.04"))]
    assert isinstance(step, Send)
    one.send(step.orders[0], OrderStatus.FILLED, Decimal("0.04"))
    assert isinstance(one.decide(), Wait)
    one.fill(0, Decimal("0.01"), OrderStatus.PARTIALLY_FILLED)
    assert sent(one.decide()) == [(1, OrderPurpose.ENTRY, Side.SELL, Decimal("0.01"))]


def test_a_follower_that_could_not_leave_is_sent_again_after_a_wait() -> None:
    one = piloted("0.1", "-0.1")
    one.fill(0, Decimal("0.04"), OrderStatus.PARTIALLY_FILLED)
    step = one.decide()
    assert isinstance(step, Send)
    one.send(step.orders[0], OrderStatus.NOT_SENT, ZERO)
    again = one.decide()
    assert not isinstance(again, Send) or again.is_retry


@pytest.mark.parametrize("mode", [OrderMode.POST_ONLY, OrderMode.LIMIT_THEN_MARKET, OrderMode.AGGRESSIVE])
def test_a_pilot_that_nobody_can_follow_is_taken_back_and_never_made_larger(mode: OrderMode) -> None:
    one = piloted("0.1", "-0.1", mode=mode)
    one.fill(0, Decimal("0.04"), OrderStatus.PARTIALLY_FILLED)
    step = one.decide()
    assert isinstance(step, Send)
    one.send(step.orders[0], OrderStatus.REJECTED, ZERO)
    assert one.decide() == Cancel(leg_indices=(0,))
    one.fill(0, ZERO, OrderStatus.CANCELLED)
    (order,) = sent(one.decide())
    assert order[1] in (OrderPurpose.UNWIND, OrderPurpose.COMPLETE), order
