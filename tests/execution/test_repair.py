"""Legs that are unequal: by a failure, by somebody else, for longer than the budget allows."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from arb.execution import ExecutionPolicy
from arb.model import SECOND_NS, EventKind, Hedge, HedgeStatus, OrderPurpose
from arb.risk import EVERYTHING, Halts, MemoryHaltStore
from arb.testing import FakeClock, Fault

if TYPE_CHECKING:
    from tests.execution.conftest import Desk, OnDesk, OnWorld, World

FLAT = (Decimal(0), Decimal(0))
PATIENT = ExecutionPolicy(max_naked_seconds=Decimal(10**6))


async def naked(d: Desk, quantity: str = "0.1") -> Hedge:
    """Return an entry whose left leg is filled, whose right leg is refused, and whose left venue then takes nothing."""
    d.right.faults.always("send_order", Fault.rejected())
    d.left.faults.once("send_order", Fault.partial_fill(quantity))
    d.left.faults.always("send_order", Fault.not_sent())
    return await d.open()


async def reduced(d: Desk, hedge: Hedge, *orders: str) -> Hedge:
    """Let a person reduce the left leg, hear of it, and return the hedge at rest."""
    for number, quantity in enumerate(orders, 1):
        await d.trade_beside(d.left, quantity, f"person-{number}")
    await d.services.sync.pull_fills(d.left.name)
    return await d.taken_up(hedge)


# The budget of naked exposure.


def test_a_leg_that_stands_alone_for_longer_than_the_budget_halts_everything_durably(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        began = d.now_ns
        hedge = await naked(d)
        assert hedge.status is HedgeStatus.OPENING
        (halt,) = d.halts.active()
        assert (halt.scope, halt.subject, halt.raised_by) == (EVERYTHING, hedge.id, "execution")
        assert 15 * SECOND_NS <= halt.raised_ns - began <= 21 * SECOND_NS
        assert hedge.id in (d.world.halt_store.text or "")
        assert {EventKind.EXPOSURE_OVER_BUDGET, EventKind.HALT_RAISED} <= set(d.alarms())
        assert {EventKind.EXPOSURE_OVER_BUDGET, EventKind.HALT_RAISED} <= {
            event.kind for _, event in await d.journal.events(limit=0)
        }
        assert isinstance(d.decided(), tuple)

    on_desk(check)


def test_under_the_halt_a_leg_is_still_reduced_but_never_completed(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await naked(d)
        (halt,) = d.halts.active()
        d.right.faults.always("send_order", None)  # now it could be completed, and that would be cheaper
        d.left.set_price(d.left.id_of("BTC"), 50_000, spread_bps=20)
        await d.sleep(30)
        assert (await d.stored(hedge)).status is HedgeStatus.OPENING
        d.left.faults.always("send_order", None)
        assert (await d.wait(hedge)).status is HedgeStatus.ABANDONED
        assert await d.held() == FLAT
        later = [one for one in await d.orders(hedge) if one.created_ns >= halt.raised_ns]
        assert {one.purpose for one in later} == {OrderPurpose.UNWIND}
        assert d.halts.active() == (halt,), "only a person lifts it"

    on_desk(check)


@pytest.mark.parametrize(("quantity", "seconds"), [("0.1", 15), ("0.05", 30), ("0.025", 60)])
def test_a_part_of_a_leg_may_stand_alone_for_longer(on_desk: OnDesk, quantity: str, seconds: int) -> None:
    async def check(d: Desk) -> None:
        began = d.now_ns
        await naked(d, quantity)
        while not d.halts.active():
            await d.sleep(0.5)
        assert seconds * SECOND_NS <= d.now_ns - began <= (seconds + 6) * SECOND_NS

    on_desk(check, patience_ns=SECOND_NS)


def test_the_budget_is_alarmed_once_however_long_it_lasts(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        await naked(d)
        await d.sleep(200)
        assert d.kinds().count(EventKind.EXPOSURE_OVER_BUDGET) == 1
        assert len(d.halts.history()) == 1

    on_desk(check)


def test_a_halt_that_was_lifted_by_another_clock_gives_one_new_budget_and_not_one_without_end(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        await naked(d)
        wall = FakeClock(d.now_ns + 10**9 * SECOND_NS)
        await d.sleep(5)
        (lifted,) = Halts(d.world.halt_store, wall).lift(by="anna", reason="looked at it")
        began = d.now_ns
        while not d.halts.active():
            await d.sleep(0.5)
        assert 15 * SECOND_NS <= d.now_ns - began <= 21 * SECOND_NS
        assert d.halts.active()[0].subject == lifted.subject

    on_desk(check)


class BrokenDisk(MemoryHaltStore):
    """Takes no halt while it is broken."""

    is_broken = True

    def write(self, text: str) -> None:
        if self.is_broken:
            raise OSError("read-only file system")
        super().write(text)


def test_a_halt_that_cannot_be_stored_keeps_nobody_from_taking_the_leg_back(on_world: OnWorld) -> None:
    async def check(world: World) -> None:
        world.halt_store = BrokenDisk()
        d = await world.start()
        hedge = await naked(d)
        assert EventKind.EXPOSURE_OVER_BUDGET in d.alarms()
        assert d.halts.blocking(d.left.name) is not None
        d.left.faults.always("send_order", None)
        assert (await d.wait(hedge)).status is HedgeStatus.ABANDONED
        assert await d.held() == FLAT
        assert d.failures == []

    on_world(check)


def test_a_hedge_within_its_budget_halts_nothing(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.faults.once("send_order", Fault.unknown_after())
        for call in ("fetch_order", "fetch_fills"):
            d.left.faults.once(call, *[Fault.unknown_before()] * 8)
        began = d.now_ns
        assert (await d.open()).status is HedgeStatus.OPEN
        assert d.now_ns - began > 5 * SECOND_NS
        assert not d.halts.active()

    on_desk(check)


def test_an_exit_that_leaves_one_leg_alone_is_under_the_budget_too(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        await d.sleep(3600)
        d.right.faults.always("send_order", Fault.not_sent())
        await d.close(hedge)
        assert [halt.subject for halt in d.halts.active()] == [hedge.id]
        d.right.faults.always("send_order", None)
        assert (await d.wait(hedge)).status is HedgeStatus.CLOSED
        assert await d.held() == FLAT

    on_desk(check)


# A person lifts the halt.


async def halted(d: Desk) -> Hedge:
    """Return a hedge that ran out of attempts with its left leg alone."""
    d.right.faults.always("send_order", Fault.rejected())
    d.left.faults.once("send_order", None)
    d.left.faults.always("send_order", Fault.rejected())
    hedge = await d.open()
    assert hedge.status is HedgeStatus.HALTED
    d.left.faults.always("send_order", None)
    return hedge


def test_a_halted_hedge_is_left_alone_until_a_person_lifts_its_halt(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await halted(d)
        sent = d.orders_sent()
        assert (await d.taken_up(hedge)).status is HedgeStatus.HALTED
        d.halts.halt("left", "another matter", by="a test")
        d.halts.lift(by="somebody", reason="checked", halt_ids=[2])
        assert (await d.taken_up(hedge)).status is HedgeStatus.HALTED
        assert d.orders_sent() == sent

    on_desk(check, policy=PATIENT)


@pytest.mark.parametrize("later_s", [0, 1])
def test_a_halt_that_a_person_lifts_lets_the_hedge_be_repaired_by_reducing(on_desk: OnDesk, later_s: int) -> None:
    async def check(d: Desk) -> None:
        hedge = await halted(d)
        sent = len(await d.orders(hedge))
        await d.sleep(600)
        d.right.faults.always("send_order", None)  # completing would be possible, but is not asked for
        d.left.set_price(d.left.id_of("BTC"), 50_000, spread_bps=20)
        d.halts.lift(by="somebody", reason="looked at it")
        await d.sleep(later_s)
        d.left.faults.once("send_order", Fault(delay_ns=SECOND_NS))
        hedge = await d.taken_up(hedge)
        assert hedge.status is HedgeStatus.ABANDONED
        assert await d.held() == FLAT
        assert EventKind.HEDGE_REPAIRING in d.alarms()
        new = (await d.orders(hedge))[sent:]
        assert new
        assert all(one.order.request.reduce_only for one in new)
        assert not d.halts.active(), "what the person has seen is not raised again"

    on_desk(check)


def test_a_repair_that_fails_again_is_halted_again(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await halted(d)
        d.left.faults.always("send_order", Fault.rejected())
        await d.sleep(1)
        d.halts.lift(by="somebody", reason="try again")
        hedge = await d.taken_up(hedge)
        assert hedge.status is HedgeStatus.HALTED
        assert [halt.subject for halt in d.halts.active()] == [hedge.id]
        assert d.left.faults.calls["send_order"] == 1 + 6 + 6

    on_desk(check, policy=PATIENT)


def test_a_repair_that_stands_still_after_the_lift_uses_a_new_budget(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await halted(d)
        await d.sleep(600)
        d.left.faults.always("send_order", Fault.not_sent())
        d.halts.lift(by="somebody", reason="try again")
        lifted_ns = d.now_ns
        d.executor.take_up([hedge])
        await d.sleep(10)
        assert not d.halts.active()
        await d.sleep(15)
        (halt,) = d.halts.active()
        assert 15 * SECOND_NS <= halt.raised_ns - lifted_ns <= 21 * SECOND_NS
        d.left.faults.always("send_order", None)
        assert (await d.wait(hedge)).status is HedgeStatus.ABANDONED

    on_desk(check)


def test_what_a_person_closed_at_the_venue_is_found_after_the_lift(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await halted(d)
        sent = d.orders_sent()
        await d.trade_beside(d.left, "-0.1")
        await d.services.sync.pull_fills(d.left.name)
        d.halts.lift(by="somebody", reason="closed it by hand")
        hedge = await d.taken_up(hedge)
        assert hedge.status is HedgeStatus.ABANDONED
        assert hedge.is_flat
        assert d.orders_sent() == sent

    on_desk(check, policy=PATIENT)


def test_a_halted_hedge_keeps_its_books_while_it_waits(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await halted(d)
        await d.sleep(1)
        await d.trade_beside(d.left, "-0.06")
        await d.services.sync.pull_fills(d.left.name)
        hedge = await d.taken_up(hedge)
        assert hedge.status is HedgeStatus.HALTED
        assert hedge.legs[0].open_quantity == Decimal("0.04")
        assert EventKind.LEG_FORCED in d.alarms()

    on_desk(check, policy=PATIENT)


# Reduced by somebody else.


def test_a_leg_that_somebody_else_reduced_is_followed_by_the_other(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        await d.sleep(600)
        hedge = await reduced(d, hedge, "-0.04")
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == (Decimal("0.06"), Decimal("-0.06"))
        assert d.alarms() == [EventKind.LEG_FORCED, EventKind.HEDGE_REPAIRING]
        assert d.kinds()[-1] is EventKind.HEDGE_OPENED
        purposes = [one.purpose for one in await d.orders(hedge)]
        assert purposes.count(OrderPurpose.FORCED) == purposes.count(OrderPurpose.UNWIND) == 1
        assert not d.halts.active()
        assert (await d.close(hedge)).status is HedgeStatus.CLOSED
        assert await d.held() == FLAT

    on_desk(check)


def test_a_leg_that_was_liquidated_whole_closes_the_other(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await reduced(d, await d.open(), "-0.03", "-0.07")
        assert hedge.status is HedgeStatus.CLOSED
        assert await d.held() == FLAT
        assert d.alarms().count(EventKind.LEG_FORCED) == 2

    on_desk(check)


def test_a_reduction_goes_on_under_a_halt(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        d.halts.halt(EVERYTHING, "a test", by="a test")
        hedge = await reduced(d, hedge, "-0.04")
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == (Decimal("0.06"), Decimal("-0.06"))

    on_desk(check)


def test_a_reduction_that_nobody_heard_of_for_long_is_over_the_budget_at_once(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        await d.trade_beside(d.left, "-0.04")
        await d.sleep(600)
        d.right.faults.once("send_order", Fault(delay_ns=SECOND_NS))
        await d.services.sync.pull_fills(d.left.name)
        hedge = await d.taken_up(hedge)
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == (Decimal("0.06"), Decimal("-0.06"))
        assert EventKind.EXPOSURE_OVER_BUDGET in d.alarms()
        assert [halt.subject for halt in d.halts.active()] == [hedge.id]

    on_desk(check)


def test_a_reduction_below_what_the_other_venue_trades_is_left_and_named(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        name = d.right.id_of("BTC")
        d.instruments[name] = coarse = replace(d.instruments[name], lot_size=Decimal("0.002"))
        d.right.add_instrument(coarse)
        hedge = await reduced(d, await d.open(), "-0.001")
        assert hedge.status is HedgeStatus.OPEN
        assert hedge.imbalance == Decimal("-0.001")
        assert "too little to trade" in d.events[-1].message

    on_desk(check)


def test_a_reduction_during_the_exit_is_counted(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        d.left.faults.once("send_order", Fault.partial_fill("0.05"), Fault.partial_fill("0"))
        await d.close(hedge)
        await d.trade_beside(d.left, "-0.02")
        await d.services.sync.pull_fills(d.left.name)
        hedge = await d.wait(hedge)
        assert hedge.status is HedgeStatus.CLOSED
        assert await d.held() == FLAT
        assert EventKind.LEG_FORCED in d.alarms()

    on_desk(check, patience_ns=SECOND_NS // 2)


def test_a_leg_that_somebody_turned_around_is_shown_to_a_person(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await reduced(d, await d.open(), "-0.15")
        assert hedge.status is HedgeStatus.HALTED
        assert await d.held() == (Decimal("-0.05"), Decimal(0))
        assert "-0.05" in d.events[-1].message

    on_desk(check)


def test_venues_that_use_the_same_id_for_their_own_orders_are_told_apart(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        await d.trade_beside(d.left, "-0.04", "liquidation-1")
        await d.trade_beside(d.right, "0.04", "liquidation-1")
        for venue in (d.left, d.right):
            await d.services.sync.pull_fills(venue.name)
        hedge = await d.taken_up(hedge)
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == (Decimal("0.06"), Decimal("-0.06"))
        assert d.alarms().count(EventKind.LEG_FORCED) == 2

    on_desk(check)


# Three legs.

TRIO = {"left": "0.2", "right": "-0.1", "third": "-0.1"}


@pytest.mark.parametrize("filled", ["0", "0.03"])
def test_of_three_legs_one_that_fails_is_made_up_by_the_others(on_desk: OnDesk, filled: str) -> None:
    async def check(d: Desk) -> None:
        third = d.world.venues[2]
        third.faults.once("send_order", Fault.partial_fill(filled))
        third.faults.always("send_order", Fault.rejected())
        hedge = await d.open(legs=TRIO)
        assert hedge.imbalance == 0
        held = await d.held()
        assert sum(held) == 0
        assert hedge.status is HedgeStatus.OPEN
        assert held == (Decimal("0.1") + Decimal(filled), Decimal("-0.1"), -Decimal(filled))
        assert not d.halts.active()

    on_desk(check, venues=("left", "right", "third"))


def test_three_legs_are_closed_together(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open(legs=TRIO)
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == (Decimal("0.2"), Decimal("-0.1"), Decimal("-0.1"))
        d.right.faults.once("send_order", Fault.partial_fill("0.02"))
        assert (await d.close(hedge)).status is HedgeStatus.CLOSED
        assert not any(await d.held())

    on_desk(check, venues=("left", "right", "third"))


def test_of_three_legs_one_that_was_liquidated_is_followed(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open(legs=TRIO)
        third = d.world.venues[2]
        await d.trade_beside(third, "0.1", "liquidation-1")
        await d.services.sync.pull_fills(third.name)
        hedge = await d.taken_up(hedge)
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == (Decimal("0.1"), Decimal("-0.1"), Decimal(0))

    on_desk(check, venues=("left", "right", "third"))
