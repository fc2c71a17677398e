"""Entries whose first leg rests: the others follow what it really fills."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from arb.api import ExchangeTraits, Veto
from arb.execution import ExecutionPolicy, Recorder
from arb.model import (
    SECOND_NS,
    EntryPolicy,
    EventKind,
    Hedge,
    HedgeStatus,
    LegOrder,
    OrderMode,
    OrderPurpose,
    OrderRecord,
    OrderStatus,
    TimeInForce,
)
from arb.risk import EVERYTHING
from arb.testing import Fault, sample_instrument

if TYPE_CHECKING:
    from tests.execution.conftest import Desk, OnDesk, OnWorld, World

FLAT = (Decimal(0), Decimal(0))
BOTH = (Decimal("0.1"), Decimal("-0.1"))
LAGGING = ExchangeTraits(read_after_write_ns=SECOND_NS // 2, order_validity_ns=0)


def entry(mode: OrderMode, rest_s: int = 30) -> EntryPolicy:
    return EntryPolicy(mode=mode, leg_order=LegOrder.PILOT_FIRST, rest_ns=rest_s * SECOND_NS)


async def begun(d: Desk, mode: OrderMode, rest_s: int = 30) -> Hedge:
    """Open with a pilot on the left and return while it rests."""
    d.left.set_price(d.left.id_of("BTC"), 50_000, spread_bps=4)  # the wider one is less likely to fill
    hedge = await d.open(entry=entry(mode, rest_s))
    assert hedge.status is HedgeStatus.OPENING
    (pilot,) = await d.orders(hedge)
    assert (pilot.leg_index, pilot.purpose, pilot.order.status) == (0, OrderPurpose.ENTRY, OrderStatus.OPEN)
    return hedge


def fill_pilot(d: Desk, quantity: str) -> None:
    """Let the market come to the bid of the pilot with so many contracts, and go back."""
    name = d.left.id_of("BTC")
    d.left.set_book(name, [(49_980, 10)], [(49_985, quantity), (50_010, 10)])
    d.left.set_price(name, 50_000, spread_bps=4)


@pytest.mark.parametrize(
    "mode", [OrderMode.MARKET, OrderMode.POST_ONLY, OrderMode.LIMIT_THEN_MARKET, OrderMode.AGGRESSIVE]
)
def test_the_pilot_leaves_as_its_mode_says_and_alone(on_desk: OnDesk, mode: OrderMode) -> None:
    async def check(d: Desk) -> None:
        d.right.faults.always("send_order", Fault(delay_ns=5 * SECOND_NS))
        d.left.set_price(d.left.id_of("BTC"), 50_000, spread_bps=4)
        began = d.now_ns
        hedge = await d.open(entry=entry(mode))
        pilot = (await d.orders(hedge))[0]
        request = pilot.order.request
        rests = mode is not OrderMode.MARKET
        assert pilot.mode is mode
        assert request.time_in_force is (TimeInForce.GTC if rests else TimeInForce.IOC)
        assert request.post_only is (mode in (OrderMode.POST_ONLY, OrderMode.LIMIT_THEN_MARKET))
        assert pilot.rest_until_ns == (began + 30 * SECOND_NS if rests else None)
        expected = {OrderMode.MARKET: "50100.00", OrderMode.AGGRESSIVE: "50010.00"}.get(mode, "49990.00")
        assert request.price == Decimal(expected)

    on_desk(check, patience_ns=3 * SECOND_NS)


def test_a_pilot_that_takes_is_followed_by_what_it_filled(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.set_price(d.left.id_of("BTC"), 50_000, spread_bps=4)
        d.left.faults.once("send_order", Fault.partial_fill("0.07"))
        hedge = await d.open(entry=entry(OrderMode.MARKET))
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == (Decimal("0.07"), Decimal("-0.07"))
        assert [one.order.request.quantity for one in await d.orders(hedge, 1)] == [Decimal("0.07")]

    on_desk(check)


def test_an_aggressive_pilot_takes_the_touch_and_rests_with_the_remainder(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        name = d.left.id_of("BTC")
        d.left.set_book(name, [(49_990, 10)], [(50_010, "0.06"), (50_050, 10)])
        hedge = await d.open(entry=entry(OrderMode.AGGRESSIVE))
        assert hedge.status is HedgeStatus.OPENING
        assert await d.held() == (Decimal("0.06"), Decimal("-0.06"))
        d.left.set_book(name, [(49_990, 10)], [(50_000, 10)])
        hedge = await d.wait(hedge)
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == BOTH
        assert hedge.legs[0].entry_price == Decimal(50_010)

    on_desk(check, patience_ns=3 * SECOND_NS)


def test_a_resting_pilot_is_followed_part_by_part(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await begun(d, OrderMode.POST_ONLY)
        for part, held in (("0.03", "0.03"), ("0.05", "0.08"), ("0.02", "0.1")):
            fill_pilot(d, part)
            await d.sleep(6)
            assert await d.held() == (Decimal(held), -Decimal(held))
        hedge = await d.wait(hedge)
        assert hedge.status is HedgeStatus.OPEN
        assert [one.order.request.quantity for one in await d.orders(hedge, 1)] == [
            Decimal("0.03"),
            Decimal("0.05"),
            Decimal("0.02"),
        ]
        assert len(await d.orders(hedge, 0)) == 1
        assert not d.halts.active()

    on_desk(check, patience_ns=SECOND_NS)


def test_parts_too_small_for_the_other_venue_are_gathered(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        name = d.right.id_of("BTC")
        d.instruments[name] = coarse = sample_instrument("right", "BTC", min_quantity=Decimal("0.02"))
        d.right.add_instrument(coarse)
        hedge = await begun(d, OrderMode.POST_ONLY)
        for part in ("0.015", "0.015", "0.07"):
            fill_pilot(d, part)
            await d.sleep(6)
        hedge = await d.wait(hedge)
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == BOTH
        assert [one.order.request.quantity for one in await d.orders(hedge, 1)] == [Decimal("0.03"), Decimal("0.07")]

    on_desk(check, patience_ns=SECOND_NS)


def test_what_a_post_only_pilot_has_not_filled_at_its_deadline_is_given_up(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await begun(d, OrderMode.POST_ONLY)
        fill_pilot(d, "0.04")
        hedge = await d.wait(hedge)
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == (Decimal("0.04"), Decimal("-0.04"))
        (pilot,) = await d.orders(hedge, 0)
        assert pilot.order.status is OrderStatus.CANCELLED
        assert pilot.rest_until_ns is not None
        assert pilot.rest_until_ns <= pilot.order.ts_event_ns <= pilot.rest_until_ns + 5 * SECOND_NS

    on_desk(check, patience_ns=SECOND_NS)


def test_a_pilot_that_nobody_met_leaves_nothing_behind(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await begun(d, OrderMode.POST_ONLY)
        assert (await d.wait(hedge)).status is HedgeStatus.ABANDONED
        assert d.right.faults.calls["send_order"] == 0
        assert d.left._orders.open_orders() == []

    on_desk(check, patience_ns=SECOND_NS)


def test_the_rest_of_a_limit_then_market_pilot_is_taken_at_its_deadline(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await begun(d, OrderMode.LIMIT_THEN_MARKET)
        fill_pilot(d, "0.04")
        await d.sleep(20)
        assert len(await d.orders(hedge, 0)) == 1
        hedge = await d.wait(hedge)
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == BOTH
        limit, market = await d.orders(hedge, 0)
        assert (limit.order.status, limit.order.filled_quantity) == (OrderStatus.CANCELLED, Decimal("0.04"))
        assert (market.mode, market.order.request.quantity) == (OrderMode.MARKET, Decimal("0.06"))
        assert market.created_ns >= (limit.rest_until_ns or 0)

    on_desk(check, patience_ns=SECOND_NS)


def test_a_pilot_that_would_cross_is_taken_at_once_where_its_mode_allows(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.set_price(d.left.id_of("BTC"), 50_000, spread_bps=4)
        d.left.faults.once("send_order", Fault.rejected("would_cross"))
        hedge = await d.open(entry=entry(OrderMode.LIMIT_THEN_MARKET))
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == BOTH
        d.left.faults.once("send_order", Fault.rejected("would_cross"))
        assert (await d.open(entry=entry(OrderMode.POST_ONLY))).status is HedgeStatus.ABANDONED

    on_desk(check)


@pytest.mark.parametrize("mode", [OrderMode.POST_ONLY, OrderMode.LIMIT_THEN_MARKET, OrderMode.AGGRESSIVE])
def test_a_pilot_the_others_cannot_follow_is_cancelled_and_not_made_larger(on_desk: OnDesk, mode: OrderMode) -> None:
    async def check(d: Desk) -> None:
        name = d.left.id_of("BTC")
        if mode is OrderMode.AGGRESSIVE:
            d.left.set_book(name, [(49_990, 10)], [(50_010, "0.04"), (50_050, 10)])
            d.right.faults.always("send_order", Fault.rejected())
            hedge = await d.open(entry=entry(mode))
            d.left.set_book(name, [(49_990, 10)], [(50_050, 10)])
        else:
            hedge = await begun(d, mode)
        d.right.faults.always("send_order", Fault.rejected())
        if mode is not OrderMode.AGGRESSIVE:
            fill_pilot(d, "0.04")
        hedge = await d.wait(hedge)
        assert hedge.status is HedgeStatus.ABANDONED
        assert await d.held() == FLAT
        assert d.left._orders.open_orders() == []
        assert hedge.legs[0].entry_quantity == Decimal("0.04")
        assert not d.halts.active()

    on_desk(check, patience_ns=0)


def test_a_pilot_is_completed_for_when_another_try_fills(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await begun(d, OrderMode.POST_ONLY)
        d.right.faults.once("send_order", Fault.partial_fill("0.01"))
        fill_pilot(d, "0.04")
        d.left.set_price(d.left.id_of("BTC"), 50_000, spread_bps=20)  # to take it back costs more
        hedge = await d.wait(hedge)
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == (Decimal("0.04"), Decimal("-0.04"))
        assert OrderPurpose.COMPLETE in {one.purpose for one in await d.orders(hedge, 1)}

    on_desk(check, patience_ns=SECOND_NS)


def test_a_follower_that_cannot_be_sent_is_tried_without_racing(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await begun(d, OrderMode.POST_ONLY)
        d.right.faults.always("send_order", Fault.not_sent())
        fill_pilot(d, "0.04")
        await d.sleep(30)
        assert d.right.faults.calls["send_order"] < 60
        d.right.faults.always("send_order", None)
        hedge = await d.wait(hedge)
        assert not hedge.status.is_moving
        left, right = await d.held()
        assert left == -right

    on_desk(check, patience_ns=SECOND_NS)


def test_a_veto_on_the_followers_takes_the_pilot_back_without_a_halt(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await begun(d, OrderMode.POST_ONLY)
        d.vetoes.append(Veto("not any more"))
        fill_pilot(d, "0.04")
        hedge = await d.wait(hedge)
        assert hedge.status is HedgeStatus.ABANDONED
        assert await d.held() == FLAT
        assert d.left._orders.open_orders() == []
        assert not d.halts.active(), "a veto is no reason to wait until the budget is used up"

    on_desk(check, patience_ns=SECOND_NS)


def test_a_halt_takes_a_resting_pilot_back(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await begun(d, OrderMode.LIMIT_THEN_MARKET)
        fill_pilot(d, "0.04")
        await d.sleep(6)
        d.halts.halt(EVERYTHING, "a test", by="a test")
        hedge = await d.wait(hedge, seconds=10)
        assert hedge.status is HedgeStatus.OPEN, "what is balanced may stay"
        assert await d.held() == (Decimal("0.04"), Decimal("-0.04"))
        assert d.left._orders.open_orders() == []

    on_desk(check, patience_ns=SECOND_NS)


def test_a_cancellation_that_cannot_be_read_is_asked_for_again_without_racing(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await begun(d, OrderMode.POST_ONLY)
        d.left.faults.always("cancel_order", Fault.not_sent())
        d.left.faults.always("fetch_order", Fault.not_sent())
        await d.sleep(60)
        assert d.left.faults.calls["cancel_order"] < 100
        d.left.faults.always("cancel_order", None)
        d.left.faults.always("fetch_order", None)
        assert (await d.wait(hedge)).status is HedgeStatus.ABANDONED
        assert d.left._orders.open_orders() == []

    on_desk(check, patience_ns=SECOND_NS)


def test_a_fill_during_the_cancellation_is_hedged(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await begun(d, OrderMode.POST_ONLY)

        async def market() -> None:
            while d.left.faults.calls["cancel_order"] == 0:
                await d.sleep(0.01)
            fill_pilot(d, "0.04")

        meeting = asyncio.ensure_future(market())
        d.left.faults.once("cancel_order", Fault.unknown_before())
        hedge = await d.wait(hedge)
        await meeting
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == (Decimal("0.04"), Decimal("-0.04"))

    on_desk(check, patience_ns=SECOND_NS, traits=LAGGING)


def test_a_pilot_rests_its_whole_time_beside_a_dead_mans_switch(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await begun(d, OrderMode.POST_ONLY, rest_s=180)
        await d.sleep(170)
        (pilot,) = await d.orders(hedge)
        assert pilot.order.status is OrderStatus.OPEN
        assert len(d.left._orders.open_orders()) == 1

    on_desk(check, patience_ns=SECOND_NS)


def test_a_short_pilot_does_not_shorten_the_switch_of_a_longer_one(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        long = await begun(d, OrderMode.POST_ONLY, rest_s=600)
        short = await d.open(entry=entry(OrderMode.POST_ONLY, 5))
        assert (await d.wait(short)).status is HedgeStatus.ABANDONED
        await d.sleep(300)
        (pilot,) = await d.orders(long)
        assert pilot.order.status is OrderStatus.OPEN

    on_desk(check, patience_ns=SECOND_NS)


def test_the_switch_of_the_venue_ends_a_pilot_whose_process_is_gone(on_world: OnWorld) -> None:
    async def check(world: World) -> None:
        first = await world.start(patience_ns=SECOND_NS)
        await begun(first, OrderMode.POST_ONLY)
        await first.executor.rest(0)
        assert len(first.left._orders.open_orders()) == 1
        await first.sleep(30 + 61)
        assert first.left._orders.open_orders() == []

    on_world(check)


def test_a_resting_pilot_survives_a_restart_with_its_deadline_unmoved(on_world: OnWorld) -> None:
    async def check(world: World) -> None:
        first = await world.start(patience_ns=SECOND_NS)
        hedge = await begun(first, OrderMode.POST_ONLY)
        (before,) = await first.orders(hedge)
        fill_pilot(first, "0.03")
        await first.executor.rest(0)
        first.crash()
        await first.sleep(15)
        second = await world.start()
        second.executor.take_up([hedge])
        await second.sleep(6)
        assert await second.held() == (Decimal("0.03"), Decimal("-0.03"))
        found = await second.wait(hedge)
        assert found.status is HedgeStatus.OPEN
        (after,) = await second.orders(hedge, 0)
        assert after.rest_until_ns == before.rest_until_ns
        assert after.order.status is OrderStatus.CANCELLED
        assert 0 <= after.order.ts_event_ns - (before.rest_until_ns or 0) <= 5 * SECOND_NS
        assert first.orders_sent() == 2

    on_world(check)


def test_no_order_of_a_process_that_is_gone_is_taken_for_resting_after_its_deadline(on_world: OnWorld) -> None:
    async def check(world: World) -> None:
        first = await world.start(patience_ns=SECOND_NS)
        hedge = await begun(first, OrderMode.LIMIT_THEN_MARKET, rest_s=20)
        await first.executor.rest(0)
        first.crash()
        await first.sleep(3600)
        second = await world.start()
        assert (await second.taken_up(hedge, seconds=10)).status is HedgeStatus.OPEN
        assert await second.held() == BOTH

    on_world(check)


def test_a_fill_that_is_listed_a_moment_later_does_not_count_from_when_the_pilot_began_to_rest(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await begun(d, OrderMode.POST_ONLY, rest_s=60)
        await d.sleep(20)
        d.left.faults.once("fetch_fills", Fault(delay_ns=3 * SECOND_NS))
        fill_pilot(d, "0.1")
        hedge = await d.wait(hedge)
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == BOTH
        assert not d.halts.active()

    on_desk(check, patience_ns=SECOND_NS)


def test_a_naked_part_of_a_resting_pilot_stays_within_the_budget(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await begun(d, OrderMode.POST_ONLY, rest_s=60)
        await d.sleep(20)
        filled_ns = d.now_ns
        fill_pilot(d, "0.1")
        hedge = await d.wait(hedge)
        assert hedge.status is HedgeStatus.OPEN
        (follower,) = await d.orders(hedge, 1)
        assert follower.created_ns - filled_ns <= 5 * SECOND_NS
        assert EventKind.EXPOSURE_OVER_BUDGET not in d.kinds()

    on_desk(check, patience_ns=SECOND_NS, policy=ExecutionPolicy())


def test_a_switch_that_is_slow_to_be_armed_makes_no_order_too_old(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.faults.always("arm_dead_mans_switch", Fault(delay_ns=4 * SECOND_NS))
        began_ns = d.now_ns
        (pilot,) = await d.orders(await begun(d, OrderMode.POST_ONLY))
        assert pilot.created_ns == began_ns + 4 * SECOND_NS, "it is as old as its leaving"
        assert pilot.rest_until_ns == pilot.created_ns + 30 * SECOND_NS

    on_desk(check, patience_ns=SECOND_NS)


def test_orders_of_which_none_can_leave_are_recorded_once(on_desk: OnDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[int] = []
    keep = Recorder.orders

    async def orders(recorder: Recorder, records: Sequence[OrderRecord], **more: Any) -> None:
        stored.append(len(records))
        await keep(recorder, records, **more)

    async def check(d: Desk) -> None:
        hedge = await d.open()
        d.left.faults.always("prepare_order", Fault.not_sent())
        assert (await d.close(hedge)).status is HedgeStatus.OPEN

    monkeypatch.setattr(Recorder, "orders", orders)
    on_desk(check)
    assert stored == [2], "both of the entry; none of an exit that never left"
