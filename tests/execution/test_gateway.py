"""Venues that lie about orders: what they say is not taken for more than it proves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, cast

import pytest

from arb.api import (
    BadResponse,
    Exchange,
    ExchangeTraits,
    OutcomeUnknown,
    PreparedOrder,
    Rejected,
    Trading,
    UnknownOrder,
)
from arb.execution import Recorder
from arb.execution._gateway import OrderGateway
from arb.execution._reports import merged
from arb.model import (
    HOUR_NS,
    SECOND_NS,
    ClientOrderId,
    ExchangeName,
    ExchangeOrderId,
    Hedge,
    HedgeId,
    HedgeStatus,
    InstrumentId,
    Leg,
    Order,
    OrderPurpose,
    OrderRecord,
    OrderRequest,
    OrderStatus,
    PositionSide,
    Side,
)
from arb.simulation._clock import VirtualClock
from arb.simulation._loop import run_virtual
from arb.storage import Journal
from arb.testing import START_NS
from arb.testing._fakes_storage import MemoryStorage

BTC = InstrumentId("BTC-PERP.venue")
REQUEST = OrderRequest(
    client_order_id=ClientOrderId("h-0-0"), instrument=BTC, side=Side.BUY, quantity=Decimal(1), price=Decimal(100)
)


def order(status: OrderStatus, filled: str = "0", **changes: Any) -> Order:
    return replace(
        Order(request=REQUEST, status=status, filled_quantity=Decimal(filled), ts_event_ns=START_NS), **changes
    )


@dataclass
class Venue:
    """Answers from a script; an exception in it is raised, and the last line is repeated."""

    reads: list[object] = field(default_factory=list)
    cancel: BaseException | None = None
    answer: object = None
    prepared: object = None
    name: str = "venue"
    traits: ExchangeTraits = field(default_factory=lambda: ExchangeTraits(read_after_write_ns=0))
    cancels: int = 0

    @property
    def trading(self) -> Trading:
        return cast("Trading", self)

    async def prepare_order(self, request: OrderRequest) -> object:
        return self.prepared

    async def send_order(self, prepared: PreparedOrder) -> object:
        return self.answer

    async def cancel_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> None:
        self.cancels += 1
        if self.cancel is not None:
            raise self.cancel

    async def fetch_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> object:
        told = self.reads.pop(0) if len(self.reads) > 1 else self.reads[0]
        if isinstance(told, BaseException):
            raise told
        return told


def at(venue: Venue, work: Callable[[OrderGateway, OrderRecord], Awaitable[Any]], status: OrderStatus) -> Any:
    """Do `work` with a gateway to the venue and a stored order."""

    async def main() -> Any:
        clock = VirtualClock.of_running_loop()
        journal = await Journal.open(MemoryStorage())
        recorder = Recorder(journal, clock, lambda event: None)
        record = OrderRecord(
            order=order(status),
            hedge_id=HedgeId("h"),
            leg_index=0,
            purpose=OrderPurpose.ENTRY,
            attempt=0,
            arrival_price=Decimal(100),
            created_ns=START_NS,
        )
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
        await recorder.hedge(hedge, [record])
        gateway = OrderGateway(
            {ExchangeName("venue"): cast("Exchange", venue)},
            recorder,
            clock,
            timeout_ns=10 * SECOND_NS,
            doubt_poll_ns=SECOND_NS,
        )
        return await work(gateway, record), clock.now_ns() - START_NS

    return run_virtual(main(), start_ns=START_NS)


def resolved(venue: Venue, status: OrderStatus = OrderStatus.SUBMITTED) -> tuple[Order, int]:
    record, waited_ns = at(venue, lambda gateway, record: gateway.resolve(record), status)
    return record.order, waited_ns


def sent(venue: Venue) -> Order:
    record, _ = at(venue, lambda gateway, record: gateway.prepare_and_send(record), OrderStatus.SUBMITTED)
    return cast("OrderRecord", record).order


@pytest.mark.parametrize(
    "cancel", [UnknownOrder("gone"), Rejected("filled already"), OutcomeUnknown("?"), KeyError("x")]
)
def test_an_order_that_was_filled_while_it_was_cancelled_is_filled(cancel: Exception) -> None:
    venue = Venue([order(OrderStatus.OPEN), order(OrderStatus.FILLED, "1")], cancel=cancel)
    found, _ = resolved(venue)
    assert (found.status, found.filled_quantity) == (OrderStatus.FILLED, Decimal(1))


def test_an_order_that_was_seen_is_never_proved_absent() -> None:
    venue = Venue([order(OrderStatus.OPEN), UnknownOrder("no such order")], cancel=UnknownOrder("no such order"))
    found, _ = resolved(venue)
    assert found.status is OrderStatus.OPEN


def test_a_part_filled_order_that_the_venue_calls_open_is_cancelled() -> None:
    venue = Venue([order(OrderStatus.OPEN, "0.4"), order(OrderStatus.OPEN, "0.4"), order(OrderStatus.CANCELLED, "0.4")])
    found, _ = resolved(venue)
    assert found.status is OrderStatus.PARTIALLY_FILLED
    venue.reads = [found, order(OrderStatus.CANCELLED, "0.4")]
    found, _ = resolved(venue)
    assert (found.status, found.filled_quantity) == (OrderStatus.CANCELLED, Decimal("0.4"))


def test_the_clock_of_a_venue_is_not_waited_for() -> None:
    late = order(OrderStatus.OPEN, ts_event_ns=START_NS + 1000 * HOUR_NS)
    venue = Venue([late, late])
    found, _ = resolved(venue)
    assert found.status is OrderStatus.OPEN
    _, waited_ns = at(venue, lambda gateway, record: gateway.resolve(replace(record, order=late)), OrderStatus.OPEN)
    assert waited_ns < HOUR_NS


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
    answered = sent(Venue(answer=lie, prepared=PreparedOrder(request=REQUEST, payload=None)))
    assert answered.status is OrderStatus.IN_DOUBT
    assert answered.filled_quantity == 0
    read, _ = resolved(Venue([lie]))
    assert read.status is OrderStatus.IN_DOUBT


def test_a_report_of_another_order_of_the_venue_is_refused() -> None:
    known = order(OrderStatus.OPEN, exchange_order_id=ExchangeOrderId("1"))
    with pytest.raises(BadResponse, match="it was 1 at the exchange and is 2 now"):
        merged(known, order(OrderStatus.FILLED, "1", exchange_order_id=ExchangeOrderId("2")))


def test_a_part_filled_order_cannot_have_been_rejected() -> None:
    with pytest.raises(BadResponse, match="partially_filled and is rejected"):
        merged(order(OrderStatus.PARTIALLY_FILLED, "0.5"), order(OrderStatus.REJECTED))


@pytest.mark.parametrize(
    "made",
    [
        None,
        replace(REQUEST, quantity=Decimal(2)),
        replace(REQUEST, price=Decimal(101)),
        replace(REQUEST, side=Side.SELL),
        replace(REQUEST, reduce_only=True),
        replace(REQUEST, client_order_id=ClientOrderId("another")),
    ],
)
def test_an_order_that_was_prepared_as_another_is_not_sent(made: OrderRequest | None) -> None:
    prepared = None if made is None else PreparedOrder(request=made, payload=None)
    assert sent(Venue(prepared=prepared, answer=order(OrderStatus.FILLED, "1"))).status is OrderStatus.NOT_SENT


def test_a_plugin_may_round_down_and_to_a_better_price() -> None:
    rounded = replace(REQUEST, quantity=Decimal("0.9"), price=Decimal("99.9"))
    venue = Venue(
        prepared=PreparedOrder(request=rounded, payload=None), answer=order(OrderStatus.FILLED, "0.9", request=rounded)
    )
    assert sent(venue).filled_quantity == Decimal("0.9")
