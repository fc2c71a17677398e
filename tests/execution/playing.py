"""A hedge, its record and its markets without a venue: what the decision of the next step is played through with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

from arb.execution import ExecutionPolicy
from arb.execution._building import entry_order, new_record
from arb.execution._legs import with_fills
from arb.execution._next_step import Situation, next_step
from arb.execution._steps import LegQuote, NextStep, PlannedOrder, Send
from arb.model import (
    SECOND_NS,
    ZERO,
    BookLevel,
    EntryPolicy,
    ExchangeOrderId,
    Fill,
    FillId,
    Hedge,
    HedgeId,
    HedgeStatus,
    Instrument,
    InstrumentId,
    Leg,
    Liquidity,
    OrderBook,
    OrderMode,
    OrderPurpose,
    OrderRecord,
    OrderStatus,
    PositionSide,
    Side,
)
from arb.testing import START_NS, sample_instrument

POLICY: Final = ExecutionPolicy()
BOOK_SIZE: Final = Decimal(10**6)


def quote(instrument: Instrument, price: Decimal, *, spread_bps: int = 2, usd: Decimal | None = Decimal(1)) -> LegQuote:
    """Return a market with one deep level on each side."""
    half = price * spread_bps / 20_000
    book = OrderBook(
        instrument=instrument.id,
        bids=(BookLevel(price - half, BOOK_SIZE),),
        asks=(BookLevel(price + half, BOOK_SIZE),),
        sequence=1,
        ts_event_ns=START_NS,
        ts_init_ns=START_NS,
    )
    return LegQuote(
        instrument=instrument,
        book=book,
        mid_price=price,
        mid_usd=None if usd is None else price * usd,
        fee=instrument.fees.taker,
    )


@dataclass(repr=False)
class Play:
    """A hedge, its record and its markets, which a test moves on.

    Attributes:
        steps: How many decisions were asked for.
    """

    hedge: Hedge
    instruments: dict[InstrumentId, Instrument]
    quotes: dict[int, LegQuote]
    records: list[OrderRecord] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    now_ns: int = START_NS
    may_open: bool = True
    pilot: int = 0
    steps: int = 0

    def __repr__(self) -> str:
        legs = ", ".join(
            f"{leg.side} {leg.target_quantity} x {leg.multiplier} (+{leg.entry_quantity} -{leg.exit_quantity})"
            for leg in self.hedge.legs
        )
        orders = ", ".join(
            f"{one.leg_index}: {one.purpose} {one.mode} {one.order.filled_quantity}/{one.order.request.quantity} "
            f"{one.order.status}"
            for one in self.records
        )
        entry = self.hedge.entry
        return f"<{self.hedge.status} {entry.mode} {entry.leg_order} pilot {self.pilot}: {legs}; orders {orders}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))  # hypothesis would show every field

    def instrument(self, index: int) -> Instrument:
        return self.instruments[self.hedge.legs[index].instrument]

    def decide(self) -> NextStep:
        self.steps += 1
        return next_step(
            Situation(
                hedge=self.hedge,
                records=self.records,
                instruments=self.instruments,
                quotes=self.quotes,
                policy=POLICY,
                now_ns=self.now_ns,
                may_open=self.may_open,
                pilot=self.pilot,
            )
        )

    def send(self, planned: PlannedOrder, status: OrderStatus, filled: Decimal) -> None:
        """Record an order with its outcome."""
        record = new_record(
            self.hedge, planned, self.instrument(planned.leg_index), self.quotes[planned.leg_index], now_ns=self.now_ns
        )
        self.records.append(replace(record, order=replace(record.order, status=status)))
        self.fill(len(self.records) - 1, filled, status)

    def fill(self, number: int, quantity: Decimal, status: OrderStatus) -> None:
        """Let an order of the record fill some more."""
        record = self.records[number]
        total = record.order.filled_quantity + quantity
        self.records[number] = replace(record, order=replace(record.order, status=status, filled_quantity=total))
        if quantity:
            request = record.order.request
            self.fills.append(
                Fill(
                    fill_id=FillId(f"f{len(self.fills)}"),
                    client_order_id=request.client_order_id,
                    exchange_order_id=ExchangeOrderId("o"),
                    instrument=request.instrument,
                    side=request.side,
                    price=request.price,
                    quantity=quantity,
                    fee=ZERO,
                    fee_currency="USDC",
                    liquidity=Liquidity.TAKER,
                    ts_event_ns=self.now_ns,
                )
            )
            self.hedge = with_fills(self.hedge, self.records, self.fills)


def play(
    *sides_and_targets: str,
    status: HedgeStatus = HedgeStatus.OPENING,
    entry: EntryPolicy | None = None,
    filled: Sequence[str] | None = None,
) -> Play:
    """Return a play of signed legs of BTC at 50 000; `filled` is what each entry has filled already."""
    instruments = [sample_instrument(f"v{index}", "BTC") for index in range(len(sides_and_targets))]
    legs = tuple(
        Leg(
            instrument=instrument.id,
            side=PositionSide.SHORT if target.startswith("-") else PositionSide.LONG,
            target_quantity=abs(Decimal(target)),
            multiplier=instrument.multiplier,
        )
        for instrument, target in zip(instruments, sides_and_targets, strict=True)
    )
    hedge = Hedge(
        id=HedgeId("h"),
        strategy="s",
        base="BTC",
        legs=legs,
        status=HedgeStatus.OPENING,
        created_ns=START_NS,
        max_slippage_bps=Decimal(10),
        entry_reason="",
        entry=entry or EntryPolicy(),
    )
    made = Play(
        hedge=hedge,
        instruments={one.id: one for one in instruments},
        quotes={index: quote(one, Decimal(50_000)) for index, one in enumerate(instruments)},
    )
    for index, quantity in enumerate(filled or ()):
        made.send(entry_order(made.hedge, index, OrderMode.MARKET), OrderStatus.CANCELLED, Decimal(quantity))
    if status is not HedgeStatus.OPENING:
        made.now_ns += 10 * SECOND_NS
        made.hedge = replace(
            made.hedge,
            status=status,
            opened_ns=START_NS,
            closing_ns=made.now_ns if status is HedgeStatus.CLOSING else None,
            repairing_ns=made.now_ns if status is HedgeStatus.REPAIRING else None,
        )
    return made


def sent(step: NextStep) -> list[tuple[int, OrderPurpose, Side, Decimal]]:
    """Return the orders of a step."""
    assert isinstance(step, Send), step
    return [(one.leg_index, one.purpose, one.side, one.quantity) for one in step.orders]
