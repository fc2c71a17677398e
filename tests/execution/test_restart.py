"""A process that dies at any commit, and what the next one makes of its record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from arb.api import Dialect, ExchangeTraits, Row, SqlValue, Transaction
from arb.model import (
    SECOND_NS,
    EntryPolicy,
    HedgeStatus,
    LegOrder,
    OrderMode,
    OrderPurpose,
    OrderStatus,
)
from arb.testing import Fault, MemoryStorage

if TYPE_CHECKING:
    from tests.execution.conftest import Desk, OnWorld, World

    Script = Callable[[Desk], None]
    Trade = Callable[[Desk], Awaitable[None]]

TARGET = Decimal("0.1")
LAGGING = ExchangeTraits(read_after_write_ns=SECOND_NS // 5, order_validity_ns=2 * SECOND_NS)


class Crashed(BaseException):
    """The process is gone."""


class WatchedTransaction:
    """Remembers whether anything was written."""

    def __init__(self, inner: Transaction) -> None:
        self._inner = inner
        self.has_written = False

    async def execute(self, sql: str, values: Sequence[SqlValue] = ()) -> int:
        self.has_written = True
        return await self._inner.execute(sql, values)

    async def execute_many(self, sql: str, rows: Sequence[Sequence[SqlValue]]) -> None:
        self.has_written = True
        await self._inner.execute_many(sql, rows)

    async def query(self, sql: str, values: Sequence[SqlValue] = ()) -> list[Row]:
        return await self._inner.query(sql, values)


class CrashingStorage:
    """A storage whose process dies at one commit of something written: before it took effect or right after."""

    def __init__(self, inner: MemoryStorage, *, at: int, after_commit: bool) -> None:
        self._inner = inner
        self._left = at
        self._after_commit = after_commit
        self.crashed = False

    @property
    def dialect(self) -> Dialect:
        return self._inner.dialect

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        if self.crashed:
            raise Crashed
        async with self._inner.transaction() as transaction:
            watched = WatchedTransaction(transaction)
            yield watched
            self._left -= watched.has_written
            self.crashed = self._left == 0
            if self.crashed and not self._after_commit:
                raise Crashed
        if self.crashed:
            raise Crashed


def calm(d: Desk) -> None:
    """Let everything go well."""


def answer_lost(d: Desk) -> None:
    d.left.faults.once("send_order", Fault.unknown_after())


def request_lost(d: Desk) -> None:
    d.right.faults.once("send_order", Fault.unknown_before())


def leg_refused(d: Desk) -> None:
    d.right.faults.always("send_order", Fault.rejected())


def part_filled(d: Desk) -> None:
    d.right.faults.once("send_order", Fault.partial_fill("0.03"))
    d.left.faults.once("send_order", None, Fault.partial_fill("0.02"))


async def open_and_close(d: Desk) -> None:
    hedge = await d.open()
    if hedge.status is HedgeStatus.OPEN:
        await d.close(hedge)


async def open_with_a_pilot(d: Desk) -> None:
    name = d.left.id_of("BTC")
    d.left.set_price(name, 50_000, spread_bps=4)
    entry = EntryPolicy(mode=OrderMode.LIMIT_THEN_MARKET, leg_order=LegOrder.PILOT_FIRST, rest_ns=10 * SECOND_NS)
    d.left.faults.once("fetch_order", None, Fault(delay_ns=SECOND_NS))
    hedge = await d.open(entry=entry)
    d.left.set_book(name, [(49_980, 10)], [(49_985, "0.04"), (50_010, 10)])
    d.left.set_price(name, 50_000, spread_bps=4)
    await d.wait(hedge, seconds=60)


async def be_reduced_by_a_person(d: Desk) -> None:
    hedge = await d.open()
    await d.trade_beside(d.left, "-0.04")
    await d.services.sync.pull_fills(d.left.name)
    await d.taken_up(hedge)


async def check_the_end(d: Desk) -> None:
    """Check what has to hold at the end, whatever happened before."""
    held = dict(zip((venue.name for venue in d.world.venues), await d.held(), strict=True))
    for venue in d.world.venues:
        assert venue._orders.open_orders() == []
        own = [one for one in venue._orders.orders.values() if not one.request.client_order_id.startswith("person")]
        bought = sum((one.filled_quantity for one in own if not one.request.reduce_only), Decimal(0))
        assert bought <= TARGET, f"more than the target was filled on {venue.name}"
    hedges = await d.journal.hedges()
    for hedge in hedges:
        assert hedge.status in (HedgeStatus.OPEN, HedgeStatus.CLOSED, HedgeStatus.ABANDONED)
        assert hedge.imbalance == 0
        for leg, venue in zip(hedge.legs, d.world.venues, strict=True):
            assert leg.open_quantity * leg.side.sign == held[venue.name], "the record is the venue's truth"
        for record in await d.orders(hedge):
            assert record.order.status.is_final
    assert hedges or not any(held.values())
    assert not d.halts.active()


async def recover(world: World, storage: Any = None) -> Desk:
    """Start a process that takes up what the one before left, and wait until it is at rest."""
    desk = await world.start(storage=storage)
    for venue in world.venues:
        await desk.services.sync.pull_fills(venue.name)
    hedges = await desk.journal.hedges()
    if hedges:
        await desk.taken_up(*hedges)
    return desk


async def crash_and_recover(
    world: World, trade: Trade, script: Script, *, at: int, after_commit: bool, again_at: int = 0
) -> bool:
    """Crash at one commit, and once more while recovering if asked; return whether it crashed as asked."""
    assert isinstance(world.storage, MemoryStorage)
    crashing = CrashingStorage(world.storage, at=at, after_commit=after_commit)
    with suppress(Crashed):
        first = await world.start(storage=crashing)
        script(first)
        await trade(first)
    _all_gone(world)
    again = CrashingStorage(world.storage, at=again_at, after_commit=not after_commit)
    if again_at:
        with suppress(Crashed):
            await recover(world, again)
        _all_gone(world)
    last = await recover(world)
    await check_the_end(last)
    for hedge in await last.journal.hedges():
        if hedge.status is HedgeStatus.OPEN:
            assert (await last.close(hedge)).status is HedgeStatus.CLOSED
    await check_the_end(last)
    assert not any(await last.held())
    return again.crashed if again_at else crashing.crashed


def _all_gone(world: World) -> None:
    world.gone |= {f"host:{number}:0" for number in range(1, world.processes + 1)}


SCRIPTS = [calm, answer_lost, request_lost, leg_refused, part_filled]


@pytest.mark.parametrize("after_commit", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("trade", "script"),
    [*((open_and_close, script) for script in SCRIPTS), (open_with_a_pilot, calm), (be_reduced_by_a_person, calm)],
)
def test_a_crash_at_any_commit_leaves_nothing_uneven(
    on_world: OnWorld, trade: Trade, script: Script, after_commit: bool
) -> None:
    at, crashed = 1, True
    while crashed:

        async def check(world: World, at: int = at) -> bool:
            return await crash_and_recover(world, trade, script, at=at, after_commit=after_commit)

        crashed = on_world(check, traits=LAGGING)
        at += 1
    assert at > 10, f"only {at} commits were tried"


@pytest.mark.parametrize("at", [4, 5, 6, 8, 10])
def test_a_crash_while_recovering_from_a_crash_leaves_nothing_uneven(on_world: OnWorld, at: int) -> None:
    again_at, crashed = 1, True
    while crashed:

        async def check(world: World, again_at: int = again_at) -> bool:
            return await crash_and_recover(
                world, open_and_close, part_filled, at=at, after_commit=True, again_at=again_at
            )

        crashed = on_world(check, traits=LAGGING)
        again_at += 1
    assert again_at > 4, f"only {again_at} commits were tried"


def test_an_order_that_was_recorded_but_never_left_is_not_sent_again(on_world: OnWorld) -> None:
    async def check(world: World) -> None:
        first = await world.start()
        for venue in world.venues:
            venue.faults.always("send_order", Fault(delay_ns=3600 * SECOND_NS))
        opening = asyncio.ensure_future(first.open())
        await first.sleep(1)
        opening.cancel()
        await first.executor.rest(0)
        first.crash()
        for venue in world.venues:
            venue.faults.always("send_order", None)
        sent = first.orders_sent()
        second = await recover(world)
        (hedge,) = await second.journal.hedges()
        assert hedge.status is HedgeStatus.ABANDONED
        assert second.orders_sent() == sent
        statuses = [(one.order.status, one.order.reason) for one in await second.orders(hedge)]
        assert [status for status, _ in statuses] == [OrderStatus.NOT_SENT] * 2

    on_world(check, traits=LAGGING)


def test_a_restart_finishes_a_repair_and_nothing_else_happens(on_world: OnWorld) -> None:
    async def check(world: World) -> None:
        first = await world.start(patience_ns=SECOND_NS)
        first.right.faults.always("send_order", Fault.rejected())
        first.left.faults.once("send_order", None)
        first.left.faults.always("send_order", Fault.not_sent())
        hedge = await first.open()
        await first.executor.rest(0)
        first.crash()
        first.left.faults.always("send_order", None)
        second = await world.start()
        assert (await second.taken_up(hedge)).status is HedgeStatus.ABANDONED
        assert await second.held() == (Decimal(0), Decimal(0))
        numbers = [one.attempt for one in await second.orders(hedge, 0)]
        assert numbers == list(range(len(numbers)))
        reached = [one for one in await second.orders(hedge, 0) if one.order.status is not OrderStatus.NOT_SENT]
        assert [one.purpose for one in reached] == [OrderPurpose.ENTRY, OrderPurpose.UNWIND]

    on_world(check)


@pytest.mark.parametrize("pause_s", [0, 5, 3600])
def test_a_restart_forgets_no_naked_second(on_world: OnWorld, pause_s: int) -> None:
    async def check(world: World) -> None:
        first = await world.start(patience_ns=12 * SECOND_NS)
        first.right.faults.always("send_order", Fault.rejected())
        first.left.faults.once("send_order", None)
        first.left.faults.always("send_order", Fault.not_sent())
        hedge = await first.open()
        await first.executor.rest(0)
        assert not first.halts.active()
        first.crash()
        await first.sleep(pause_s)
        second = await world.start()
        second.executor.take_up([hedge])
        await second.sleep(1 if pause_s else 6)
        assert bool(second.halts.active()) is (pause_s > 3 or not pause_s)
        second.left.faults.always("send_order", None)
        assert (await second.wait(hedge)).status is HedgeStatus.ABANDONED

    on_world(check)


def test_a_hedge_at_rest_is_left_alone_by_a_restart(on_world: OnWorld) -> None:
    async def check(world: World) -> None:
        first = await world.start()
        hedge = await first.open()
        first.crash()
        sent = first.orders_sent()
        second = await world.start()
        assert await second.taken_up(hedge) == hedge
        assert second.events == []
        assert second.orders_sent() == sent

    on_world(check)
