"""The one way to the wire: what a venue answers is not taken for more than it proves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, cast

import pytest

from arb.api import (
    ArbError,
    AuthenticationFailed,
    BadResponse,
    BelowMinimum,
    Capability,
    ConnectFailed,
    Exchange,
    ExchangeTraits,
    InsufficientMargin,
    OutcomeUnknown,
    PreparedOrder,
    RateLimited,
    Rejected,
    Trading,
    UnknownOrder,
    WouldCross,
)
from arb.execution import AccountLeases
from arb.execution._gateway import OrderGateway, ReadyOrder, Unready
from arb.execution._reports import merged
from arb.model import (
    SECOND_NS,
    ClientOrderId,
    ExchangeName,
    ExchangeOrderId,
    HedgeId,
    InstrumentId,
    Order,
    OrderPurpose,
    OrderRecord,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
)
from arb.risk import ClearedOrder, Halts, MemoryHaltStore, RiskManager
from arb.simulation import VirtualClock, run_virtual
from arb.storage import Journal
from arb.testing import START_NS, MemoryStorage

BTC = InstrumentId("BTC-PERP.venue")
VENUE = ExchangeName("venue")
TIMEOUT_NS = 10 * SECOND_NS
TERM_NS = 30 * SECOND_NS
REQUEST = OrderRequest(
    client_order_id=ClientOrderId("h-0-0"),
    instrument=BTC,
    side=Side.BUY,
    quantity=Decimal(1),
    price=Decimal(100),
    reduce_only=True,
)


def order(status: OrderStatus, filled: str = "0", **changes: Any) -> Order:
    return replace(
        Order(request=REQUEST, status=status, filled_quantity=Decimal(filled), ts_event_ns=START_NS), **changes
    )


def record(**changes: Any) -> OrderRecord:
    plain = OrderRecord(
        order=order(OrderStatus.SUBMITTED),
        hedge_id=HedgeId("h"),
        leg_index=0,
        purpose=OrderPurpose.UNWIND,
        attempt=0,
        arrival_price=Decimal(100),
        created_ns=START_NS,
    )
    return replace(plain, **changes)


FILLED = order(OrderStatus.FILLED, "1")
PLAIN = PreparedOrder(request=REQUEST, payload=None)


@dataclass
class Venue:
    """Answers as it is told; an exception is raised."""

    answer: object = FILLED
    prepared: object = PLAIN
    delays_s: dict[str, float] = field(default_factory=dict)
    cancel: BaseException | None = None
    name: str = "venue"
    traits: ExchangeTraits = field(default_factory=lambda: ExchangeTraits(read_after_write_ns=0))
    capabilities: frozenset[Capability] = frozenset({Capability.TRADING, Capability.DEAD_MANS_SWITCH})
    calls: list[tuple[str, object, int]] = field(default_factory=list)
    has_account: bool = True

    @property
    def trading(self) -> Trading | None:
        return cast("Trading", self) if self.has_account else None

    async def prepare_order(self, request: OrderRequest) -> object:
        return await self._told("prepare_order", request, self.prepared)

    async def send_order(self, prepared: PreparedOrder) -> object:
        return await self._told("send_order", prepared, self.answer)

    async def cancel_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> None:
        await self._told("cancel_order", client_order_id, self.cancel)

    async def fetch_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> object:
        return await self._told("fetch_order", client_order_id, self.answer)

    async def arm_dead_mans_switch(self, timeout_ns: int) -> None:
        await self._told("arm_dead_mans_switch", timeout_ns, self.cancel)

    def count(self, call: str) -> int:
        return sum(name == call for name, _, _ in self.calls)

    async def _told(self, call: str, about: object, answer: object) -> object:
        clock = VirtualClock.of_running_loop()
        self.calls.append((call, about, clock.now_ns()))
        if call in self.delays_s:
            await clock.sleep_until(clock.now_ns() + int(self.delays_s[call] * SECOND_NS))
        if isinstance(answer, BaseException):
            raise answer
        return answer


@dataclass
class Bench:
    """A gateway to venues, and what its observer heard."""

    gateway: OrderGateway
    clock: VirtualClock
    leases: AccountLeases
    heard: list[tuple[ExchangeName, OrderStatus, int]] = field(default_factory=list)

    def observe_order(self, exchange: ExchangeName, status: OrderStatus, round_trip_ns: int) -> None:
        self.heard.append((exchange, status, round_trip_ns))

    async def sleep(self, seconds: float) -> None:
        await self.clock.sleep_until(self.clock.now_ns() + int(seconds * SECOND_NS))

    async def prepared(self, one: OrderRecord) -> ReadyOrder:
        (ready,) = await self.gateway.prepare([(one, cleared(one.order.request))])
        assert isinstance(ready, ReadyOrder)
        return ready


def cleared(request: OrderRequest) -> ClearedOrder:
    return RiskManager.clear_closing(request)


def on_bench(work: Callable[[Bench], Awaitable[Any]], *venues: Venue) -> Any:
    """Do some work with a gateway to venues that we hold the leases of."""

    async def main() -> Any:
        clock = VirtualClock.of_running_loop()
        leases = AccountLeases(clock, holder="a", is_gone=lambda name: False, ttl_ns=TERM_NS)
        exchanges = {ExchangeName(one.name): cast("Exchange", one) for one in venues}
        await leases.take(await Journal.open(MemoryStorage()), tuple(exchanges))
        bench = Bench(cast("OrderGateway", None), clock, leases)
        bench.gateway = OrderGateway(
            exchanges, clock, leases, bench, Halts(MemoryHaltStore(), clock), timeout_ns=TIMEOUT_NS
        )
        return await work(bench)

    return run_virtual(main(), start_ns=START_NS)


def sent(venue: Venue, *, wait_s: float = 0, one: OrderRecord | None = None) -> tuple[Order, Bench]:
    """Prepare an order, send it so many seconds later, and return it with the bench."""

    async def work(b: Bench) -> tuple[Order, Bench]:
        ready = await b.prepared(one or record())
        await b.sleep(wait_s)
        (after,) = await b.gateway.send([ready])
        return after.order, b

    return cast("tuple[Order, Bench]", on_bench(work, venue))


CERTAIN: list[tuple[Exception, OrderStatus]] = [
    (ConnectFailed("no connection"), OrderStatus.NOT_SENT),
    (RateLimited("too many requests"), OrderStatus.NOT_SENT),
    (Rejected("no", code="42"), OrderStatus.REJECTED),
    (InsufficientMargin("no money", code="42"), OrderStatus.REJECTED),
    (WouldCross("it would trade", code="42"), OrderStatus.REJECTED),
    (BelowMinimum("too small", code="42"), OrderStatus.REJECTED),
    (AuthenticationFailed("bad key", code="42"), OrderStatus.REJECTED),
]
DOUBTFUL: list[object] = [
    OutcomeUnknown("no answer"),
    BadResponse("not JSON"),
    UnknownOrder("no order of that id, yet"),
    KeyError("result"),
    TimeoutError(),
    ValueError("a bug of the plugin"),
    AssertionError(),
]


@pytest.mark.parametrize(("error", "status"), CERTAIN, ids=lambda one: type(one).__name__)
def test_what_a_venue_surely_refused_or_never_got_is_final(error: Exception, status: OrderStatus) -> None:
    found, b = sent(Venue(answer=error))
    assert found.status is status
    assert str(error) in found.reason
    # A maker that came too late is no refusal that a breaker should count.
    assert b.heard == ([] if isinstance(error, WouldCross) else [(VENUE, status, 0)])


@pytest.mark.parametrize("error", DOUBTFUL, ids=lambda one: type(one).__name__)
def test_every_other_failure_leaves_the_order_in_doubt(error: object) -> None:
    found, b = sent(Venue(answer=error))
    assert (found.status, found.filled_quantity) == (OrderStatus.IN_DOUBT, Decimal(0))
    assert found.reason
    assert b.heard == [(VENUE, OrderStatus.IN_DOUBT, 0)]


@pytest.mark.parametrize("delay_s", [10.1, 3600])
def test_no_answer_in_time_is_a_doubt(delay_s: float) -> None:
    found, b = sent(Venue(delays_s={"send_order": delay_s}))
    assert found.status is OrderStatus.IN_DOUBT
    assert b.heard == [(VENUE, OrderStatus.IN_DOUBT, TIMEOUT_NS)]


LIES: list[object] = [
    None,
    {"status": "filled"},
    order(OrderStatus.FILLED),
    order(OrderStatus.FILLED, "NaN"),
    order(OrderStatus.FILLED, "1.5"),
    order(OrderStatus.PARTIALLY_FILLED),
    order(OrderStatus.CANCELLED, "-1"),
    order(OrderStatus.REJECTED, "0.5"),
    order(OrderStatus.FILLED, "1", request=replace(REQUEST, client_order_id=ClientOrderId("another"))),
    order(OrderStatus.FILLED, "1", request=replace(REQUEST, side=Side.SELL)),
    order(OrderStatus.FILLED, "1", request=replace(REQUEST, instrument=InstrumentId("ETH-PERP.venue"))),
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: str(getattr(lie, "status", lie)))
def test_an_answer_that_cannot_be_true_leaves_the_order_in_doubt(lie: object) -> None:
    found, _ = sent(Venue(answer=lie))
    assert (found.status, found.filled_quantity) == (OrderStatus.IN_DOUBT, Decimal(0))


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (order(OrderStatus.OPEN), OrderStatus.OPEN),
        (order(OrderStatus.OPEN, "0.4"), OrderStatus.PARTIALLY_FILLED),
        (order(OrderStatus.PARTIALLY_FILLED, "0.4"), OrderStatus.PARTIALLY_FILLED),
        (order(OrderStatus.FILLED, "1"), OrderStatus.FILLED),
        (order(OrderStatus.CANCELLED, "0.4"), OrderStatus.CANCELLED),
        (order(OrderStatus.SUBMITTED), OrderStatus.SUBMITTED),
    ],
)
def test_an_answer_is_taken_as_it_is_and_no_more(told: Order, status: OrderStatus) -> None:
    found, _ = sent(Venue(answer=told))
    assert (found.status, found.filled_quantity) == (status, told.filled_quantity)


@pytest.mark.parametrize(
    "made",
    [
        None,
        replace(REQUEST, quantity=Decimal(2)),
        replace(REQUEST, price=Decimal(101)),
        replace(REQUEST, side=Side.SELL),
        replace(REQUEST, reduce_only=False),
        replace(REQUEST, time_in_force=TimeInForce.GTC),
        replace(REQUEST, client_order_id=ClientOrderId("another")),
    ],
)
def test_an_order_that_was_prepared_as_another_is_not_ready(made: OrderRequest | None) -> None:
    async def work(b: Bench) -> None:
        (found,) = await b.gateway.prepare([(record(), cleared(REQUEST))])
        assert isinstance(found, Unready)
        assert found.error.code == "prepared_differs"

    venue = Venue(prepared=None if made is None else PreparedOrder(request=made, payload=None))
    on_bench(work, venue)
    assert venue.count("send_order") == 0


def test_a_plugin_may_round_down_and_to_a_better_price() -> None:
    rounded = replace(REQUEST, quantity=Decimal("0.9"), price=Decimal("99.9"))
    venue = Venue(
        prepared=PreparedOrder(request=rounded, payload=None), answer=order(OrderStatus.FILLED, "0.9", request=rounded)
    )
    assert sent(venue)[0].filled_quantity == Decimal("0.9")


@pytest.mark.parametrize("error", [Rejected("no", code="no"), KeyError("a bug"), OutcomeUnknown("?")])
def test_an_order_that_cannot_be_prepared_is_not_ready_and_its_neighbour_is(error: Exception) -> None:
    async def work(b: Bench) -> None:
        other = record(order=replace(order(OrderStatus.SUBMITTED), request=OTHER))
        first, second = await b.gateway.prepare([(record(), cleared(REQUEST)), (other, cleared(OTHER))])
        assert isinstance(first, Unready)
        assert isinstance(second, ReadyOrder)

    on_bench(work, Venue(prepared=error), Venue(name="other", prepared=PreparedOrder(request=OTHER, payload=None)))


OTHER = replace(REQUEST, client_order_id=ClientOrderId("h-1-0"), instrument=InstrumentId("BTC-PERP.other"))


def test_an_order_that_was_cleared_as_another_is_refused_before_anything_is_prepared() -> None:
    async def work(b: Bench) -> None:
        with pytest.raises(ValueError, match="cleared as another one"):
            await b.gateway.prepare([(record(), cleared(replace(REQUEST, quantity=Decimal(2))))])

    venue = Venue()
    on_bench(work, venue)
    assert venue.calls == []


def test_an_exchange_without_an_account_cannot_trade() -> None:
    async def work(b: Bench) -> None:
        with pytest.raises(ArbError, match="without an account"):
            await b.gateway.prepare([(record(), cleared(REQUEST))])

    on_bench(work, Venue(has_account=False))


def test_orders_that_leave_together_do_not_wait_for_each_other() -> None:
    async def work(b: Bench) -> list[OrderStatus]:
        other = record(order=replace(order(OrderStatus.SUBMITTED), request=OTHER))
        ready = [one for one in await b.gateway.prepare([(record(), cleared(REQUEST)), (other, cleared(OTHER))])]
        assert all(isinstance(one, ReadyOrder) for one in ready)
        return [one.order.status for one in await b.gateway.send(cast("list[ReadyOrder]", ready))]

    slow = Venue(answer=OutcomeUnknown("?"))
    other = Venue(
        name="other",
        prepared=PreparedOrder(request=OTHER, payload=None),
        answer=order(OrderStatus.FILLED, "1", request=OTHER),
    )
    slow.delays_s = {"prepare_order": 0.5, "send_order": 5}
    assert on_bench(work, slow, other) == [OrderStatus.IN_DOUBT, OrderStatus.FILLED]
    (began,) = {at_ns for venue in (slow, other) for name, _, at_ns in venue.calls if name == "send_order"}
    assert began == START_NS + SECOND_NS // 2, "both left when the slower one was signed"


# What must not leave any more.


def test_an_order_that_was_decided_too_long_ago_does_not_leave() -> None:
    venue = Venue()
    found, b = sent(venue, wait_s=1.1)
    assert (found.status, venue.count("send_order")) == (OrderStatus.NOT_SENT, 0)
    assert "too old to send" in found.reason
    assert b.heard == [], "it had no round trip"
    assert sent(Venue(), wait_s=0.9)[0].status is OrderStatus.FILLED


def test_an_order_whose_signature_has_expired_does_not_leave() -> None:
    for expires_s, status in ((0.5, OrderStatus.NOT_SENT), (0.6, OrderStatus.FILLED)):
        venue = Venue(prepared=replace(PLAIN, expires_ns=START_NS + int(expires_s * SECOND_NS)))
        found, _ = sent(venue, wait_s=0.5)
        assert found.status is status
        assert venue.count("send_order") == (status is OrderStatus.FILLED)


def test_no_order_leaves_after_the_lease_has_run_out() -> None:
    late = record(created_ns=START_NS + 10**6 * SECOND_NS)  # young enough, whatever happens
    venue = Venue()
    found, _ = sent(venue, wait_s=30, one=late)
    assert (found.status, venue.count("send_order")) == (OrderStatus.NOT_SENT, 0)
    assert "lease" in found.reason
    assert sent(Venue(), wait_s=29.9, one=late)[0].status is OrderStatus.FILLED


# Cancelling, and the venue's own switch.


@pytest.mark.parametrize(
    "error", [UnknownOrder("gone"), Rejected("filled", code="42"), OutcomeUnknown("?"), KeyError()]
)
def test_what_a_venue_answers_to_a_cancellation_tells_nothing(error: Exception) -> None:
    async def work(b: Bench) -> None:
        await b.gateway.cancel(record())

    venue = Venue(cancel=error)
    on_bench(work, venue)
    assert venue.calls[0][:2] == ("cancel_order", REQUEST.client_order_id)


def test_a_cancellation_that_is_not_answered_is_not_waited_for_for_ever() -> None:
    async def work(b: Bench) -> int:
        await asyncio.wait_for(b.gateway.cancel(record()), 3600)
        return b.clock.now_ns() - START_NS

    assert on_bench(work, Venue(delays_s={"cancel_order": 10**6})) == TIMEOUT_NS


@pytest.mark.parametrize("error", [None, OutcomeUnknown("?"), KeyError()])
def test_the_switch_of_a_venue_is_armed_where_it_has_one(error: Exception | None) -> None:
    async def work(b: Bench) -> None:
        await b.gateway.arm(VENUE, 60 * SECOND_NS)

    venue = Venue(cancel=error)
    on_bench(work, venue)
    assert [call[:2] for call in venue.calls] == [("arm_dead_mans_switch", 60 * SECOND_NS)]
    without = Venue(capabilities=frozenset({Capability.TRADING}))
    on_bench(work, without)
    assert without.calls == []


# Reports against what we know.


def test_a_report_of_another_order_of_the_venue_is_refused() -> None:
    known = order(OrderStatus.OPEN, exchange_order_id=ExchangeOrderId("1"))
    with pytest.raises(BadResponse, match="it was 1 at the exchange and is 2 now"):
        merged(known, order(OrderStatus.FILLED, "1", exchange_order_id=ExchangeOrderId("2")))


def test_a_part_filled_order_cannot_have_been_rejected() -> None:
    with pytest.raises(BadResponse, match="partially_filled and is rejected"):
        merged(order(OrderStatus.PARTIALLY_FILLED, "0.5"), order(OrderStatus.REJECTED))


@pytest.mark.parametrize("status", [OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED, OrderStatus.CANCELLED])
def test_what_is_filled_never_shrinks(status: OrderStatus) -> None:
    known = order(OrderStatus.PARTIALLY_FILLED, "0.5", average_price=Decimal(99))
    assert merged(known, order(status, "0.3")) == known


@pytest.mark.parametrize("told", ["0", "0.5", "1"])
@pytest.mark.parametrize(
    ("known", "filled"),
    [
        (OrderStatus.FILLED, "1"),
        (OrderStatus.CANCELLED, "0"),
        (OrderStatus.CANCELLED, "0.5"),
        (OrderStatus.EXPIRED, "0"),
    ],
)
def test_a_report_from_before_the_end_takes_nothing_back(known: OrderStatus, filled: str, told: str) -> None:
    ended = order(known, filled, exchange_order_id=ExchangeOrderId("1"))
    after = merged(ended, order(OrderStatus.OPEN, told))
    assert (after.status, after.exchange_order_id) == (known, ended.exchange_order_id)
    assert after.filled_quantity == max(Decimal(filled), Decimal(told)), "a fill may be reported after the end"


def test_a_report_of_an_open_order_that_has_filled_meanwhile_takes_nothing_back() -> None:
    known = order(OrderStatus.PARTIALLY_FILLED, "0.5", exchange_order_id=ExchangeOrderId("1"))
    assert merged(known, order(OrderStatus.OPEN)) == known
    assert merged(known, order(OrderStatus.OPEN, "0.5")) == known
    assert merged(known, order(OrderStatus.OPEN, "0.7")).filled_quantity == Decimal("0.7")


@pytest.mark.parametrize("status", [OrderStatus.OPEN, OrderStatus.FILLED, OrderStatus.CANCELLED])
@pytest.mark.parametrize("known", [OrderStatus.SUBMITTED, OrderStatus.IN_DOUBT, OrderStatus.OPEN])
def test_no_order_is_filled_by_more_than_was_ordered(known: OrderStatus, status: OrderStatus) -> None:
    with pytest.raises(BadResponse, match=r"1\.1 of it are filled, and 1 were ordered"):
        merged(order(known), order(status, "1.1"))
