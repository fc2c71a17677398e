"""A leg that was refused, filled in part or not answered for is completed, taken back or told of."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from arb.api import ExchangeTraits, UnknownOrder
from arb.execution import ExecutionPolicy
from arb.model import (
    HOUR_NS,
    SECOND_NS,
    EntryPolicy,
    EventKind,
    HedgeStatus,
    LegOrder,
    OrderMode,
    OrderPurpose,
    OrderStatus,
)
from arb.risk import Refusal, RefusalCode
from arb.testing import Fault

if TYPE_CHECKING:
    from tests.execution.conftest import Desk, OnDesk

FLAT = (Decimal(0), Decimal(0))
BOTH = (Decimal("0.1"), Decimal("-0.1"))
SLOW_READS = ExchangeTraits(read_after_write_ns=3 * SECOND_NS, order_validity_ns=0)


def refusals(d: Desk) -> tuple[Refusal, ...]:
    decided = d.decided()
    assert isinstance(decided, tuple)
    return decided


def test_a_refused_leg_is_unwound(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.right.faults.always("send_order", Fault.rejected())
        hedge = await d.open()
        assert hedge.status is HedgeStatus.ABANDONED
        assert await d.held() == FLAT
        assert not d.halts.active()

    on_desk(check)


def test_a_refused_leg_is_completed_where_that_is_cheaper_and_the_venue_takes_it(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.set_price(d.left.id_of("BTC"), 50_000, spread_bps=20)  # leaving again would cost ten times as much
        d.right.faults.once("send_order", Fault.rejected())
        hedge = await d.open()
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == BOTH
        assert [one.purpose for one in await d.orders(hedge, 1)] == [OrderPurpose.ENTRY, OrderPurpose.COMPLETE]

    on_desk(check)


def test_a_leg_that_was_refused_twice_is_not_completed_a_third_time(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.set_price(d.left.id_of("BTC"), 50_000, spread_bps=20)
        d.right.faults.always("send_order", Fault.rejected())
        hedge = await d.open()
        assert hedge.status is HedgeStatus.ABANDONED
        assert await d.held() == FLAT
        assert d.right.faults.calls["send_order"] == 2

    on_desk(check)


def test_a_partial_fill_is_completed_or_shrunk_but_never_left_uneven(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.right.faults.always("send_order", Fault.partial_fill("0.04"))
        d.right.faults.once("send_order", Fault.partial_fill("0.04"))
        hedge = await d.open()
        assert hedge.status is HedgeStatus.OPEN
        left, right = await d.held()
        assert left == -right > 0
        assert hedge.imbalance == 0

    on_desk(check)


@pytest.mark.parametrize(("spread_bps", "held"), [(20, Decimal("0.1")), (2, Decimal("0.04"))])
def test_a_shortfall_is_mended_in_the_cheaper_way_by_the_books(on_desk: OnDesk, spread_bps: int, held: Decimal) -> None:
    async def check(d: Desk) -> None:
        d.left.set_price(d.left.id_of("BTC"), 50_000, spread_bps=spread_bps)
        d.right.set_price(d.right.id_of("BTC"), 50_000, spread_bps=10)
        d.right.faults.once("send_order", Fault.partial_fill("0.04"))
        hedge = await d.open()
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == (held, -held)

    on_desk(check)


@pytest.mark.parametrize("fault", [Fault.unknown_after(), Fault(error=RuntimeError("a bug"), after_effect=True)])
def test_a_lost_answer_is_read_back_and_nothing_is_sent_twice(on_desk: OnDesk, fault: Fault) -> None:
    async def check(d: Desk) -> None:
        d.left.faults.once("send_order", fault)
        hedge = await d.open()
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == BOTH
        assert d.orders_sent() == 2
        assert EventKind.ORDER_IN_DOUBT in d.kinds()

    on_desk(check)


def test_an_order_that_its_venue_does_not_know_when_it_answers_is_looked_up_and_not_sent_again(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        unknown = UnknownOrder("no such order, yet", exchange=d.right.name, code="unknown_order")
        d.right.faults.once("send_order", Fault(error=unknown, after_effect=True))
        d.right.faults.once("fetch_order", *[Fault(error=unknown)] * 3)
        hedge = await d.open()
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == BOTH
        assert d.orders_sent() == 2
        assert d.kinds().count(EventKind.ORDER_IN_DOUBT) == 1
        assert (await d.orders(hedge, 1))[0].order.status is OrderStatus.FILLED

    on_desk(check, traits=SLOW_READS)


def test_a_request_that_never_arrived_is_proved_absent_only_after_the_read_delay(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.faults.once("send_order", Fault.unknown_before())
        began = d.now_ns
        hedge = await d.open()
        assert hedge.status.is_final or hedge.status is HedgeStatus.OPEN
        (first, *later) = await d.orders(hedge)
        assert first.order.status is OrderStatus.NOT_SENT
        assert all(one.created_ns - began >= 3 * SECOND_NS for one in later if one.purpose is not OrderPurpose.ENTRY)
        assert len(later) > 1
        left, right = await d.held()
        assert left == -right

    on_desk(check, traits=SLOW_READS)


def test_while_the_venue_cannot_be_read_the_leg_stays_in_doubt_and_nothing_more_is_sent(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.faults.once("send_order", Fault.unknown_after())
        for call in ("fetch_order", "fetch_fills"):
            d.left.faults.always(call, Fault.unknown_before())
        hedge = await d.open()
        assert hedge.status is HedgeStatus.OPENING
        assert d.orders_sent() == 2
        await d.sleep(600)
        assert (await d.stored(hedge)).status is HedgeStatus.OPENING
        assert d.orders_sent() == 2
        for call in ("fetch_order", "fetch_fills"):
            d.left.faults.always(call, None)
        assert (await d.wait(hedge)).status is HedgeStatus.OPEN
        assert d.orders_sent() == 2

    on_desk(check, patience_ns=5 * SECOND_NS)


def test_an_order_that_cannot_be_read_is_told_by_its_fills(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.faults.once("send_order", Fault.unknown_after())
        d.left.faults.always("fetch_order", Fault.unknown_before())
        began_ns = d.now_ns
        assert (await d.open()).status is HedgeStatus.OPEN
        assert d.now_ns - began_ns < SECOND_NS
        assert d.orders_sent() == 2

    on_desk(check, patience_ns=5 * SECOND_NS)


def test_an_answer_that_never_comes_ends_in_doubt_not_in_a_hang(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.faults.once("send_order", Fault(delay_ns=HOUR_NS))
        hedge = await d.open()
        assert EventKind.ORDER_IN_DOUBT in d.kinds()
        assert not hedge.status.is_moving
        left, right = await d.held()
        assert left == -right

    on_desk(check)


def test_a_leg_that_cannot_be_mended_halts_with_an_alarm(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.right.faults.always("send_order", Fault.rejected())
        d.left.faults.once("send_order", None)
        d.left.faults.always("send_order", Fault.rejected())
        hedge = await d.open()
        assert hedge.status is HedgeStatus.HALTED
        assert EventKind.HEDGE_HALTED in d.alarms()
        assert EventKind.HALT_RAISED in d.alarms()
        assert await d.held() == (Decimal("0.1"), Decimal(0))
        assert [halt.subject for halt in d.halts.active()] == [hedge.id]
        assert {one.code for one in refusals(d)} == {RefusalCode.HALTED}

    on_desk(check, policy=ExecutionPolicy(max_naked_seconds=Decimal(10**6)))


def test_a_leg_is_taken_back_however_long_its_venue_cannot_be_reached(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.right.faults.always("send_order", Fault.rejected())
        d.left.faults.once("send_order", None)
        d.left.faults.always("send_order", Fault.not_sent())
        hedge = await d.open()
        assert hedge.status is HedgeStatus.OPENING
        await d.sleep(300)
        assert (await d.stored(hedge)).status is HedgeStatus.OPENING
        assert EventKind.EXPOSURE_OVER_BUDGET in d.alarms()
        assert [halt.subject for halt in d.halts.active()] == [hedge.id]
        d.left.faults.always("send_order", None)
        assert (await d.wait(hedge)).status is HedgeStatus.ABANDONED
        assert await d.held() == FLAT

    on_desk(check)


def test_what_keeps_a_hedge_from_going_on_is_told_and_told_again_while_it_lasts(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.faults.always("fetch_fills", Fault.unknown_before())
        hedge = await d.open()
        assert hedge.status is HedgeStatus.OPENING
        assert d.alarms().count(EventKind.BOOKS_DIFFER) == 1
        await d.sleep(660)
        assert d.alarms().count(EventKind.BOOKS_DIFFER) == 2

    on_desk(check, policy=ExecutionPolicy(max_naked_seconds=Decimal(10**6)))


def test_an_order_in_doubt_for_long_is_an_alarm_and_a_halt_but_not_a_flood(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.faults.once("send_order", Fault.unknown_after())
        for call in ("fetch_order", "fetch_fills"):
            d.left.faults.always(call, Fault(error=KeyError("a bug of the plugin")))
        await d.open()
        await d.sleep(500)
        assert sorted(d.alarms()) == [
            EventKind.EXPOSURE_OVER_BUDGET,
            EventKind.HALT_RAISED,
            EventKind.ORDER_IN_DOUBT,
        ]

    on_desk(check)


def test_a_leg_grows_by_the_market_of_the_moment_not_of_the_attempt_before(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.set_price(d.left.id_of("BTC"), 50_000, spread_bps=20)  # it is cheaper to complete
        d.right.faults.once("send_order", Fault.partial_fill(0), Fault.partial_fill(0))
        opening = asyncio.ensure_future(d.open())
        await d.sleep(4)  # within the pause before the next attempt
        d.right.set_price(d.right.id_of("BTC"), 50_500)
        assert (await opening).status is HedgeStatus.OPEN
        entry, *later = await d.orders((await d.journal.hedges())[0], 1)
        assert [one.purpose for one in later] == [OrderPurpose.COMPLETE] * 2
        assert [one.arrival_price for one in (entry, *later)] == [Decimal(50_000), Decimal(50_000), Decimal(50_500)]

    on_desk(check, policy=ExecutionPolicy(retry_delay_ns=8 * SECOND_NS, max_naked_seconds=Decimal(1000)))


@pytest.mark.parametrize("readable", [True, False])
def test_a_book_that_is_too_old_lets_no_leg_grow(on_desk: OnDesk, readable: bool) -> None:
    async def check(d: Desk) -> None:
        name = d.left.id_of("BTC")
        d.left.set_price(name, 50_000, spread_bps=4)
        entry = EntryPolicy(mode=OrderMode.POST_ONLY, leg_order=LegOrder.PILOT_FIRST)
        hedge = await d.open(entry=entry)
        if not readable:
            d.right.faults.always("fetch_order_book", Fault.unknown_before())
        await d.sleep(12)
        d.left.set_book(name, [(49_980, 10)], [(49_985, "0.04"), (50_010, 10)])
        d.left.set_price(name, 50_000, spread_bps=4)
        hedge = await d.wait(hedge)
        followers = await d.orders(hedge, 1)
        if readable:
            assert hedge.status is HedgeStatus.OPEN
            assert len(followers) == 1
        else:
            assert followers == []
            assert hedge.status is HedgeStatus.ABANDONED
            assert await d.held() == FLAT

    on_desk(check, patience_ns=SECOND_NS)


def test_the_record_tells_of_each_order_what_was_learnt_and_where(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.faults.once("send_order", Fault.unknown_after())
        hedge = await d.open()
        found = []
        for record in await d.orders(hedge):
            reports = await d.journal.order_reports(record.order.request.client_order_id)
            found.append([(one.source, one.status) for one in reports])
        decided = ("decision", OrderStatus.SUBMITTED)
        assert found == [
            [decided, ("send_order", OrderStatus.IN_DOUBT), ("fetch_order", OrderStatus.FILLED)],
            [decided, ("send_order", OrderStatus.FILLED)],
        ]

    on_desk(check)


def test_a_leg_is_taken_back_by_the_last_book_there_was_when_its_venue_gives_none(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.right.faults.always("send_order", Fault.rejected())
        d.left.faults.once("fetch_order_book", None)
        d.left.faults.always("fetch_order_book", Fault.unknown_before())
        began_ns = d.now_ns
        hedge = await d.open()
        assert hedge.status is HedgeStatus.ABANDONED
        assert await d.held() == FLAT
        assert d.now_ns - began_ns < 10 * SECOND_NS
        assert d.alarms() == []
        _, back = await d.orders(hedge, 0)
        assert back.order.request.reduce_only

    on_desk(check)


def test_a_book_that_cannot_be_read_for_a_moment_is_waited_for(on_desk: OnDesk) -> None:
    """An empty side right after our own order is common, and what comes after it is cheaper than what was before."""

    async def check(d: Desk) -> None:
        d.left.set_price(d.left.id_of("BTC"), 50_000, spread_bps=20)
        d.right.faults.once("send_order", Fault.rejected())
        for venue in (d.left, d.right):
            venue.faults.once("fetch_order_book", None, Fault.unknown_before())
        assert (await d.open()).status is HedgeStatus.OPEN
        assert d.left.faults.calls["send_order"] == 1, "the leg is completed, not taken back at once"

    on_desk(check)
