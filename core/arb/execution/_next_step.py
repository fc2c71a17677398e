"""The next safe step of a hedge whose orders are all final: one pure function, no memory.

Normal running, repair of a one-sided fill and recovery after a crash are the same question asked of
the same record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from arb.model import ZERO, Hedge, HedgeStatus, Instrument, InstrumentId, OrderPurpose, OrderRecord, OrderStatus, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairPolicy:
    """How far repairs may go.

    Attributes:
        max_attempts: Orders of one leg beyond the first that reach the venue before a person is asked.
        calm_attempts: Orders of each leg after which an exit is given up while the legs still balance:
            nothing is urgent then, and the strategy decides again.
        max_band_bps: Widest price band; each further attempt doubles the hedge's own bound.
        retry_delay_ns: Between two attempts.
    """

    max_attempts: int = 6
    calm_attempts: int = 2
    max_band_bps: Decimal = Decimal(300)
    retry_delay_ns: int = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOrder:
    """An order to be sent next; its price is set when it is prepared."""

    leg_index: int
    side: Side
    quantity: Decimal
    purpose: OrderPurpose
    attempt: int
    band_bps: Decimal

    @property
    def reduce_only(self) -> bool:
        """Whether it may only close."""
        return self.purpose in (OrderPurpose.UNWIND, OrderPurpose.EXIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """The hedge is where it should be; `note` says what was left over, if anything."""

    status: HedgeStatus
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """These orders leave together."""

    orders: tuple[PlannedOrder, ...]
    is_retry: bool


NextStep = Settle | Send


def next_step(
    hedge: Hedge,
    records: Sequence[OrderRecord],
    instruments: Mapping[InstrumentId, Instrument],
    policy: RepairPolicy,
) -> NextStep:
    """Return what to do now. Every order in `records` is final and its fills are in `hedge`.

    Raises:
        ValueError: the hedge is not being opened or closed.
    """
    if hedge.status is HedgeStatus.OPENING:
        return _next_opening(hedge, records, instruments, policy)
    if hedge.status is HedgeStatus.CLOSING:
        return _next_closing(hedge, records, instruments, policy)
    raise ValueError(f"hedge {hedge.id} is {hedge.status}: there is nothing to do")


def _next_opening(
    hedge: Hedge,
    records: Sequence[OrderRecord],
    instruments: Mapping[InstrumentId, Instrument],
    policy: RepairPolicy,
) -> NextStep:
    common = min(abs(leg.base_quantity) for leg in hedge.legs)
    excess = [_tradable(instruments[leg.instrument], abs(leg.base_quantity) - common) for leg in hedge.legs]
    if any(excess):
        return _send(hedge, records, excess, OrderPurpose.UNWIND, policy)
    if common > 0:
        return Settle(status=HedgeStatus.OPEN, note=_leftover(hedge))
    return _ended(hedge, HedgeStatus.ABANDONED)


def _next_closing(
    hedge: Hedge,
    records: Sequence[OrderRecord],
    instruments: Mapping[InstrumentId, Instrument],
    policy: RepairPolicy,
) -> NextStep:
    rest = [_tradable(instruments[leg.instrument], leg.open_quantity * leg.multiplier) for leg in hedge.legs]
    # An exit that was tried before and given up does not count against this one.
    recent = [record for record in records if hedge.closing_ns is None or record.created_ns >= hedge.closing_ns]
    if not any(rest):
        return _ended(hedge, HedgeStatus.CLOSED)
    tries = sum(record.purpose is OrderPurpose.EXIT for record in recent)
    if hedge.imbalance == 0 and tries >= policy.calm_attempts * len(hedge.legs):
        return Settle(status=HedgeStatus.OPEN, note="no leg could be closed within the slippage bound")
    return _send(hedge, records, rest, OrderPurpose.EXIT, policy)


def _ended(hedge: Hedge, status: HedgeStatus) -> Settle:
    """Return the end of a hedge; what is too little to trade is still a position that somebody has to know of."""
    if hedge.is_flat:
        return Settle(status=status)
    held = ", ".join(f"{leg.open_quantity} {leg.instrument}" for leg in hedge.legs if leg.open_quantity)
    return Settle(status=HedgeStatus.HALTED, note=f"{held} is left, too little to trade; close it at the venue")


def _tradable(instrument: Instrument, base: Decimal) -> Decimal:
    """Return the contracts of `base` units that an order can carry; zero when it is less than the minimum."""
    quantity = instrument.floor_quantity(base / instrument.multiplier)
    return quantity if quantity >= max(instrument.min_quantity, instrument.lot_size) else ZERO


def _send(
    hedge: Hedge,
    records: Sequence[OrderRecord],
    quantities: Sequence[Decimal],
    purpose: OrderPurpose,
    policy: RepairPolicy,
) -> NextStep:
    orders = []
    retry = False
    for index, (leg, quantity) in enumerate(zip(hedge.legs, quantities, strict=True)):
        if not quantity:
            continue
        earlier = [record for record in records if record.leg_index == index]
        since = hedge.closing_ns if purpose is OrderPurpose.EXIT and hedge.closing_ns is not None else 0
        same = [record for record in earlier if record.purpose is purpose and record.created_ns >= since]
        # What never reached the venue says nothing about it: it may be tried for as long as it takes.
        tries = sum(record.order.status is not OrderStatus.NOT_SENT for record in same)
        if tries >= policy.max_attempts:
            return Settle(
                status=HedgeStatus.HALTED,
                note=f"{leg.instrument}: {quantity} contracts still open after {tries} {purpose} orders",
            )
        retry = retry or bool(same)
        orders.append(
            PlannedOrder(
                leg_index=index,
                side=leg.entry_side.opposite,
                quantity=quantity,
                purpose=purpose,
                attempt=max((record.attempt for record in earlier), default=-1) + 1,
                band_bps=min(hedge.max_slippage_bps * 2**tries, policy.max_band_bps),
            )
        )
    return Send(orders=tuple(orders), is_retry=retry)


def _leftover(hedge: Hedge) -> str:
    return "" if hedge.imbalance == 0 else f"{hedge.imbalance} {hedge.base} is left, too little to trade"
