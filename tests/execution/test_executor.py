"""Two legs against two exchanges that misbehave in every scripted way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from arb.api import ArbError, ExchangeTraits, UnknownOrder, Veto
from arb.execution import ExecutionPolicy
from arb.model import (
    DAY_NS,
    HOUR_NS,
    SECOND_NS,
    EntryPolicy,
    EventKind,
    FillId,
    HedgeId,
    HedgeStatus,
    InstrumentStatus,
    LegOrder,
    OrderMode,
    OrderPurpose,
    OrderStatus,
)
from arb.risk import EVERYTHING, Refusal, RefusalCode
from arb.storage import Journal
from arb.testing import START_NS, Fault

if TYPE_CHECKING:
    from tests.execution.conftest import Desk, OnDesk, OnWorld, World

FLAT = (Decimal(0), Decimal(0))
BOTH = (Decimal("0.1"), Decimal("-0.1"))
SLOW_READS = ExchangeTraits(read_after_write_ns=3 * SECOND_NS, order_validity_ns=0)


def refusals(d: Desk) -> tuple[Refusal, ...]:
    decided = d.decided()
    assert isinstance(decided, tuple)
    return decided


def test_both_legs_open_and_close_and_the_journal_says_so(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == BOTH
        assert await d.stored(hedge) == hedge
        closed = await d.close(hedge)
        assert closed.status is HedgeStatus.CLOSED
        assert closed.is_flat
        assert await d.held() == FLAT
        assert d.kinds() == [
            EventKind.HEDGE_OPENING,
            EventKind.HEDGE_OPENED,
            EventKind.HEDGE_CLOSING,
            EventKind.HEDGE_CLOSED,
        ]
        fills = await d.journal.fills(hedge_id=hedge.id)
        assert len({(fill.instrument, fill.fill_id) for fill in fills}) == len(fills) == 4
        assert [status for _, status, _ in d.observed.orders] == [OrderStatus.FILLED] * 4

    on_desk(check)


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
        d.left.faults.always("fetch_order", Fault.unknown_before())
        hedge = await d.open()
        assert hedge.status is HedgeStatus.OPENING
        assert d.orders_sent() == 2
        await d.sleep(600)
        assert (await d.stored(hedge)).status is HedgeStatus.OPENING
        assert d.orders_sent() == 2
        d.left.faults.always("fetch_order", None)
        assert (await d.wait(hedge)).status is HedgeStatus.OPEN
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


def test_an_exit_nobody_takes_leaves_the_balanced_hedge_open(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        for one in (d.left, d.right):
            one.faults.always("send_order", Fault.partial_fill(0))
        hedge = await d.close(hedge)
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == BOTH
        for one in (d.left, d.right):
            one.faults.always("send_order", None)
        assert (await d.close(hedge)).status is HedgeStatus.CLOSED

    on_desk(check)


def test_an_exit_that_closes_one_leg_goes_on_until_the_other_is_closed(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        d.right.faults.once("send_order", *[Fault.partial_fill(0) for _ in range(4)])
        hedge = await d.close(hedge)
        assert hedge.status is HedgeStatus.CLOSED
        assert await d.held() == FLAT
        prices = [one.order.request.price for one in await d.orders(hedge, 1) if one.purpose is OrderPurpose.EXIT]
        assert prices == sorted(set(prices)), "each attempt pays a little more"

    on_desk(check)


def test_an_exit_sends_no_leg_when_another_cannot_be_prepared(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        d.left.faults.always("prepare_order", Fault(error=KeyError("a bug of the plugin")))
        sent = d.orders_sent()
        assert (await d.close(hedge)).status is HedgeStatus.OPEN  # given up after the calm wait
        assert d.orders_sent() == sent
        assert await d.held() == BOTH
        d.left.faults.always("prepare_order", None)
        assert (await d.close(hedge)).status is HedgeStatus.CLOSED
        assert await d.held() == FLAT

    on_desk(check)


def test_an_exit_sends_no_leg_while_another_has_no_price(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        d.right.set_mark(d.right.id_of("BTC"), 50_000)
        d.right.set_book(d.right.id_of("BTC"), [(49_990, 10)], [])
        await d.services.prices.drop(d.right.id_of("BTC"))
        assert (await d.close(hedge)).status is HedgeStatus.OPEN
        assert await d.held() == BOTH
        assert d.orders_sent() == 2

    on_desk(check)


def test_an_exit_is_given_up_when_it_takes_too_long_while_the_legs_balance(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        for one in (d.left, d.right):
            one.faults.always("send_order", Fault.not_sent())
        began = d.now_ns
        assert (await d.close(hedge)).status is HedgeStatus.OPEN
        assert 30 * SECOND_NS <= d.now_ns - began < 45 * SECOND_NS

    on_desk(check)


def test_a_veto_stops_the_entry_before_anything_is_recorded(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.vetoes.append(Veto("not today"))
        assert "not today" in await d.refused()
        assert d.orders_sent() == 0
        assert await d.journal.hedges() == ()

    on_desk(check)


def test_a_veto_never_stops_an_exit(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        d.vetoes.append(Veto("not today"))
        d.halts.halt(EVERYTHING, "a test", by="a test")
        assert (await d.close(hedge)).status is HedgeStatus.CLOSED
        assert await d.held() == FLAT

    on_desk(check)


def test_a_halt_between_approval_and_entry_stops_the_entry(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        approved = d.approved()
        d.halts.halt("left", "a test", by="a test")
        assert await d.executor.open(approved, strategy="test") is None
        assert d.orders_sent() == 0
        assert await d.journal.hedges() == ()

    on_desk(check)


@pytest.mark.parametrize("damage", ["{", '{"format": 1, "halts": [{}]}', ""])
def test_a_halt_file_that_cannot_be_read_opens_nothing_and_closes_all(on_desk: OnDesk, damage: str) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        approved = d.approved()
        d.world.halt_store.write(damage)
        assert await d.executor.open(approved, strategy="test") is None
        assert (await d.close(hedge)).status is HedgeStatus.CLOSED

    on_desk(check)


def test_too_little_depth_stops_the_entry(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.right.set_price(d.right.id_of("BTC"), 50_000, size=Decimal("0.001"), levels=2)
        assert "within 20 bps" in await d.refused()
        assert d.orders_sent() == 0

    on_desk(check)


def test_a_market_that_could_not_take_the_hedge_back_stops_the_entry(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.set_book(d.left.id_of("BTC"), [(49_995, "0.15")], [(50_005, 10)])
        assert "could take back 0.075 of 0.1 contracts with 50% of its depth" in await d.refused()
        assert d.orders_sent() == 0

    on_desk(check)


def test_a_size_that_a_venue_would_not_take_stops_the_entry(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        approved = d.approved()
        name = d.right.id_of("BTC")
        d.instruments[name] = replace(d.instruments[name], min_notional=Decimal(6_000))
        assert await d.executor.open(approved, strategy="test") is None
        assert d.orders_sent() == 0
        assert await d.journal.hedges() == ()

    on_desk(check)


def test_a_book_that_cannot_be_read_stops_the_entry(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        await d.close(await d.open())
        await d.sleep(60)
        sent = d.orders_sent()
        d.right.faults.always("fetch_order_book", Fault.unknown_before())
        await d.refused()
        assert d.orders_sent() == sent

    on_desk(check)


def test_a_two_leg_opening_reads_each_book_once(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        approved = d.approved()
        before = [one.faults.calls.copy() for one in (d.left, d.right)]
        d.right.faults.always("fetch_positions", Fault(delay_ns=HOUR_NS))  # stop before it looks again
        task = asyncio.ensure_future(d.executor.open(approved, strategy="test"))
        while d.orders_sent() < 2:
            await d.sleep(0)
        for one, calls in zip((d.left, d.right), before, strict=True):
            assert (one.faults.calls - calls)["fetch_order_book"] + (one.faults.calls - calls)["fetch_bbo"] == 1
        task.cancel()

    on_desk(check)


def test_fills_that_arrive_late_are_waited_for(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.faults.once("fetch_fills", Fault.unknown_before())
        hedge = await d.open()
        assert hedge.status is HedgeStatus.OPEN
        assert EventKind.BOOKS_DIFFER not in d.kinds(), "nobody is woken for a moment"
        assert d.orders_sent() == 2

    on_desk(check)


@pytest.mark.parametrize("filled", ["0", "0.03"])
def test_every_closing_order_is_reduce_only(on_desk: OnDesk, filled: str) -> None:
    async def check(d: Desk) -> None:
        d.right.faults.once("send_order", Fault.partial_fill(filled))
        hedge = await d.open()
        if hedge.status is HedgeStatus.OPEN:
            d.left.faults.once("send_order", Fault.partial_fill("0.01"))
            await d.close(hedge)
        assert await d.held() == FLAT
        for record in await d.orders(hedge):
            is_entry = record.order.request.side is hedge.legs[record.leg_index].entry_side
            assert record.order.request.reduce_only is not is_entry
            assert record.purpose.opens_risk is is_entry

    on_desk(check)


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
        d.left.faults.always("fetch_order", Fault(error=KeyError("a bug of the plugin")))
        await d.open()
        await d.sleep(500)
        assert sorted(d.alarms()) == [
            EventKind.EXPOSURE_OVER_BUDGET,
            EventKind.HALT_RAISED,
            EventKind.ORDER_IN_DOUBT,
        ]

    on_desk(check)


@pytest.mark.parametrize("operation", ["fetch_order", "fetch_fills", "cancel_order", "prepare_order", "send_order"])
def test_a_venue_that_never_answers_holds_up_nothing_for_ever(on_desk: OnDesk, operation: str) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        d.left.faults.always(operation, Fault(delay_ns=10**6 * SECOND_NS))
        began = d.now_ns
        await d.close(hedge)
        assert d.now_ns - began <= 60 * SECOND_NS
        d.left.faults.always(operation, None)
        hedge = await d.wait(hedge)
        if hedge.status is HedgeStatus.OPEN:
            hedge = await d.close(hedge)
        assert hedge.status is HedgeStatus.CLOSED
        assert await d.held() == FLAT

    on_desk(check)


def test_a_venue_that_never_answers_delays_no_other_hedge(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.faults.always("fetch_order", Fault(delay_ns=DAY_NS))
        d.left.faults.once("send_order", Fault.unknown_after())
        stuck = await d.open()
        assert stuck.status is HedgeStatus.OPENING
        began = d.now_ns
        other = await d.open(legs={"third": "0.1", "right": "-0.1"})
        assert other.status is HedgeStatus.OPEN
        assert (await d.close(other)).status is HedgeStatus.CLOSED
        assert d.now_ns - began < 2 * SECOND_NS

    on_desk(check, venues=("left", "right", "third"), patience_ns=3 * SECOND_NS)


def test_an_entry_whose_plugin_breaks_is_refused_before_anything_is_sent(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.right.faults.always("prepare_order", Fault(error=KeyError("a bug of the plugin")))
        assert "KeyError" in await d.refused()
        assert d.orders_sent() == 0
        assert await d.journal.hedges() == ()

    on_desk(check)


def test_a_fill_dated_in_the_future_hides_none_that_follow(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        await d.open()
        fills = d.left._orders.fills
        fills.append(replace(fills[0], fill_id=FillId("f99"), ts_event_ns=START_NS + 99 * DAY_NS))
        await d.services.sync.pull_fills(d.left.name)
        fills.pop()
        hedge = await d.open()
        found = [fill.quantity for fill in await d.journal.fills(hedge_id=hedge.id)]
        assert found == [Decimal("0.1"), Decimal("0.1")]

    on_desk(check)


def test_a_hedge_that_is_not_open_cannot_be_closed(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.close(await d.open())
        with pytest.raises(ArbError, match="is not open"):
            await d.close(hedge)
        with pytest.raises(ArbError, match="is not open"):
            await d.close(replace(hedge, id=HedgeId("never")))

    on_desk(check)


def test_the_third_entry_taken_back_within_the_hour_refuses_the_next(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.right.faults.always("send_order", Fault.rejected())
        for _ in range(3):
            assert (await d.open()).status is HedgeStatus.ABANDONED
            await d.sleep(60)
        d.right.faults.always("send_order", None)
        sent = d.orders_sent()
        assert "churn" in await d.refused()
        assert d.orders_sent() == sent
        other = await d.open(legs={"right": "0.1", "third": "-0.1"})
        assert other.status is HedgeStatus.OPEN, "another pair is not meant"
        await d.sleep(3600)
        assert (await d.open()).status is HedgeStatus.OPEN

    on_desk(check, venues=("left", "right", "third"))


def test_entries_that_filled_nothing_are_no_churn(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        for venue in (d.left, d.right):
            venue.faults.always("send_order", Fault.partial_fill(0))
        for _ in range(4):
            assert (await d.open()).status is HedgeStatus.ABANDONED
        assert EventKind.ORDER_VETOED not in d.kinds()

    on_desk(check)


def test_a_close_waits_for_a_look_that_is_under_way(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        d.storage.delay_ns = SECOND_NS // 100
        d.executor.take_up([hedge])
        await d.sleep(0.005)
        assert (await d.close(hedge)).status is HedgeStatus.CLOSED

    on_desk(check)


def test_a_look_that_begins_while_a_close_is_recorded_does_not_take_its_place(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        d.storage.delay_ns = SECOND_NS // 100
        closing = asyncio.ensure_future(d.close(hedge))
        for _ in range(30):
            await d.sleep(0.001)
            d.executor.take_up([hedge])
        assert (await closing).status is HedgeStatus.CLOSED
        assert await d.held() == FLAT
        assert d.kinds().count(EventKind.HEDGE_CLOSED) == 1

    on_desk(check)


def test_two_entries_at_once_are_two_hedges(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.storage.delay_ns = SECOND_NS // 100
        found = await asyncio.gather(d.open(), d.open(legs={"third": "0.1", "fourth": "-0.1"}))
        assert [hedge.status for hedge in found] == [HedgeStatus.OPEN] * 2
        assert found[0].id != found[1].id
        assert await d.held() == (*BOTH, *BOTH)

    on_desk(check, venues=("left", "right", "third", "fourth"))


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


def test_a_book_that_is_too_old_still_bounds_a_reduction(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        await d.close(await d.open(legs={"third": "0.1", "fourth": "-0.1"}))
        for venue in (d.left, d.right):
            await d.services.prices.get_book(venue.id_of("BTC"), 0)
            venue.faults.always("fetch_order_book", Fault.unknown_before())
        await d.sleep(600)
        assert (await d.close(hedge)).status is HedgeStatus.CLOSED

    on_desk(check, venues=("left", "right", "third", "fourth"))


def test_what_an_order_is_worth_must_be_known_before_it_opens_risk(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        approved = d.approved()
        d.world.usd.clear()
        assert await d.executor.open(approved, strategy="test") is None
        assert "no price in dollars" in d.events[-1].message
        assert d.orders_sent() == 0

    on_desk(check)


@pytest.mark.parametrize(
    "status", [InstrumentStatus.REDUCE_ONLY, InstrumentStatus.SUSPENDED, InstrumentStatus.DELISTED]
)
def test_what_is_not_traded_any_more_is_not_entered_and_still_left(on_desk: OnDesk, status: InstrumentStatus) -> None:
    async def check(d: Desk) -> None:
        hedge, approved = await d.open(), d.approved()
        name = d.right.id_of("BTC")
        d.instruments[name] = replace(d.instruments[name], status=status)
        sent = d.orders_sent()
        assert await d.executor.open(approved, strategy="test") is None
        assert d.orders_sent() == sent
        assert (await d.close(hedge)).status is HedgeStatus.CLOSED

    on_desk(check)


def test_an_order_that_could_not_be_recorded_in_time_is_too_old_to_be_sent(on_world: OnWorld) -> None:
    async def check(world: World) -> None:
        d = await world.start(lease_ns=HOUR_NS, patience_ns=600 * SECOND_NS)
        opening = asyncio.ensure_future(d.executor.open(d.approved(), strategy="test"))
        d.storage.delay_ns = 11 * SECOND_NS
        while not await Journal(world.storage).hedges():
            await d.sleep(0.1)
        d.storage.delay_ns = 0
        hedge = await opening
        assert hedge is not None
        assert hedge.status is HedgeStatus.ABANDONED
        assert d.orders_sent() == 0
        for record in await d.orders(hedge):
            assert record.order.status is OrderStatus.NOT_SENT
            assert "too old to send" in record.order.reason

    on_world(check)


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


def test_the_leg_that_an_exit_left_is_closed_by_the_last_book_there_was(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        d.left.faults.always("fetch_order_book", Fault.unknown_before())  # the book of a moment ago is still good
        d.left.faults.once("send_order", Fault.partial_fill(0))
        assert (await d.close(hedge)).status is HedgeStatus.CLOSED
        assert await d.held() == FLAT
        assert all(one.order.request.reduce_only for one in await d.orders(hedge, 0) if one.attempt)

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


def test_what_is_heard_while_a_hedge_is_looked_at_leads_to_another_look(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        d.storage.delay_ns = SECOND_NS // 10
        d.executor.take_up([hedge])
        await d.sleep(0.001)  # it has read the record, and has not come to its end
        d.storage.delay_ns = 0
        await d.trade_beside(d.left, "-0.04")
        await d.services.sync.pull_fills(d.left.name)
        d.executor.take_up([hedge])
        await d.sleep(30)
        assert await d.held() == (Decimal("0.06"), Decimal("-0.06"))

    on_desk(check)


def test_a_hedge_whose_fills_cannot_be_is_looked_at_until_they_can(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        entry = (await d.journal.fills(hedge_id=hedge.id))[0]
        async with d.services.recorder.transaction() as tx:
            await tx.add_fills([replace(entry, fill_id=FillId("listed again"))])
        await d.trade_beside(d.right, "0.1")
        await d.services.sync.pull_fills(d.right.name)
        d.executor.take_up([hedge])
        await d.sleep(60)
        assert EventKind.BOOKS_DIFFER in d.alarms()
        assert await d.held() == (Decimal("0.1"), Decimal(0)), "nobody knows what to do about it"
        async with d.world.storage.transaction() as raw:
            await raw.execute("DELETE FROM fills WHERE fill_id = 'listed again'")
        await d.sleep(60)
        assert (await d.wait(hedge)).status is HedgeStatus.CLOSED
        assert await d.held() == FLAT

    on_desk(check)
