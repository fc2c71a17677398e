"""What became of an order: only a read of the venue ends a doubt, never time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import pytest

from arb.api import (
    Capability,
    Clock,
    Exchange,
    ExchangeTraits,
    OutcomeUnknown,
    PreparedOrder,
    Rejected,
    Trading,
    UnknownOrder,
)
from arb.execution import AccountLeases, AccountSync, Recorder
from arb.execution._gateway import OrderGateway
from arb.execution._positions import PositionReader
from arb.execution._resolving import OrderResolver
from arb.execution._steady import SteadyTime
from arb.model import (
    HOUR_NS,
    SECOND_NS,
    ClientOrderId,
    EventKind,
    ExchangeName,
    ExchangeOrderId,
    Fill,
    FillId,
    Hedge,
    HedgeId,
    HedgeStatus,
    InstrumentId,
    Leg,
    Liquidity,
    MarginMode,
    Order,
    OrderPurpose,
    OrderRecord,
    OrderRequest,
    OrderStatus,
    Position,
    PositionSide,
    Side,
    TimeInForce,
)
from arb.risk import Halts, MemoryHaltStore
from arb.simulation import VirtualClock, run_virtual
from arb.storage import Journal
from arb.testing import START_NS, Fault, MemoryExchange, MemoryStorage

if TYPE_CHECKING:
    from tests.execution.conftest import Desk, OnDesk, OnWorld, World

FLAT = (Decimal(0), Decimal(0))
BOTH = (Decimal("0.1"), Decimal("-0.1"))
BTC = InstrumentId("BTC-PERP.venue")
REQUEST = OrderRequest(
    client_order_id=ClientOrderId("h-0-0"), instrument=BTC, side=Side.BUY, quantity=Decimal(1), price=Decimal(100)
)
REAL = ExchangeTraits(read_after_write_ns=SECOND_NS // 5, order_validity_ns=5 * SECOND_NS)


def order(status: OrderStatus, filled: str = "0", **changes: Any) -> Order:
    return replace(
        Order(request=REQUEST, status=status, filled_quantity=Decimal(filled), ts_event_ns=START_NS), **changes
    )


def fill(quantity: str, name: str = "h-0-0") -> Fill:
    return Fill(
        fill_id=FillId("f1"),
        client_order_id=ClientOrderId(name),
        exchange_order_id=ExchangeOrderId("o"),
        instrument=BTC,
        side=Side.BUY,
        price=Decimal(100),
        quantity=Decimal(quantity),
        fee=Decimal(0),
        fee_currency="USDC",
        liquidity=Liquidity.TAKER,
        ts_event_ns=START_NS,
    )


def position(quantity: str) -> Position:
    return Position(
        instrument=BTC,
        quantity=Decimal(quantity),
        entry_price=Decimal(100),
        mark_price=Decimal(100),
        unrealized_pnl=Decimal(0),
        liquidation_price=None,
        leverage=Decimal(1),
        margin_mode=MarginMode.CROSS,
        ts_event_ns=START_NS,
    )


@dataclass
class Venue:
    """Answers from scripts; an exception in one is raised, and the last line is repeated."""

    reads: list[object] = field(default_factory=list)
    fills: list[object] = field(default_factory=lambda: [()])
    positions: list[object] = field(default_factory=lambda: [()])
    cancel: BaseException | None = None
    name: str = "venue"
    traits: ExchangeTraits = REAL
    capabilities: frozenset[Capability] = frozenset({Capability.TRADING})
    cancels: int = 0

    @property
    def trading(self) -> Trading:
        return cast("Trading", self)

    async def cancel_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> None:
        self.cancels += 1
        if self.cancel is not None:
            raise self.cancel

    async def fetch_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> object:
        return _next(self.reads)

    async def fetch_fills(self, since_ns: int) -> object:
        return _next(self.fills)

    async def fetch_positions(self) -> object:
        return _next(self.positions)


def _next(script: list[object]) -> object:
    told = script.pop(0) if len(script) > 1 else script[0]
    if isinstance(told, BaseException):
        raise told
    return told


class Silent:
    """An observer that nobody asks."""

    def observe_order(self, exchange: ExchangeName, status: OrderStatus, round_trip_ns: int) -> None:
        """Take no note."""


@dataclass
class Bench:
    """A resolver over one venue and one stored order."""

    clock: Clock
    resolver: OrderResolver
    sync: AccountSync
    record: OrderRecord
    journal: Journal

    async def sleep(self, seconds: float) -> None:
        await self.clock.sleep_until(self.clock.now_ns() + int(seconds * SECOND_NS))


def on_bench(
    venue: Venue,
    work: Callable[[Bench], Awaitable[Any]],
    status: OrderStatus = OrderStatus.IN_DOUBT,
    *,
    record: Callable[[OrderRecord], OrderRecord] = lambda one: one,
) -> Any:
    """Do some work with a resolver of an order that was recorded at the start."""

    async def main() -> Any:
        clock = VirtualClock.of_running_loop()
        journal = await Journal.open(MemoryStorage())
        leases = AccountLeases(clock, holder="a", is_gone=lambda name: False, ttl_ns=HOUR_NS)
        name = ExchangeName("venue")
        await leases.take(journal, [name])
        recorder = Recorder(journal, clock, lambda event: None, leases)
        leg = Leg(instrument=BTC, side=PositionSide.LONG, target_quantity=Decimal(1), multiplier=Decimal(1))
        hedge = Hedge(
            id=HedgeId("h"),
            strategy="s",
            base="BTC",
            legs=(leg,),
            status=HedgeStatus.OPENING,
            created_ns=START_NS,
            max_slippage_bps=Decimal(10),
            entry_reason="",
        )
        stored = record(
            OrderRecord(
                order=order(status),
                hedge_id=hedge.id,
                leg_index=0,
                purpose=OrderPurpose.ENTRY,
                attempt=0,
                arrival_price=Decimal(100),
                created_ns=START_NS,
            )
        )
        await recorder.hedge(hedge, [stored])
        exchanges = {name: cast("Exchange", venue)}
        sync = AccountSync(exchanges, recorder, clock, fills_timeout_ns=SECOND_NS, payments_timeout_ns=SECOND_NS)
        await sync.start(START_NS)
        gateway = OrderGateway(
            exchanges, clock, leases, Silent(), Halts(MemoryHaltStore(), clock), timeout_ns=10 * SECOND_NS
        )
        positions = PositionReader(exchanges, recorder, sync, clock, timeout_ns=10 * SECOND_NS)
        resolver = OrderResolver(gateway, recorder, sync, positions, clock, SteadyTime(clock))
        return await work(Bench(clock, resolver, sync, stored, journal))

    return run_virtual(main(), start_ns=START_NS)


def resolved(venue: Venue, status: OrderStatus = OrderStatus.IN_DOUBT, *, after_s: float = 0) -> Order:
    """Return an order as it is after one look at the venue, so long after it was recorded."""

    async def work(b: Bench) -> Order:
        await b.sleep(after_s)
        found = await b.resolver.resolve(b.record)
        stored = await b.journal.order(REQUEST.client_order_id)
        assert stored == found, "what was learnt is on record"
        return found.order

    return cast("Order", on_bench(venue, work, status))


def cancelled(venue: Venue) -> Order:
    """Return a resting order as it is after it was cancelled."""

    async def work(b: Bench) -> Order:
        return (await b.resolver.cancel(b.record)).order

    return cast("Order", on_bench(venue, work, OrderStatus.OPEN))


ABSENT = UnknownOrder("no such order")


def test_an_order_that_is_found_is_what_the_venue_says() -> None:
    for told in (
        order(OrderStatus.OPEN),
        order(OrderStatus.PARTIALLY_FILLED, "0.4"),
        order(OrderStatus.FILLED, "1"),
        order(OrderStatus.CANCELLED, "0.4"),
        order(OrderStatus.EXPIRED),
        order(OrderStatus.REJECTED),
    ):
        found = resolved(Venue([told]))
        assert (found.status, found.filled_quantity) == (told.status, told.filled_quantity)


@pytest.mark.parametrize("status", [OrderStatus.PENDING, OrderStatus.SUBMITTED])
def test_an_order_without_an_answer_on_record_is_in_doubt_not_absent(status: OrderStatus) -> None:
    found = resolved(Venue([ABSENT]), status)
    assert found.status is OrderStatus.IN_DOUBT


@pytest.mark.parametrize(("after_s", "status"), [(6.1, OrderStatus.IN_DOUBT), (6.2, OrderStatus.NOT_SENT)])
def test_absence_is_proved_when_it_can_neither_arrive_nor_be_missed_any_more(
    after_s: float, status: OrderStatus
) -> None:
    assert resolved(Venue([ABSENT]), after_s=after_s).status is status


DISPROOFS: dict[str, dict[str, list[object]]] = {
    "its fills are listed": {"fills": [(fill("0.3"),)], "positions": [(position("0.3"),)]},
    "the position is another": {"positions": [(position("0.3"),)]},
    "the fills cannot be read": {"fills": [OutcomeUnknown("?")]},
    "the fills are no list": {"fills": [{"fills": []}]},
    "the positions cannot be read": {"positions": [OutcomeUnknown("?")]},
    "the positions are no list": {"positions": [None]},
}


@pytest.mark.parametrize("why", DISPROOFS)
def test_absence_is_not_proved_while_anything_speaks_against_it(why: str) -> None:
    script = DISPROOFS[why]
    venue = Venue([ABSENT])
    venue.fills = script.get("fills", venue.fills)
    venue.positions = script.get("positions", venue.positions)
    assert resolved(venue, after_s=3600).status is OrderStatus.IN_DOUBT


@pytest.mark.parametrize(
    "error", [OutcomeUnknown("?"), Rejected("no", code="no"), KeyError("a bug"), TimeoutError(), ValueError()]
)
def test_a_read_that_fails_tells_nothing_however_long_ago_the_order_was(error: Exception) -> None:
    assert resolved(Venue([error]), after_s=10**6).status is OrderStatus.IN_DOUBT


@pytest.mark.parametrize("error", [ABSENT, OutcomeUnknown("?")])
@pytest.mark.parametrize("status", [OrderStatus.IN_DOUBT, OrderStatus.OPEN])
def test_an_order_whose_fills_are_the_whole_of_it_is_filled_though_the_venue_does_not_tell_it(
    error: Exception, status: OrderStatus
) -> None:
    async def work(b: Bench) -> Order:
        await b.sync.pull_fills(ExchangeName("venue"))
        return (await b.resolver.resolve(b.record)).order

    parts = (replace(fill("0.4"), price=Decimal(101)), replace(fill("0.6"), fill_id=FillId("f2")))
    found = on_bench(Venue([error], fills=[parts]), work, status)
    assert (found.status, found.filled_quantity, found.average_price) == (OrderStatus.FILLED, 1, Decimal("100.4"))
    assert found.exchange_order_id == "o"


@pytest.mark.parametrize(
    "lie",
    [
        order(OrderStatus.FILLED, "1.5"),
        order(OrderStatus.FILLED, "1", exchange_order_id=ExchangeOrderId("another")),
        order(OrderStatus.FILLED, "1", request=replace(REQUEST, side=Side.SELL)),
    ],
)
def test_a_report_that_contradicts_the_record_makes_nothing_certain_whatever_was_filled(lie: Order) -> None:
    async def work(b: Bench) -> OrderStatus:
        await b.sync.pull_fills(ExchangeName("venue"))
        return (await b.resolver.resolve(b.record)).order.status

    def known(record: OrderRecord) -> OrderRecord:
        return replace(record, order=replace(record.order, exchange_order_id=ExchangeOrderId("o")))

    found = on_bench(Venue([lie], fills=[(fill("1"),)]), work, record=known)
    assert found is OrderStatus.IN_DOUBT


def test_an_order_whose_fills_are_a_part_of_it_stays_in_doubt() -> None:
    async def work(b: Bench) -> OrderStatus:
        await b.sync.pull_fills(ExchangeName("venue"))
        await b.sleep(3600)
        return (await b.resolver.resolve(b.record)).order.status

    assert on_bench(Venue([ABSENT], fills=[(fill("0.9"),)]), work) is OrderStatus.IN_DOUBT


def test_an_order_that_was_seen_is_never_proved_absent() -> None:
    for status in (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED):
        assert resolved(Venue([ABSENT]), status, after_s=3600).status is status


def test_an_order_of_a_process_before_is_waited_for_from_our_own_beginning() -> None:
    """Its clock may have been another: nothing is counted from before we began."""

    async def work(b: Bench) -> list[OrderStatus]:
        found = []
        for seconds in (0, 5.1, 0.2):
            await b.sleep(seconds)
            found.append((await b.resolver.resolve(b.record)).order.status)
        return found

    def long_ago(record: OrderRecord) -> OrderRecord:
        return replace(record, created_ns=START_NS - HOUR_NS)

    def ahead(record: OrderRecord) -> OrderRecord:
        return replace(record, created_ns=START_NS + 1000 * HOUR_NS)

    doubt, absent = OrderStatus.IN_DOUBT, OrderStatus.NOT_SENT
    assert on_bench(Venue([ABSENT]), work, record=long_ago) == [doubt, doubt, absent]
    assert doubt in on_bench(Venue([ABSENT]), work, record=ahead)


LIES: list[object] = [
    None,
    {"status": "filled"},
    order(OrderStatus.FILLED),
    order(OrderStatus.FILLED, "NaN"),
    order(OrderStatus.CANCELLED, "-1"),
    order(OrderStatus.REJECTED, "0.5"),
    order(OrderStatus.FILLED, "1", request=replace(REQUEST, client_order_id=ClientOrderId("another"))),
    order(OrderStatus.FILLED, "1", request=replace(REQUEST, side=Side.SELL)),
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: str(getattr(lie, "status", lie)))
def test_a_report_that_cannot_be_true_leaves_the_order_in_doubt(lie: object) -> None:
    found = resolved(Venue([lie]), after_s=3600)
    assert (found.status, found.filled_quantity) == (OrderStatus.IN_DOUBT, Decimal(0))


@pytest.mark.parametrize(
    "cancel", [None, UnknownOrder("gone"), Rejected("filled already"), OutcomeUnknown("?"), KeyError("x")]
)
def test_an_order_that_was_filled_while_it_was_cancelled_is_filled(cancel: Exception | None) -> None:
    venue = Venue([order(OrderStatus.FILLED, "1")], cancel=cancel)
    found = cancelled(venue)
    assert (found.status, found.filled_quantity) == (OrderStatus.FILLED, Decimal(1))
    assert venue.cancels == 1


@pytest.mark.parametrize("told", [order(OrderStatus.OPEN), order(OrderStatus.OPEN, "0.4"), ABSENT, OutcomeUnknown("?")])
def test_a_cancellation_is_believed_only_when_a_read_shows_it(told: object) -> None:
    assert not cancelled(Venue([told])).status.is_final


def test_a_cancellation_is_read_after_the_venue_can_show_it() -> None:
    async def work(b: Bench) -> int:
        await b.resolver.cancel(b.record)
        return b.clock.now_ns() - START_NS

    assert on_bench(Venue([order(OrderStatus.CANCELLED)]), work, OrderStatus.OPEN) >= REAL.read_after_write_ns


def test_the_clock_of_a_venue_is_not_waited_for() -> None:
    late = order(OrderStatus.OPEN, ts_event_ns=START_NS + 1000 * HOUR_NS)

    async def work(b: Bench) -> int:
        await b.resolver.resolve(b.record)
        await b.resolver.cancel(replace(b.record, order=late))
        return b.clock.now_ns() - START_NS

    assert on_bench(Venue([late]), work, OrderStatus.OPEN) < HOUR_NS


# At whole venues.


class Late:
    """The trading side of a venue whose orders arrive late, and whose answers do not come at all."""

    def __init__(self, venue: MemoryExchange, late_ns: int) -> None:
        assert venue.trading is not None
        self._inner = venue.trading
        self._venue = venue
        self._late_ns = late_ns
        self._orders: set[asyncio.Task[None]] = set()
        self.sent = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def send_order(self, prepared: PreparedOrder) -> Order:
        self.sent += 1
        if self.sent > 1:
            return await self._inner.send_order(prepared)
        task = asyncio.ensure_future(self._arrive(prepared))
        self._orders.add(task)
        raise OutcomeUnknown("no answer")

    async def _arrive(self, prepared: PreparedOrder) -> None:
        clock = self._venue.clock
        await clock.sleep_until(clock.now_ns() + self._late_ns)
        await self._inner.send_order(prepared)


def late(venue: MemoryExchange, seconds: float) -> Late:
    """Make the first order of a venue arrive so many seconds late."""
    made = Late(venue, int(seconds * SECOND_NS))
    venue.trading = cast("Any", made)
    return made


@pytest.mark.parametrize("seconds", [0.1, 2, 4.9, 5])
def test_an_order_that_arrives_late_is_found_and_not_sent_again(on_desk: OnDesk, seconds: float) -> None:
    async def check(d: Desk) -> None:
        slow = late(d.left, seconds)
        hedge = await d.open()
        assert hedge.status is HedgeStatus.OPEN
        assert await d.held() == BOTH
        assert slow.sent == 1
        (record,) = await d.orders(hedge, 0)
        statuses = [one.status for one in await d.journal.order_reports(record.order.request.client_order_id)]
        assert OrderStatus.NOT_SENT not in statuses

    on_desk(check, traits=REAL)


def test_an_order_that_was_slow_to_prepare_is_waited_for_from_when_it_left(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        slow = late(d.left, 4)
        d.left.faults.once("prepare_order", Fault(delay_ns=4 * SECOND_NS))
        hedge = await d.open()
        await d.sleep(10)
        assert await d.held() == BOTH
        assert hedge.status is HedgeStatus.OPEN
        assert slow.sent == 1

    on_desk(check, traits=REAL)


@pytest.mark.parametrize("pause_s", [0.1, 1, 4])
def test_an_order_that_arrives_after_a_restart_is_found_and_not_sent_again(on_world: OnWorld, pause_s: float) -> None:
    async def check(world: World) -> None:
        first = await world.start(patience_ns=SECOND_NS // 100)
        slow = late(first.left, 4.5)
        hedge = await first.open()
        await first.executor.rest(0)
        first.crash()
        await first.sleep(pause_s)
        second = await world.start()
        assert (await second.taken_up(hedge)).status is HedgeStatus.OPEN
        assert await second.held() == BOTH
        assert slow.sent == 1

    on_world(check, traits=REAL)


def test_while_an_order_is_in_doubt_nothing_of_the_hedge_is_sent_or_called_at_rest(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.faults.once("send_order", Fault.unknown_after())
        d.left.faults.always("fetch_order", Fault(error=UnknownOrder("not listed")))
        d.left.faults.always("fetch_fills", Fault.unknown_before())
        d.right.faults.once("send_order", Fault.partial_fill("0.04"))
        hedge = await d.open()
        assert hedge.status is HedgeStatus.OPENING
        assert d.orders_sent() == 2, "the right leg is not completed while nobody knows what the left one has"
        assert EventKind.ORDER_IN_DOUBT in d.alarms()
        assert [halt.subject for halt in d.halts.active()] == [hedge.id]
        for call in ("fetch_order", "fetch_fills"):
            d.left.faults.always(call, None)
        assert (await d.wait(hedge)).status is HedgeStatus.OPEN
        assert await d.held() == (Decimal("0.04"), Decimal("-0.04"))

    on_desk(check, traits=REAL)


class Resting:
    """The trading side of a venue that lets an order rest that was to trade at once, and has little to give it."""

    def __init__(self, venue: MemoryExchange, offered: str) -> None:
        assert venue.trading is not None
        self._inner = venue.trading
        self._venue = venue
        self._offered = offered

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def send_order(self, prepared: PreparedOrder) -> Order:
        asks = [(50_005, self._offered)] if Decimal(self._offered) else []
        self._venue.set_book(prepared.request.instrument, [(49_995, 10)], [*asks, (51_000, 10)])
        self._venue.trading = self._inner  # the next one is an order like any other
        request = replace(prepared.request, time_in_force=TimeInForce.GTC)
        report = await self._inner.send_order(replace(prepared, request=request))
        return replace(report, request=prepared.request)


@pytest.mark.parametrize("fault", [None, Fault.unknown_after()], ids=["answered", "answer lost"])
@pytest.mark.parametrize("offered", ["0", "0.04"])
def test_an_order_that_rests_although_it_was_to_trade_at_once_is_cancelled_and_read(
    on_desk: OnDesk, fault: Fault | None, offered: str
) -> None:
    async def check(d: Desk) -> None:
        d.left.trading = cast("Any", Resting(d.left, offered))
        d.left.faults.once("send_order", fault)
        hedge = await d.open()
        assert not hedge.status.is_moving
        assert d.left.faults.calls["cancel_order"] >= 1
        assert d.left._orders.open_orders() == []
        left, right = await d.held()
        assert left == -right
        first = (await d.orders(hedge, 0))[0]
        assert (first.order.status, first.order.filled_quantity) == (OrderStatus.CANCELLED, Decimal(offered))

    on_desk(check, traits=REAL)


class Forgetful:
    """The trading side of a venue that calls an order cancelled a moment before it reports its last fill."""

    def __init__(self, venue: MemoryExchange, quantity: str) -> None:
        assert venue.trading is not None
        self._inner = venue.trading
        self._venue = venue
        self._quantity = Decimal(quantity)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def send_order(self, prepared: PreparedOrder) -> Order:
        self._venue.faults.once("send_order", Fault.partial_fill(self._quantity))
        report = await self._inner.send_order(prepared)
        self._venue.trading = self._inner
        return replace(report, status=OrderStatus.CANCELLED, filled_quantity=Decimal(0), average_price=None)


@pytest.mark.parametrize("fills_of_the_other", [Fault.rejected(), Fault.partial_fill("0.04")])
def test_a_fill_that_is_reported_after_the_cancellation_is_hedged_or_taken_back(
    on_desk: OnDesk, fills_of_the_other: Fault
) -> None:
    async def check(d: Desk) -> None:
        d.left.trading = cast("Any", Forgetful(d.left, "0.04"))
        d.right.faults.always("send_order", fills_of_the_other)
        hedge = await d.open()
        left, right = await d.held()
        assert left == -right
        assert [leg.open_quantity for leg in hedge.legs] == [left, -right]
        assert not hedge.status.is_moving

    on_desk(check, traits=REAL)


def test_an_order_that_was_acknowledged_and_lost_is_an_alarm_and_a_halt_but_never_absent(on_desk: OnDesk) -> None:
    async def check(d: Desk) -> None:
        d.left.trading = cast("Any", Resting(d.left, "0"))
        d.left.faults.always("fetch_order", Fault(error=UnknownOrder("not listed")))
        hedge = await d.open()
        assert hedge.status is HedgeStatus.OPENING
        (record,) = await d.orders(hedge, 0)
        assert record.order.status is OrderStatus.OPEN
        assert EventKind.ORDER_IN_DOUBT in d.alarms()
        assert [halt.subject for halt in d.halts.active()] == [hedge.id]

    on_desk(check, traits=REAL)
