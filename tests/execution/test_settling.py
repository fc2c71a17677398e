"""Coming to rest: what is left is dust or a halt, and what we believe is read at the venue first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import pytest

from arb.api import BelowMinimum, ExchangeTraits, Rejected
from arb.execution import ExecutionPolicy
from arb.model import SECOND_NS, Dust, EventKind, HedgeStatus, OrderPurpose, Position, Severity
from arb.testing import START_NS, Fault, MemoryExchange

if TYPE_CHECKING:
    from tests.execution.conftest import Desk, OnDesk, OnWorld, World

FLAT = (Decimal(0), Decimal(0))
BOTH = (Decimal("0.1"), Decimal("-0.1"))
SPECK = Decimal("0.0005")
"""Half of the smallest order, worth 25 dollars."""


def leave_a_speck(d: Desk) -> None:
    """Let the left leg fill next to nothing and the right leg nothing at all."""
    d.left.faults.once("send_order", Fault.partial_fill(SPECK))
    d.right.faults.always("send_order", Fault.rejected())


def test_what_is_too_little_to_trade_is_declared_dust(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        leave_a_speck(d)
        hedge = await d.open()
        assert hedge.status is HedgeStatus.ABANDONED
        assert await d.held() == (SPECK, Decimal(0))
        (dust,) = await d.journal.dust()
        assert dust == Dust(
            hedge_id=hedge.id,
            leg_index=0,
            instrument=d.left.id_of("BTC"),
            quantity=SPECK,
            price=Decimal(50_000),
            declared_ns=dust.declared_ns,
        )
        assert d.kinds()[-2:] == [EventKind.HEDGE_ABANDONED, EventKind.DUST_DECLARED]
        assert not d.halts.active()
        assert d.alarms() == []

    on_desk(check)


def test_dust_of_a_short_leg_is_negative(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.right.faults.once("send_order", Fault.partial_fill(SPECK))
        d.left.faults.always("send_order", Fault.rejected())
        assert (await d.open()).status is HedgeStatus.ABANDONED
        assert [one.quantity for one in await d.journal.dust()] == [-SPECK]

    on_desk(check)


def test_dust_of_an_exit_stays_and_the_hedge_is_closed(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        d.left.faults.once("send_order", Fault.partial_fill(Decimal("0.1") - SPECK))
        hedge = await d.close(hedge)
        assert hedge.status is HedgeStatus.CLOSED
        assert [one.quantity for one in await d.journal.dust()] == [SPECK]
        assert await d.held() == (SPECK, Decimal(0))

    on_desk(check)


def test_what_is_worth_looking_at_is_not_called_dust(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        leave_a_speck(d)
        hedge = await d.open()
        assert hedge.status is HedgeStatus.HALTED
        assert await d.journal.dust() == ()
        assert f"{SPECK} BTC-PERP.left, worth 25.00 USD" in d.events[-1].message
        assert [halt.subject for halt in d.halts.active()] == [hedge.id]
        assert {EventKind.HEDGE_HALTED, EventKind.HALT_RAISED} <= set(d.alarms())

    on_desk(check, policy=ExecutionPolicy(max_dust_usd=Decimal(10)))


def test_what_nobody_knows_the_worth_of_is_neither_dust_nor_nothing(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        leave_a_speck(d)
        d.right.faults.always("send_order", Fault(delay_ns=2 * SECOND_NS, error=Rejected("no", code="no")))
        opening = asyncio.ensure_future(d.open())
        await d.sleep(1)
        d.world.usd.clear()
        hedge = await opening
        await d.sleep(600)
        assert (await d.stored(hedge)).status is HedgeStatus.OPENING
        assert await d.journal.dust() == ()
        assert d.alarms() != []
        d.world.usd["USDC"] = Decimal(1)
        assert (await d.wait(hedge)).status is HedgeStatus.ABANDONED
        assert [one.quantity for one in await d.journal.dust()] == [SPECK]

    on_desk(check, patience_ns=SECOND_NS)


@pytest.mark.parametrize("most", [50, 10])
def test_legs_that_cannot_be_made_more_equal_are_open_up_to_the_same_bound(on_desk: OnDesk, most: int) -> None:
    async def check(d: Desk) -> None:
        d.left.faults.once("send_order", Fault.partial_fill(Decimal("0.05") + SPECK))
        d.right.faults.once("send_order", Fault.partial_fill("0.05"))
        hedge = await d.open()
        assert hedge.imbalance == SPECK
        assert hedge.status is (HedgeStatus.OPEN if most > 25 else HedgeStatus.HALTED)
        assert await d.journal.dust() == (), "it is part of a hedge that goes on"
        if hedge.status is HedgeStatus.OPEN:
            assert "0.0005 BTC is left" in d.events[-1].message
            assert (await d.close(hedge)).status is HedgeStatus.CLOSED
            assert [one.quantity for one in await d.journal.dust()] == [SPECK]

    on_desk(check, policy=ExecutionPolicy(max_dust_usd=Decimal(most)))


@pytest.mark.parametrize("operation", ["prepare_order", "send_order"])
def test_what_the_venue_calls_too_small_is_believed_whatever_its_rules_say(on_desk: OnDesk, operation: str) -> None:
    async def check(d: Desk) -> None:
        d.left.faults.once("send_order", Fault.partial_fill("0.003"))
        d.right.faults.always("send_order", Fault.rejected())
        small = Fault(error=BelowMinimum("the value of this order is too small", code="1013"))
        if operation == "prepare_order":
            d.left.faults.once(operation, None)
        d.left.faults.always(operation, small)
        hedge = await d.open()
        assert hedge.status is HedgeStatus.ABANDONED
        assert [one.quantity for one in await d.journal.dust()] == [Decimal("0.003")]
        tried = [one for one in await d.orders(hedge, 0) if one.purpose is OrderPurpose.UNWIND]
        assert len(tried) == 1

    on_desk(check, policy=ExecutionPolicy(max_dust_usd=Decimal(1000)))


class Liar:
    """The trading side of a venue whose positions show more than is held, for so many reads."""

    def __init__(self, venue: MemoryExchange, added: str, reads: int) -> None:
        assert venue.trading is not None
        self._inner = venue.trading
        self._name = venue.id_of("BTC")
        self._added = Decimal(added)
        self.reads = reads

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def fetch_positions(self) -> Sequence[Position]:
        rows = list(await self._inner.fetch_positions())
        self.reads -= 1
        if self.reads < 0:
            return rows
        return [replace(one, quantity=one.quantity + self._added) for one in rows]


def lie(venue: MemoryExchange, *, reads: int) -> Liar:
    liar = Liar(venue, "0.02", reads)
    venue.trading = cast("Any", liar)
    return liar


def test_positions_that_differ_again_and_again_halt(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        lie(d.left, reads=10**6)
        began = d.now_ns
        hedge = await d.open()
        assert hedge.status is HedgeStatus.HALTED
        assert "another position than its fills make" in d.events[-1].message
        assert [halt.subject for halt in d.halts.active()] == [hedge.id]
        assert d.orders_sent() == 2, "nothing is traded on what cannot be believed"
        assert d.now_ns > began

    on_desk(check)


@pytest.mark.parametrize("reads", [1, 2, 4])
def test_positions_that_agree_in_the_end_are_waited_for(on_desk: OnDesk, reads: int) -> None:
    async def check(d: Desk) -> None:
        lie(d.left, reads=reads)
        assert (await d.open()).status is HedgeStatus.OPEN
        assert not d.halts.active()

    on_desk(check)


@pytest.mark.parametrize("status", [HedgeStatus.CLOSED, HedgeStatus.ABANDONED])
def test_nothing_is_called_flat_while_the_venue_shows_a_position(on_desk: OnDesk, status: HedgeStatus) -> None:
    async def check(d: Desk) -> None:
        if status is HedgeStatus.CLOSED:
            hedge = await d.open()
            d.left.faults.always("fetch_positions", Fault.unknown_before())
            hedge = await d.close(hedge)
            assert hedge.status is HedgeStatus.CLOSING
        else:
            d.left.faults.always("fetch_positions", Fault.unknown_before())
            d.right.faults.always("send_order", Fault.rejected())
            hedge = await d.open()
            assert hedge.status is HedgeStatus.OPENING
        assert await d.held() == FLAT
        assert EventKind.EXCHANGE_FAILED in d.alarms()
        d.left.faults.always("fetch_positions", None)
        assert (await d.wait(hedge)).status is status

    on_desk(check, patience_ns=3 * SECOND_NS)


def test_the_positions_are_read_after_the_venue_can_show_them(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        began = d.now_ns
        assert (await d.open()).status is HedgeStatus.OPEN
        assert d.now_ns - began >= 2 * SECOND_NS

    on_desk(check, traits=ExchangeTraits(read_after_write_ns=2 * SECOND_NS, order_validity_ns=0))


def test_a_hedge_keeps_the_times_of_its_life(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        await d.sleep(1)
        hedge = await d.open()
        assert (hedge.created_ns, hedge.opened_ns, hedge.closed_ns) == (START_NS + SECOND_NS, d.now_ns, None)
        await d.sleep(3600)
        opened_ns = hedge.opened_ns
        await d.trade_beside(d.left, "-0.04")
        await d.services.sync.pull_fills(d.left.name)
        hedge = await d.taken_up(hedge)
        assert (hedge.opened_ns, hedge.closed_ns) == (opened_ns, None), "a repair is no new opening"
        hedge = await d.close(hedge)
        assert (hedge.opened_ns, hedge.closed_ns) == (opened_ns, d.now_ns)

    on_desk(check)


class FullDisk:
    """Keeps halts, unless it is full."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.writes = 0
        self.is_full = False

    def version(self) -> object:
        return None if self.text is None else self.writes

    def read(self) -> str | None:
        return self.text

    def write(self, text: str) -> None:
        if self.is_full:
            raise OSError("no space left on device")
        self.text = text
        self.writes += 1

    @contextmanager
    def changing(self) -> Iterator[None]:
        yield


def test_a_halt_that_cannot_be_stored_stands_and_nothing_is_called_halted(on_world: OnWorld) -> None:
    async def check(world: World) -> None:
        disk = FullDisk()
        world.halt_store = cast("Any", disk)
        first = await world.start()
        lie(first.left, reads=10**6)
        disk.is_full = True
        await first.executor.open(first.approved(), strategy="test")
        await first.sleep(60)
        assert first.failures == []
        assert first.halts.blocking(first.left.name) is not None
        assert isinstance(first.decided(), tuple)
        (hedge,) = await first.journal.hedges()
        assert hedge.status is HedgeStatus.OPENING, "nobody may think that it is settled"
        assert any("its halt cannot be stored" in event.message for event in first.events)
        disk.is_full = False
        await first.sleep(60)
        (hedge,) = await first.journal.hedges()
        assert hedge.status is HedgeStatus.HALTED
        assert [halt.subject for halt in first.halts.active()] == [hedge.id]

    on_world(check)


def test_a_halted_hedge_whose_halt_is_gone_is_not_taken_up(on_world: OnWorld) -> None:
    async def check(world: World) -> None:
        disk = FullDisk()
        world.halt_store = cast("Any", disk)
        first = await world.start()
        lie(first.left, reads=10**6)
        await first.executor.open(first.approved(), strategy="test")
        await first.sleep(60)
        (hedge,) = await first.journal.hedges()
        assert hedge.status is HedgeStatus.HALTED
        first.crash()
        disk.text = None
        second = await world.start()
        assert (await second.taken_up(hedge)).status is HedgeStatus.HALTED
        assert [halt.subject for halt in second.halts.active()] == [hedge.id]

    on_world(check)


def test_everything_that_ends_a_phase_is_an_event_of_its_urgency(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        await d.close(hedge)
        d.right.faults.always("send_order", Fault.rejected())
        await d.open()
        found = {event.kind: event.severity for event in d.events}
        assert found[EventKind.HEDGE_OPENED] is found[EventKind.HEDGE_CLOSED] is Severity.INFO
        assert found[EventKind.HEDGE_ABANDONED] is Severity.WARNING

    on_desk(check)
