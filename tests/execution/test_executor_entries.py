"""Both legs open together or nothing is sent: what stops an entry does so before an order leaves."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from arb.api import Veto
from arb.model import DAY_NS, HOUR_NS, SECOND_NS, EventKind, FillId, HedgeStatus, InstrumentStatus, OrderStatus
from arb.storage import Journal
from arb.testing import START_NS, Fault

if TYPE_CHECKING:
    from tests.execution.conftest import Desk, OnDesk, OnWorld, World

FLAT = (Decimal(0), Decimal(0))
BOTH = (Decimal("0.1"), Decimal("-0.1"))


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


def test_a_veto_stops_the_entry_before_anything_is_recorded(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.vetoes.append(Veto("not today"))
        assert "not today" in await d.refused()
        assert d.orders_sent() == 0
        assert await d.journal.hedges() == ()

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


def test_two_entries_at_once_are_two_hedges(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.storage.delay_ns = SECOND_NS // 100
        found = await asyncio.gather(d.open(), d.open(legs={"third": "0.1", "fourth": "-0.1"}))
        assert [hedge.status for hedge in found] == [HedgeStatus.OPEN] * 2
        assert found[0].id != found[1].id
        assert await d.held() == (*BOTH, *BOTH)

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
