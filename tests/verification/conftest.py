"""A made-up history, told to an auditor step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from arb.model import (
    SECOND_NS,
    ZERO,
    ClientOrderId,
    Event,
    EventKind,
    ExchangeOrderId,
    Fill,
    FillId,
    Hedge,
    HedgeId,
    HedgeStatus,
    Leg,
    Liquidity,
    Order,
    OrderPurpose,
    OrderRecord,
    OrderRequest,
    OrderStatus,
    PositionSide,
    Severity,
    Side,
)
from arb.risk import EVERYTHING, Halt
from arb.testing import START_NS, sample_instrument
from arb.verification import Auditor, AuditRules, Changes, Code, Sight

PRICE = Decimal(50_000)
TARGET = Decimal("0.1")
HEDGE = HedgeId("h")
LISTED = {one.id: one for one in (sample_instrument("left"), sample_instrument("right"))}
LEFT, RIGHT = LISTED
PROCESS = "sim:1"


class Story:
    """A made-up history, told to an auditor step by step."""

    def __init__(self) -> None:
        self.now_ns = START_NS
        self.halts: list[Halt] = []
        self.readable_since_ns = 0
        sight = Sight(
            now_ns=lambda: self.now_ns,
            instrument=LISTED.__getitem__,
            usd_per_base=lambda _instrument: PRICE,
            halts=lambda: self.halts,
            readable_since_ns=lambda _exchange: self.readable_since_ns,
        )
        self.auditor = Auditor(7, START_NS, sight, AuditRules())
        self.auditor.process_started(PROCESS)
        self.auditor.process_ready(PROCESS)
        self._fills = 0

    def wait(self, seconds: int) -> None:
        self.now_ns += seconds * SECOND_NS

    def commit(self, *, hedge: Hedge | None = None, orders: Sequence[OrderRecord] = (), **more: Any) -> None:
        hedges = () if hedge is None else (hedge,)
        self.auditor.committed(PROCESS, Changes(hedges=hedges, orders=tuple(orders), **more))

    def alarm(self) -> None:
        event = Event(
            ts_ns=self.now_ns, kind=EventKind.HEDGE_HALTED, subject=HEDGE, message="halted", severity=Severity.ALARM
        )
        self.commit(events=(event,))

    def halt(self, subject: str = "") -> None:
        self.auditor.halts_change()
        self.halts.append(
            Halt(
                halt_id=1,
                scope=EVERYTHING,
                reason="test",
                raised_ns=self.now_ns,
                raised_by="somebody",
                subject=subject,
            )
        )

    def lift(self) -> None:
        self.auditor.halts_lift(self.halts)
        self.halts.clear()

    def force(self, prefix: str, index: int, quantity: Decimal) -> OrderRecord:
        """Let the venue reduce a leg by itself, and return how a process is to record that."""
        own = new_order(index, OrderPurpose.FORCED)
        request = replace(own.order.request, client_order_id=ClientOrderId(f"{prefix}1"), quantity=quantity)
        forced = replace(own, order=replace(own.order, request=request))
        self.execute(forced)
        return done(forced, OrderStatus.FILLED, quantity)

    def execute(self, record: OrderRecord, quantity: Decimal | None = None, *, fill_id: str = "") -> None:
        """Let the venue execute an order that arrived, all of it or some."""
        request = record.order.request
        filled = request.quantity if quantity is None else quantity
        self._fills += 1
        fill = Fill(
            fill_id=FillId(fill_id or str(self._fills)),
            client_order_id=request.client_order_id,
            exchange_order_id=ExchangeOrderId("1"),
            instrument=request.instrument,
            side=request.side,
            price=request.price,
            quantity=filled,
            fee=ZERO,
            fee_currency="USDC",
            liquidity=Liquidity.TAKER,
            ts_event_ns=self.now_ns,
        )
        status = OrderStatus.FILLED if filled == request.quantity else OrderStatus.CANCELLED
        self.auditor.records(str(LISTED[request.instrument].exchange), [fill, done(record, status, filled).order])

    @property
    def codes(self) -> set[Code]:
        return {violation.code for violation in self.auditor.violations}


def new_hedge(status: HedgeStatus = HedgeStatus.OPENING, **changes: Any) -> Hedge:
    legs = tuple(
        Leg(instrument=name, side=side, target_quantity=TARGET, multiplier=Decimal(1))
        for name, side in ((LEFT, PositionSide.LONG), (RIGHT, PositionSide.SHORT))
    )
    hedge = Hedge(
        id=HEDGE,
        strategy="carry",
        base="BTC",
        legs=legs,
        status=status,
        created_ns=START_NS,
        max_slippage_bps=Decimal(20),
        entry_reason="test",
    )
    return replace(hedge, **changes)


def new_order(index: int, purpose: OrderPurpose = OrderPurpose.ENTRY, attempt: int = 0, **changes: Any) -> OrderRecord:
    opening = purpose.opens_risk
    side = Side.BUY if (index == 0) is opening else Side.SELL
    request = OrderRequest(
        client_order_id=ClientOrderId(f"{HEDGE}-{index}-{attempt}"),
        instrument=(LEFT, RIGHT)[index],
        side=side,
        quantity=TARGET,
        price=PRICE,
        reduce_only=not opening,
    )
    return OrderRecord(
        order=Order(request=replace(request, **changes), status=OrderStatus.SUBMITTED, ts_event_ns=START_NS),
        hedge_id=HEDGE,
        leg_index=index,
        purpose=purpose,
        attempt=attempt,
        arrival_price=PRICE,
        created_ns=START_NS,
    )


def done(record: OrderRecord, status: OrderStatus, filled: Decimal = ZERO) -> OrderRecord:
    return replace(record, order=replace(record.order, status=status, filled_quantity=filled))


def sent(story: Story, record: OrderRecord) -> None:
    story.auditor.sent(PROCESS, record.order.request)
    story.auditor.arrived(record.order.request)


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def opened(story: Story) -> Story:
    """Both legs are filled and the hedge is open."""
    entries = [new_order(index) for index in (0, 1)]
    story.commit(hedge=new_hedge(), orders=entries)
    for entry in entries:
        sent(story, entry)
        story.execute(entry)
    story.commit(hedge=new_hedge(HedgeStatus.OPEN), orders=[done(one, OrderStatus.FILLED, TARGET) for one in entries])
    return story


def one_leg_filled(story: Story) -> None:
    entry = new_order(0)
    story.commit(hedge=new_hedge(), orders=[entry])
    sent(story, entry)
    story.wait(60)  # a new process has its time to look around
    story.execute(entry)
    story.commit(orders=[done(entry, OrderStatus.FILLED, TARGET)])
