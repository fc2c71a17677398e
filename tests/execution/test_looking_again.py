"""What is heard of a hedge while somebody is at work on it, and hedges that cannot be understood yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from arb.api import ArbError, StorageError, Transaction
from arb.execution import ExecutionPolicy
from arb.model import MILLISECOND_NS, SECOND_NS, EventKind, Hedge, HedgeStatus
from arb.simulation import VirtualClock
from arb.storage import Journal
from arb.testing import Fault, MemoryStorage

if TYPE_CHECKING:
    from tests.execution.conftest import Desk, OnDesk, OnWorld, World

FLAT = (Decimal(0), Decimal(0))


async def reduced(d: Desk, hedge: Hedge, signed: str = "-0.04") -> None:
    """Let a person reduce the left leg, and execution hear of it."""
    await d.trade_beside(d.left, signed)
    await d.services.sync.pull_fills(d.left.name)
    d.executor.take_up([hedge])


async def look_begun(d: Desk, hedge: Hedge) -> None:
    """Return while a look at a hedge is under way that has read the record already."""
    d.storage.delay_ns = SECOND_NS // 10
    d.executor.take_up([hedge])
    await d.sleep(0.001)
    d.storage.delay_ns = 0


def looks() -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("hedge ")]


def test_what_is_heard_while_a_close_waits_is_looked_at_although_the_close_fails(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.right.faults.always("send_order", Fault.rejected())
        d.left.faults.once("send_order", None)
        d.left.faults.always("send_order", Fault.rejected())
        d.storage.delay_ns = SECOND_NS // 10
        opening = asyncio.ensure_future(d.open())
        while not (found := await Journal(d.world.storage).hedges()):
            await d.sleep(0.01)
        closing = asyncio.ensure_future(d.close(found[0]))
        while (await d.stored(found[0])).status is not HedgeStatus.HALTED:
            await d.sleep(0.01)
        d.storage.delay_ns = 0
        assert not opening.done(), "its task has stored the halt and has not ended"
        await reduced(d, found[0])
        with pytest.raises(ArbError, match="is not open"):
            await closing
        await d.sleep(1)
        assert (await d.stored(found[0])).legs[0].open_quantity == Decimal("0.06")

    on_desk(check, policy=ExecutionPolicy(max_naked_seconds=Decimal(10**6)))


def test_what_is_heard_while_a_close_waits_for_a_look_takes_nothing_from_the_close(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        d.storage.delay_ns = SECOND_NS // 10
        d.executor.take_up([hedge])
        closing = asyncio.ensure_future(d.close(hedge))
        await d.executor.traded()  # that of the entry
        await d.executor.traded()
        d.executor.take_up([hedge])  # the look has ended, and the close has not gone on yet
        d.storage.delay_ns = 0
        assert (await closing).status is HedgeStatus.CLOSED
        assert await d.held() == FLAT

    on_desk(check)


def test_nothing_begins_again_when_a_run_has_come_to_its_end(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        await look_begun(d, hedge)
        await d.executor.traded()
        resting = asyncio.ensure_future(d.executor.rest(SECOND_NS))
        await d.executor.traded()
        d.storage.delay_ns = SECOND_NS
        d.executor.take_up([hedge])  # the look has ended, and the end of the run has not gone on yet
        await resting
        assert looks() == []

    on_desk(check)


def test_what_was_wanted_of_a_hedge_that_is_given_up_at_the_end_is_not_begun(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.faults.always("fetch_fills", Fault.unknown_before())
        hedge = await d.open()
        assert hedge.status is HedgeStatus.OPENING
        d.executor.take_up([hedge])
        await d.executor.rest(SECOND_NS)
        assert looks() == []

    on_desk(check, patience_ns=SECOND_NS)


def test_what_is_heard_again_and_again_while_a_look_is_under_way_leads_to_one_more(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        await d.executor.traded()
        await look_begun(d, hedge)
        d.storage.delay_ns = SECOND_NS // 10
        for _ in range(100):
            d.executor.take_up([hedge])
        ended = 0
        while looks():
            await d.executor.traded()
            ended += 1
            await d.sleep(0.001)
        assert ended == 2

    on_desk(check)


def test_a_hedge_whose_fills_cannot_be_read_is_followed_as_soon_as_they_can(on_world: OnWorld) -> None:
    async def check(world: World) -> None:
        before = await world.start()
        hedge = await before.open()
        await before.executor.rest(SECOND_NS)
        before.crash()
        async with world.storage.transaction() as raw:
            await raw.execute("DELETE FROM fills WHERE instrument = ?", [str(before.left.id_of("BTC"))])
        d = await world.start()
        d.left.faults.always("fetch_fills", Fault.unknown_before())
        await d.trade_beside(d.right, "0.1")
        d.executor.take_up([hedge])
        reads = d.left.faults.calls["fetch_fills"]
        await d.sleep(1800)
        assert (await d.stored(hedge)).status is HedgeStatus.OPEN
        assert d.alarms().count(EventKind.BOOKS_DIFFER) == 3, "not once, and no flood"
        assert 300 < d.left.faults.calls["fetch_fills"] - reads < 600
        d.left.faults.always("fetch_fills", None)
        await d.sleep(30)
        assert (await d.stored(hedge)).status is HedgeStatus.CLOSED
        assert await d.held() == FLAT

    on_world(check)


class BrittleStorage(MemoryStorage):
    """Each transaction takes its time, and breaks instead of being cancelled, as a connection may."""

    delay_ns = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:  # type: ignore[override]
        async with super().transaction() as transaction:
            yield transaction
        if self.delay_ns:
            clock = VirtualClock.of_running_loop()
            try:
                await clock.sleep_until(clock.now_ns() + self.delay_ns)
            except asyncio.CancelledError:
                raise StorageError("the connection broke") from None


@pytest.mark.parametrize("delay_ms", [100, 400, 650, 900])
def test_what_breaks_while_the_work_on_a_hedge_ends_takes_nothing_of_it_away(on_world: OnWorld, delay_ms: int) -> None:
    """The look at the budget that goes on beside is then cancelled in the middle of its read."""
    storage = BrittleStorage()

    async def check(world: World) -> None:
        d = await world.start()
        hedge = await d.open()
        storage.delay_ns = delay_ms * MILLISECOND_NS
        closed = await d.close(hedge)
        storage.delay_ns = 0
        assert closed.status is HedgeStatus.CLOSED
        assert d.failures == []

    on_world(check, storage=storage)
