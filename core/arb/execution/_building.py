"""Making hedges, order records and events from plans."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from arb.model import (
    Event,
    EventKind,
    Hedge,
    HedgeId,
    HedgePlan,
    HedgeStatus,
    Instrument,
    InstrumentId,
    Leg,
    Order,
    OrderMode,
    OrderPurpose,
    OrderRecord,
    OrderRequest,
    OrderStatus,
    Severity,
    TimeInForce,
)

from ._client_ids import client_order_id
from ._policy import ExecutionPolicy
from ._pricing import order_price
from ._steps import LegQuote, PlannedOrder, Settle


def new_hedge(
    plan: HedgePlan,
    instruments: Mapping[InstrumentId, Instrument],
    policy: ExecutionPolicy,
    *,
    hedge_id: HedgeId,
    strategy: str,
    now_ns: int,
) -> Hedge:
    """Return the hedge a plan asks for, with nothing filled yet."""
    return Hedge(
        id=hedge_id,
        strategy=strategy,
        base=plan.base,
        legs=tuple(
            Leg(
                instrument=leg.instrument,
                side=leg.side,
                target_quantity=leg.quantity,
                multiplier=instruments[leg.instrument].multiplier,
            )
            for leg in plan.legs
        ),
        status=HedgeStatus.OPENING,
        created_ns=now_ns,
        max_slippage_bps=plan.max_slippage_bps,
        entry_reason=plan.reason,
        entry_numbers=plan.numbers,
        entry=plan.entry or policy.entry,
    )


def entry_order(hedge: Hedge, leg_index: int, mode: OrderMode) -> PlannedOrder:
    """Return the first order of a leg of a new hedge."""
    leg = hedge.legs[leg_index]
    return PlannedOrder(
        leg_index=leg_index,
        side=leg.entry_side,
        quantity=leg.target_quantity,
        purpose=OrderPurpose.ENTRY,
        attempt=0,
        band_bps=hedge.max_slippage_bps,
        mode=mode,
    )


def new_record(
    hedge: Hedge, planned: PlannedOrder, instrument: Instrument, quote: LegQuote, *, now_ns: int
) -> OrderRecord:
    """Return the record of an order that is about to be sent: it is committed before the wire is touched."""
    rests = planned.mode.rests
    request = OrderRequest(
        client_order_id=client_order_id(hedge.id, planned.leg_index, planned.attempt),
        instrument=instrument.id,
        side=planned.side,
        quantity=planned.quantity,
        price=order_price(instrument, planned.side, planned.mode, quote, planned.band_bps),
        time_in_force=TimeInForce.GTC if rests else TimeInForce.IOC,
        post_only=planned.mode in (OrderMode.POST_ONLY, OrderMode.LIMIT_THEN_MARKET),
        reduce_only=planned.reduce_only,
    )
    return OrderRecord(
        order=Order(request=request, status=OrderStatus.SUBMITTED, ts_event_ns=now_ns),
        hedge_id=hedge.id,
        leg_index=planned.leg_index,
        purpose=planned.purpose,
        attempt=planned.attempt,
        arrival_price=quote.mid_price,
        created_ns=now_ns,
        mode=planned.mode,
        rest_until_ns=now_ns + hedge.entry.rest_ns if rests else None,
    )


def refused(plan: HedgePlan, why: str, now_ns: int) -> Event:
    """Return the event of a plan that was not carried out."""
    return Event(
        ts_ns=now_ns,
        kind=EventKind.ORDER_VETOED,
        severity=Severity.WARNING,
        subject=plan.base,
        message=f"hedge on {plan.base} not opened: {why}",
        data={"legs": ", ".join(leg.instrument for leg in plan.legs), **plan.numbers},
    )


def opening(hedge: Hedge) -> Event:
    """Return the event of an entry that begins."""
    legs = ", ".join(f"{leg.side} {leg.target_quantity} {leg.instrument}" for leg in hedge.legs)
    return Event(
        ts_ns=hedge.created_ns,
        kind=EventKind.HEDGE_OPENING,
        subject=hedge.id,
        message=f"opening {hedge.base}: {legs} ({hedge.entry_reason})",
        data=dict(hedge.entry_numbers),
    )


def closing(hedge: Hedge, now_ns: int) -> Event:
    """Return the event of an exit that begins."""
    return Event(
        ts_ns=now_ns,
        kind=EventKind.HEDGE_CLOSING,
        subject=hedge.id,
        message=f"closing {hedge.base}: {hedge.exit_reason}",
        data=dict(hedge.exit_numbers),
    )


def repairing(hedge: Hedge, why: str, now_ns: int) -> Event:
    """Return the event of a repair that begins."""
    return Event(
        ts_ns=now_ns,
        kind=EventKind.HEDGE_REPAIRING,
        severity=Severity.ALARM,
        subject=hedge.id,
        message=f"repairing {hedge.base}: {why}",
        data={"imbalance": str(hedge.imbalance)},
    )


def settled(hedge: Hedge, step: Settle, now_ns: int) -> Event:
    """Return the event of a hedge that reached a resting status."""
    kind, severity = {
        HedgeStatus.OPEN: (EventKind.HEDGE_OPENED, Severity.INFO),
        HedgeStatus.CLOSED: (EventKind.HEDGE_CLOSED, Severity.INFO),
        HedgeStatus.ABANDONED: (EventKind.HEDGE_ABANDONED, Severity.WARNING),
        HedgeStatus.HALTED: (EventKind.HEDGE_HALTED, Severity.ALARM),
    }[hedge.status]
    prices = ", ".join(
        f"{leg.instrument} {leg.side} {leg.entry_quantity} at {_rounded(leg.entry_price)}"
        + (f", out {leg.exit_quantity} at {_rounded(leg.exit_price)}" if leg.exit_quantity else "")
        for leg in hedge.legs
    )
    note = f" ({step.note})" if step.note else ""
    return Event(
        ts_ns=now_ns,
        kind=kind,
        severity=severity,
        subject=hedge.id,
        message=f"{hedge.base} is {hedge.status}: {prices}{note}",
        data={"imbalance": str(hedge.imbalance)},
    )


def _rounded(price: Decimal | None) -> str:
    """Return an average price for people; the books keep it whole."""
    return "no price" if price is None else f"{price:.8g}"
