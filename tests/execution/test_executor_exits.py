"""Exits close both legs whatever the venues do and only reduce; a close and a look at a hedge take turns."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from arb.api import ArbError, Veto
from arb.model import DAY_NS, SECOND_NS, EventKind, FillId, HedgeId, HedgeStatus, OrderPurpose
from arb.risk import EVERYTHING
from arb.testing import Fault

if TYPE_CHECKING:
    from tests.execution.conftest import Desk, OnDesk

FLAT = (Decimal(0), Decimal(0))
BOTH = (Decimal("0.1"), Decimal("-0.1"))


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


def test_a_veto_never_stops_an_exit(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        d.vetoes.append(Veto("not today"))
        d.halts.halt(EVERYTHING, "a test", by="a test")
        assert (await d.close(hedge)).status is HedgeStatus.CLOSED
        assert await d.held() == FLAT

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


def test_a_hedge_that_is_not_open_cannot_be_closed(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.close(await d.open())
        with pytest.raises(ArbError, match="is not open"):
            await d.close(hedge)
        with pytest.raises(ArbError, match="is not open"):
            await d.close(replace(hedge, id=HedgeId("never")))

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


def test_the_leg_that_an_exit_left_is_closed_by_the_last_book_there_was(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        d.left.faults.always("fetch_order_book", Fault.unknown_before())  # the book of a moment ago is still good
        d.left.faults.once("send_order", Fault.partial_fill(0))
        assert (await d.close(hedge)).status is HedgeStatus.CLOSED
        assert await d.held() == FLAT
        assert all(one.order.request.reduce_only for one in await d.orders(hedge, 0) if one.attempt)

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
