"""Two legs against two exchanges that misbehave in every scripted way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from arb.api import CachedBook, Dialect, Exchange, OrderIntent, Storage, Transaction, Veto
from arb.execution import (
    AccountSync,
    AtomicMultiOrderExecutor,
    ExecutionServices,
    LeverageKeeper,
    Recorder,
    RepairPolicy,
)
from arb.marketdata import PriceProvider
from arb.model import (
    DAY_NS,
    SECOND_NS,
    CloseHedge,
    Event,
    EventKind,
    ExchangeName,
    FillId,
    Fresh,
    Hedge,
    HedgePlan,
    HedgeStatus,
    InstrumentId,
    LegPlan,
    OrderBook,
    OrderStatus,
    PositionSide,
    Severity,
)
from arb.risk import AccountRisk, ApprovedPlan, PricedLeg, RiskLimits, RiskManager
from arb.simulation._clock import VirtualClock
from arb.simulation._loop import run_virtual
from arb.storage import Journal
from arb.testing import START_NS, FakeIds, Fault, MemoryExchange
from arb.testing._fakes_storage import MemoryStorage

FLAT = (Decimal(0), Decimal(0))
HUGE = Decimal(10**9)
OPEN_LIMITS = RiskLimits(
    max_hedge_notional_usd=HUGE,
    max_exchange_notional_usd=HUGE,
    max_total_notional_usd=HUGE,
    max_hedges=100,
    max_leverage=HUGE,
    min_liquidation_distance=Decimal("0.0001"),
    max_mark_divergence_bps=Decimal(1000),
)


class BookSource:
    """Reads every book from the exchange."""

    async def fetch_order_book(self, exchange: Exchange, instrument: InstrumentId, depth: int) -> OrderBook:
        return await exchange.market.fetch_order_book(instrument, depth)


class DictTier:
    """Keeps every book."""

    def __init__(self) -> None:
        self._books: dict[InstrumentId, CachedBook] = {}

    def peek(self, instrument: InstrumentId) -> CachedBook | None:
        return self._books.get(instrument)

    async def get(self, instruments: Sequence[InstrumentId]) -> Mapping[InstrumentId, CachedBook]:
        return {one: self._books[one] for one in instruments if one in self._books}

    async def put(self, books: Mapping[InstrumentId, CachedBook]) -> None:
        self._books.update(books)

    async def drop(self, instruments: Sequence[InstrumentId]) -> None:
        for one in instruments:
            self._books.pop(one, None)


@dataclass
class Desk:
    """Two exchanges and the executor between them."""

    left: MemoryExchange
    right: MemoryExchange
    journal: Journal
    events: list[Event]
    vetoes: list[Veto]
    executor: AtomicMultiOrderExecutor
    services: ExecutionServices

    async def open(self, quantity: str = "0.1") -> Hedge | None:
        return await self.executor.open(self.approved(quantity), strategy="test")

    async def close(self, hedge: Hedge) -> Hedge:
        return await self.executor.close(
            CloseHedge(hedge_id=hedge.id, max_slippage_bps=Decimal(20), reason="the test is over")
        )

    def approved(self, quantity: str) -> ApprovedPlan:
        ids = (self.left.id_of("BTC"), self.right.id_of("BTC"))
        size = Decimal(quantity)
        plan = HedgePlan(
            base="BTC",
            legs=(
                LegPlan(instrument=ids[0], side=PositionSide.LONG, quantity=size),
                LegPlan(instrument=ids[1], side=PositionSide.SHORT, quantity=size),
            ),
            max_slippage_bps=Decimal(20),
            reason="test",
        )
        priced = [
            PricedLeg(
                instrument=self.services.instruments[one],
                base_quantity=size * sign,
                quantity=size,
                mid_usd=Fresh(Decimal(50_000), "test", 0),
            )
            for one, sign in zip(ids, (1, -1), strict=True)
        ]
        accounts = {
            name: AccountRisk(
                exchange=name, equity_usd=Fresh(Decimal(100_000), "test", 0), gross_notional_usd=Decimal(0)
            )
            for name in (self.left.name, self.right.name)
        }
        approved = RiskManager(OPEN_LIMITS).approve(plan, priced, accounts, open_hedges=0)
        assert isinstance(approved, ApprovedPlan)
        return approved

    async def held(self) -> tuple[Decimal, Decimal]:
        """What the venues say we hold."""
        found = []
        for exchange in (self.left, self.right):
            assert exchange.trading is not None
            found.append(sum((one.quantity for one in await exchange.trading.fetch_positions()), Decimal(0)))
        return found[0], found[1]

    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.events]

    def orders_sent(self) -> int:
        return self.left.faults.calls["send_order"] + self.right.faults.calls["send_order"]


async def desk(*, read_after_write_ns: int = 0) -> Desk:
    clock = VirtualClock.of_running_loop()
    left, right = (MemoryExchange(name, clock=clock) for name in ("left", "right"))
    for one in (left, right):
        one.traits = replace(one.traits, read_after_write_ns=read_after_write_ns)
    return await desk_over(left, right, MemoryStorage())


async def desk_over(left: MemoryExchange, right: MemoryExchange, storage: Storage) -> Desk:
    """Start anew over venues and a storage that may have a past."""
    clock = VirtualClock.of_running_loop()
    exchanges: dict[ExchangeName, Exchange] = {left.name: left, right.name: right}
    journal = await Journal.open(storage)
    events: list[Event] = []
    vetoes: list[Veto] = []

    def veto(intent: OrderIntent) -> Veto | None:
        return vetoes[0] if vetoes else None

    recorder = Recorder(journal, clock, events.append)
    sync = AccountSync(exchanges, recorder, clock, timeout_ns=60 * SECOND_NS)
    await sync.start(clock.now_ns())
    instruments = {one.id: one for exchange in (left, right) for one in await exchange.market.fetch_instruments()}
    services = ExecutionServices(
        exchanges=exchanges,
        instruments=instruments,
        prices=PriceProvider(clock, exchanges, {"dict": DictTier()}, {"books": BookSource()}),
        recorder=recorder,
        sync=sync,
        leverage=LeverageKeeper(exchanges, {}, clock, timeout_ns=10 * SECOND_NS),
        clock=clock,
        ids=FakeIds(str(len(await journal.hedges()))),
        veto=veto,
        usd_rate=lambda currency: Decimal(1),
        max_price_age_ns=5 * SECOND_NS,
        order_timeout_ns=10 * SECOND_NS,
        repair=RepairPolicy(),
    )
    return Desk(left, right, journal, events, vetoes, AtomicMultiOrderExecutor(services), services)


def on_desk(test: Callable[[Desk], Awaitable[None]], *, read_after_write_ns: int = 0) -> None:
    async def main() -> None:
        await test(await desk(read_after_write_ns=read_after_write_ns))

    run_virtual(main(), start_ns=START_NS)


def test_both_legs_open_and_close_and_the_journal_says_so() -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        assert hedge is not None
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == (Decimal("0.1"), Decimal("-0.1"))
        assert await d.journal.hedge(hedge.id) == hedge
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

    on_desk(check)


def test_a_refused_leg_is_unwound() -> None:
    async def check(d: Desk) -> None:
        d.right.faults.once("send_order", Fault.rejected())
        hedge = await d.open()
        assert hedge is not None
        assert hedge.status is HedgeStatus.ABANDONED
        assert await d.held() == FLAT

    on_desk(check)


def test_a_partial_fill_shrinks_the_hedge_to_what_both_legs_have() -> None:
    async def check(d: Desk) -> None:
        d.right.faults.once("send_order", Fault.partial_fill("0.04"))
        hedge = await d.open()
        assert hedge is not None
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == (Decimal("0.04"), Decimal("-0.04"))
        assert hedge.imbalance == 0

    on_desk(check)


@pytest.mark.parametrize("fault", [Fault.unknown_after(), Fault(error=RuntimeError("a bug"), after_effect=True)])
def test_a_lost_answer_is_read_back_and_nothing_is_sent_twice(fault: Fault) -> None:
    async def check(d: Desk) -> None:
        d.left.faults.once("send_order", fault)
        hedge = await d.open()
        assert hedge is not None
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == (Decimal("0.1"), Decimal("-0.1"))
        assert d.orders_sent() == 2
        assert EventKind.ORDER_IN_DOUBT in d.kinds()

    on_desk(check)


def test_a_request_that_never_arrived_is_proved_absent_only_after_the_read_delay() -> None:
    async def check(d: Desk) -> None:
        d.left.faults.once("send_order", Fault.unknown_before())
        began = d.services.clock.now_ns()
        hedge = await d.open()
        assert hedge is not None
        assert hedge.status is HedgeStatus.ABANDONED
        assert d.services.clock.now_ns() - began >= 3 * SECOND_NS
        (first, *_) = await d.journal.orders(hedge_id=hedge.id)
        assert first.order.status is OrderStatus.NOT_SENT
        assert await d.held() == FLAT

    on_desk(check, read_after_write_ns=3 * SECOND_NS)


def test_while_the_venue_cannot_be_read_the_leg_stays_in_doubt_and_nothing_more_is_sent() -> None:
    async def check(d: Desk) -> None:
        d.left.faults.once("send_order", Fault.unknown_after())
        d.left.faults.always("fetch_order", Fault.unknown_before())
        hedge = await d.open()
        assert hedge is not None
        assert hedge.status is HedgeStatus.OPENING
        assert d.orders_sent() == 2
        hedge = await d.executor.reconcile(hedge.id)
        assert hedge.status is HedgeStatus.OPENING
        assert d.orders_sent() == 2
        d.left.faults.always("fetch_order", None)
        hedge = await d.executor.reconcile(hedge.id)
        assert hedge.status is HedgeStatus.OPEN
        assert d.orders_sent() == 2

    on_desk(check)


def test_an_answer_that_never_comes_ends_in_doubt_not_in_a_hang() -> None:
    async def check(d: Desk) -> None:
        d.left.faults.once("send_order", Fault(delay_ns=3600 * SECOND_NS))
        hedge = await d.open()
        assert hedge is not None
        assert EventKind.ORDER_IN_DOUBT in d.kinds()
        assert hedge.status is HedgeStatus.ABANDONED
        assert await d.held() == FLAT

    on_desk(check)


def test_a_leg_that_cannot_be_unwound_halts_with_an_alarm() -> None:
    async def check(d: Desk) -> None:
        d.right.faults.once("send_order", Fault.rejected())
        d.left.faults.once("send_order", None, *[Fault.rejected() for _ in range(20)])
        hedge = await d.open()
        assert hedge is not None
        assert hedge.status is HedgeStatus.HALTED
        assert EventKind.HEDGE_HALTED in d.kinds()
        assert await d.held() == (Decimal("0.1"), Decimal(0))

    on_desk(check)


def test_an_exit_nobody_takes_leaves_the_balanced_hedge_open() -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        assert hedge is not None
        for one in (d.left, d.right):
            one.faults.always("send_order", Fault.partial_fill(0))
        hedge = await d.close(hedge)
        assert hedge.status is HedgeStatus.OPEN
        for one in (d.left, d.right):
            one.faults.always("send_order", None)
        assert (await d.close(hedge)).status is HedgeStatus.CLOSED

    on_desk(check)


def test_an_exit_that_closes_one_leg_goes_on_until_the_other_is_closed() -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        assert hedge is not None
        d.right.faults.once("send_order", *[Fault.partial_fill(0) for _ in range(4)])
        hedge = await d.close(hedge)
        assert hedge.status is HedgeStatus.CLOSED
        assert await d.held() == FLAT

    on_desk(check)


def test_a_veto_stops_the_entry_before_anything_is_recorded() -> None:
    async def check(d: Desk) -> None:
        d.vetoes.append(Veto("not today"))
        assert await d.open() is None
        assert d.orders_sent() == 0
        assert await d.journal.hedges() == ()
        assert "not today" in d.events[-1].message

    on_desk(check)


def test_too_little_depth_stops_the_entry() -> None:
    async def check(d: Desk) -> None:
        d.right.set_price(d.right.id_of("BTC"), 50_000, size=Decimal("0.001"), levels=2)
        assert await d.open() is None
        assert d.orders_sent() == 0

    on_desk(check)


def test_a_two_leg_opening_reads_each_book_once() -> None:
    async def check(d: Desk) -> None:
        await d.open()
        for one in (d.left, d.right):
            assert one.faults.calls["fetch_order_book"] + one.faults.calls["fetch_bbo"] == 1

    on_desk(check)


def test_fills_that_arrive_late_are_waited_for() -> None:
    async def check(d: Desk) -> None:
        d.left.faults.once("fetch_fills", Fault.unknown_before())
        hedge = await d.open()
        assert hedge is not None
        assert hedge.status is HedgeStatus.OPENING
        assert EventKind.BOOKS_DIFFER in d.kinds()
        assert (await d.executor.reconcile(hedge.id)).status is HedgeStatus.OPEN

    on_desk(check)


def test_every_closing_order_is_reduce_only() -> None:
    async def check(d: Desk) -> None:
        d.right.faults.once("send_order", Fault.partial_fill("0.03"))
        hedge = await d.open()
        assert hedge is not None
        await d.close(hedge)
        for record in await d.journal.orders(hedge_id=hedge.id):
            is_entry = record.order.request.side is hedge.legs[record.leg_index].entry_side
            assert record.order.request.reduce_only is not is_entry

    on_desk(check)


def alarms(d: Desk) -> list[Event]:
    return [event for event in d.events if event.severity is Severity.ALARM]


def test_a_leg_is_taken_back_however_long_its_venue_cannot_be_reached() -> None:
    async def check(d: Desk) -> None:
        d.right.faults.once("send_order", Fault.rejected())
        d.left.faults.once("send_order", None)
        d.left.faults.always("send_order", Fault.not_sent())
        hedge = await d.open()
        assert hedge is not None
        for _ in range(5):
            hedge = await d.executor.reconcile(hedge.id)
            assert hedge.status is HedgeStatus.OPENING
        assert len(alarms(d)) == 1
        d.left.faults.always("send_order", None)
        assert (await d.executor.reconcile(hedge.id)).status is HedgeStatus.ABANDONED
        assert await d.held() == FLAT

    on_desk(check)


def test_what_keeps_a_hedge_from_going_on_is_told_once() -> None:
    async def check(d: Desk) -> None:
        d.left.faults.always("fetch_fills", Fault.unknown_before())
        hedge = await d.open()
        assert hedge is not None
        for _ in range(5):
            assert (await d.executor.reconcile(hedge.id)).status is HedgeStatus.OPENING
        assert [event.kind for event in alarms(d)] == [EventKind.BOOKS_DIFFER]

    on_desk(check)


def test_an_order_in_doubt_for_long_is_an_alarm_once() -> None:
    async def check(d: Desk) -> None:
        d.left.faults.once("send_order", Fault.unknown_after())
        d.left.faults.always("fetch_order", Fault(error=KeyError("a bug of the plugin")))
        hedge = await d.open()
        assert hedge is not None
        for _ in range(5):
            assert (await d.executor.reconcile(hedge.id)).status is HedgeStatus.OPENING
        assert [event.kind for event in alarms(d)] == [EventKind.ORDER_IN_DOUBT]

    on_desk(check)


@pytest.mark.parametrize("operation", ["fetch_order", "fetch_fills", "cancel_order", "prepare_order", "send_order"])
def test_a_venue_that_never_answers_holds_up_nothing_for_ever(operation: str) -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        assert hedge is not None
        d.left.faults.always(operation, Fault(delay_ns=10**6 * SECOND_NS))
        began = d.services.clock.now_ns()
        await d.close(hedge)
        assert d.services.clock.now_ns() - began < 900 * SECOND_NS
        d.left.faults.always(operation, None)
        assert (await d.executor.reconcile(hedge.id)).status.is_final
        assert await d.held() == FLAT

    on_desk(check)


def test_a_leg_that_cannot_be_prepared_does_not_hold_up_the_other() -> None:
    async def check(d: Desk) -> None:
        hedge = await d.open()
        assert hedge is not None
        d.left.faults.always("prepare_order", Fault(error=KeyError("a bug of the plugin")))
        assert (await d.close(hedge)).status is HedgeStatus.CLOSING
        assert await d.held() == (Decimal("0.1"), Decimal(0))
        d.left.faults.always("prepare_order", None)
        assert (await d.executor.reconcile(hedge.id)).status is HedgeStatus.CLOSED
        assert await d.held() == FLAT

    on_desk(check)


def test_an_entry_whose_plugin_breaks_is_refused_before_anything_is_sent() -> None:
    async def check(d: Desk) -> None:
        d.right.faults.always("prepare_order", Fault(error=KeyError("a bug of the plugin")))
        assert await d.open() is None
        assert d.orders_sent() == 0
        assert "KeyError" in d.events[-1].message

    on_desk(check)


def test_what_is_too_little_to_trade_is_not_called_flat() -> None:
    async def check(d: Desk) -> None:
        dust = d.services.instruments[d.left.id_of("BTC")].min_quantity / 2
        d.left.faults.once("send_order", Fault.partial_fill(dust))
        d.right.faults.once("send_order", Fault.rejected())
        hedge = await d.open()
        assert hedge is not None
        assert await d.held() == (dust, Decimal(0))
        assert hedge.status is HedgeStatus.HALTED
        assert f"{dust} BTC-PERP.left is left" in alarms(d)[0].message

    on_desk(check)


def test_a_fill_dated_in_the_future_hides_none_that_follow() -> None:
    async def check(d: Desk) -> None:
        await d.open()
        fills = d.left._orders.fills
        fills.append(replace(fills[0], fill_id=FillId("f99"), ts_event_ns=START_NS + 99 * DAY_NS))
        await d.services.sync.pull_fills(d.left.name)
        fills.pop()
        hedge = await d.open()
        assert hedge is not None
        assert hedge.status is HedgeStatus.OPEN

    on_desk(check)


class Crashed(BaseException):
    """The process is gone."""


class CrashingStorage:
    """A storage whose process dies at one commit: before it took effect or right after."""

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
        self._left -= 1
        async with self._inner.transaction() as transaction:
            yield transaction
            if self._left == 0 and not self._after_commit:
                self.crashed = True
                raise Crashed
        if self._left == 0:
            self.crashed = True
            raise Crashed


async def trade(d: Desk) -> None:
    hedge = await d.open()
    assert hedge is not None
    if hedge.status is HedgeStatus.OPEN:
        await d.close(hedge)


async def crash_and_recover(at: int, *, after_commit: bool, faults: Sequence[tuple[str, str, Fault]]) -> bool:
    """Crash at one commit, start again on the same venues and record; return whether it crashed."""
    clock = VirtualClock.of_running_loop()
    left, right = (MemoryExchange(name, clock=clock) for name in ("left", "right"))
    memory = MemoryStorage()
    first = await desk_over(left, right, memory)
    for side, operation, fault in faults:
        {"left": left, "right": right}[side].faults.once(operation, fault)
    storage = CrashingStorage(memory, at=at, after_commit=after_commit)
    with suppress(Crashed):
        await trade(await desk_over(left, right, storage))
    second = await desk_over(left, right, memory)
    for hedge in await second.journal.hedges():
        if hedge.status in (HedgeStatus.OPENING, HedgeStatus.CLOSING):
            hedge = await second.executor.reconcile(hedge.id)
        if hedge.status is HedgeStatus.OPEN:
            hedge = await second.close(hedge)
        assert hedge.status.is_final
        fills = await second.journal.fills(hedge_id=hedge.id)
        assert sum((fill.quantity * fill.side.sign for fill in fills), Decimal(0)) == 0
    assert await second.held() == FLAT
    assert first.orders_sent() <= 8
    return storage.crashed


@pytest.mark.parametrize("after_commit", [False, True])
@pytest.mark.parametrize(
    "faults",
    [
        [],
        [("left", "send_order", Fault.unknown_after())],
        [("right", "send_order", Fault.rejected())],
        [("right", "send_order", Fault.partial_fill("0.03"))],
    ],
    ids=["calm", "answer lost", "leg refused", "partial fill"],
)
def test_a_crash_at_any_commit_changes_nothing_in_the_end(
    after_commit: bool, faults: Sequence[tuple[str, str, Fault]]
) -> None:
    at, crashed = 1, True
    while crashed:
        crashed = run_virtual(crash_and_recover(at, after_commit=after_commit, faults=faults), start_ns=START_NS)
        at += 1
    assert at > 10
