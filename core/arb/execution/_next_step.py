"""The next safe step of a hedge: one pure function of the record, the quotes and the time.

Normal running, repair of a one-sided fill and recovery after a crash are the same question asked of
the same record. Every order in the record is final, or rests in a book as far as the venue told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from arb.model import (
    ZERO,
    Hedge,
    HedgeStatus,
    Instrument,
    InstrumentId,
    LegOrder,
    OrderMode,
    OrderPurpose,
    OrderRecord,
    OrderStatus,
)

from ._policy import ExecutionPolicy
from ._repair import next_repair
from ._steps import Cancel, NextStep, PlannedOrder, Quotes, Send, Settle, Wait
from ._tries import Tries, tradable


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything the next step depends on.

    Attributes:
        quotes: Of the legs with a usable book.
        pilot: The leg that leaves first, where the legs do not leave together.
        may_open: Whether legs may be made larger: no halt stands and the exposure is within its budget.
    """

    hedge: Hedge
    records: Sequence[OrderRecord]
    instruments: Mapping[InstrumentId, Instrument]
    quotes: Quotes
    policy: ExecutionPolicy
    now_ns: int
    may_open: bool
    pilot: int = 0


def next_step(at: Situation) -> NextStep:
    """Return what to do now.

    Raises:
        ValueError: the hedge is at rest.
    """
    if at.hedge.status is HedgeStatus.OPENING:
        return _next_opening(at)
    if at.hedge.status is HedgeStatus.CLOSING:
        return _next_closing(at)
    if at.hedge.status is HedgeStatus.REPAIRING:
        return _repaired(at, may_complete=False, otherwise=HedgeStatus.CLOSED)
    raise ValueError(f"hedge {at.hedge.id} is {at.hedge.status}: there is nothing to do")


def _next_opening(at: Situation) -> NextStep:
    tries = Tries(at.hedge, at.records)
    over = [
        record.leg_index
        for record in tries.resting()
        if not at.may_open or (record.rest_until_ns is not None and record.rest_until_ns <= at.now_ns)
    ]
    if over:
        return Cancel(leg_indices=tuple(over))
    if at.hedge.entry.leg_order is LegOrder.PILOT_FIRST and at.may_open:
        planned = _follow_pilot(at, tries) or _rest_of_pilot(at, tries)
        if planned is not None:
            return planned
    if tries.resting():
        return _beside_resting(at, tries)
    return _repaired(at, may_complete=at.may_open, otherwise=HedgeStatus.ABANDONED)


def _beside_resting(at: Situation, tries: Tries) -> Cancel | Wait:
    """Stop a pilot that goes on filling while the others cannot follow; else let it rest."""
    if _others_lag(at):
        return Cancel(leg_indices=tuple(record.leg_index for record in tries.resting()))
    return Wait(why="an order rests")


def _others_lag(at: Situation) -> bool:
    """Whether a light leg has a shortfall that an order could fill."""
    for index, leg in enumerate(at.hedge.legs):
        quote = at.quotes.get(index)
        price = None if quote is None else quote.mid_price
        light = leg.side.sign * at.hedge.imbalance < 0
        if light and tradable(at.instruments[leg.instrument], abs(at.hedge.imbalance), price, closing=False):
            return True
    return False


def _follow_pilot(at: Situation, tries: Tries) -> Send | None:
    """Return the first orders of the other legs for what the pilot has filled since the last ones."""
    pilot, excess = at.hedge.legs[at.pilot], at.hedge.imbalance
    orders, added = [], ZERO
    for index, leg in enumerate(at.hedge.legs):
        quote = at.quotes.get(index)
        if index == at.pilot or quote is None or not quote.is_fresh or tries.was_refused(index, OrderPurpose.ENTRY):
            continue
        target = leg.target_quantity * leg.multiplier
        # The pilot's base units cancel only when they are divided last: a whole pilot is a whole target.
        wanted = pilot.entry_quantity * target / pilot.target_quantity
        base = wanted - tries.requested(index, OrderPurpose.ENTRY) * leg.multiplier
        quantity = tradable(at.instruments[leg.instrument], base, quote.mid_price, closing=False) if base > 0 else ZERO
        if quantity:
            orders.append(_entry(at, tries, index, quantity, OrderMode.MARKET))
            added += quantity * leg.multiplier * leg.side.sign
    if not orders or abs(excess + added) >= abs(excess):
        return None  # what cannot be answered on the other side makes nothing more equal
    waits = any(tries.could_not_leave(one.leg_index, OrderPurpose.ENTRY) for one in orders)
    return Send(orders=tuple(orders), is_retry=waits)


def _rest_of_pilot(at: Situation, tries: Tries) -> Send | None:
    """Return the taking order for what a pilot that rested in vain has left, where its mode asks for it.

    A pilot that was called back because the others could not follow is not made larger.
    """
    leg, quote = at.hedge.legs[at.pilot], at.quotes.get(at.pilot)
    if at.hedge.entry.mode is not OrderMode.LIMIT_THEN_MARKET or tries.resting() or _others_lag(at):
        return None
    pilots = [one for one in at.records if one.leg_index == at.pilot and one.purpose is OrderPurpose.ENTRY]
    rested = [one for one in pilots if one.rest_until_ns is not None]
    in_vain = any(one.order.status is OrderStatus.REJECTED or (one.rest_until_ns or 0) <= at.now_ns for one in rested)
    taken = any(one.rest_until_ns is None and one.order.status is not OrderStatus.NOT_SENT for one in pilots)
    left = leg.target_quantity - leg.entry_quantity
    if not in_vain or taken or left <= 0 or quote is None or not quote.is_fresh:
        return None
    instrument = at.instruments[leg.instrument]
    quantity = tradable(instrument, left * leg.multiplier, quote.mid_price, closing=False)
    if not quantity:
        return None
    waits = tries.could_not_leave(at.pilot, OrderPurpose.ENTRY)
    return Send(orders=(_entry(at, tries, at.pilot, quantity, OrderMode.MARKET),), is_retry=waits)


def _entry(at: Situation, tries: Tries, index: int, quantity: Decimal, mode: OrderMode) -> PlannedOrder:
    return PlannedOrder(
        leg_index=index,
        side=at.hedge.legs[index].entry_side,
        quantity=quantity,
        purpose=OrderPurpose.ENTRY,
        attempt=tries.next_attempt(index),
        band_bps=at.hedge.max_slippage_bps,
        mode=mode,
    )


def _repaired(at: Situation, *, may_complete: bool, otherwise: HedgeStatus) -> NextStep:
    """Make the legs equal; then the hedge is OPEN, or `otherwise` when it holds nothing worth the name."""
    if at.hedge.imbalance:
        repair = next_repair(at.hedge, at.records, at.instruments, at.quotes, at.policy, may_complete=may_complete)
        if repair is not None:
            return repair
    if {leg.side for leg in at.hedge.legs if leg.open_quantity > 0} == {leg.side for leg in at.hedge.legs}:
        return Settle(status=HedgeStatus.OPEN, note=_leftover(at.hedge))
    if at.hedge.status is HedgeStatus.REPAIRING and at.hedge.opened_ns is None:
        otherwise = HedgeStatus.ABANDONED
    return _ended(at.hedge, otherwise)


def _next_closing(at: Situation) -> NextStep:
    tries = Tries(at.hedge, at.records)
    if tries.resting():
        return Cancel(leg_indices=tuple(record.leg_index for record in tries.resting()))
    balanced = _is_balanced(at)
    counts = [tries.count(index, OrderPurpose.EXIT) for index in range(len(at.hedge.legs))]
    # While nothing presses, a price that cannot be read any more is none.
    most = 0 if balanced else at.policy.blind_attempts
    at = replace(at, quotes={key: quote for key, quote in at.quotes.items() if quote.is_usable(counts[key], most)})
    rest = [_closable(at, tries, index) for index in range(len(at.hedge.legs))]
    if not any(rest):
        return _ended(at.hedge, HedgeStatus.CLOSED)
    missing = [
        leg.instrument
        for index, leg in enumerate(at.hedge.legs)
        if rest[index] and (index not in at.quotes or at.quotes[index].is_remembered)
    ]
    if balanced:
        if min(counts) >= at.policy.calm_attempts or at.now_ns - at.hedge.phase_ns > at.policy.calm_wait_ns:
            why = f": {', '.join(missing)} has no price" if missing else " within the slippage bound"
            return Settle(status=HedgeStatus.OPEN, note=f"no leg could be closed{why}")
        if missing:  # closing one leg alone would make a naked one of the other
            return Wait(why=f"{', '.join(missing)} has no price")
        far = [leg.instrument for index, leg in enumerate(at.hedge.legs) if rest[index] and _is_out_of_reach(at, index)]
        if far:
            return Wait(why=f"{', '.join(far)} offers nothing within the slippage bound")
    spent = [
        f"{leg.instrument}: {rest[index]} contracts still open after {counts[index]} exit orders"
        for index, leg in enumerate(at.hedge.legs)
        if rest[index] and counts[index] >= at.policy.max_attempts
    ]
    if spent:
        return Settle(status=HedgeStatus.HALTED, note="; ".join(spent))
    orders = [
        PlannedOrder(
            leg_index=index,
            side=leg.entry_side.opposite,
            quantity=quantity,
            purpose=OrderPurpose.EXIT,
            attempt=tries.next_attempt(index),
            band_bps=min(at.hedge.max_slippage_bps * 2 ** counts[index], at.policy.max_band_bps),
        )
        for index, leg in enumerate(at.hedge.legs)
        if (quantity := _exit_quantity(at, rest[index], index, is_partial=bool(missing)))
    ]
    if not orders:
        return Wait(why=f"{', '.join(missing)} has no price")
    retry = any(tries.was_tried(one.leg_index, OrderPurpose.EXIT) for one in orders)
    return Send(orders=tuple(orders), is_retry=retry, all_or_none=balanced)


def _is_out_of_reach(at: Situation, index: int) -> bool:
    """Whether the book of a leg has nothing within the widest band that an exit tries while the legs balance."""
    widest = min(at.hedge.max_slippage_bps * 2 ** (at.policy.calm_attempts - 1), at.policy.max_band_bps)
    return not at.quotes[index].offers(at.hedge.legs[index].entry_side.opposite, widest)


def _is_balanced(at: Situation) -> bool:
    """Whether the legs are as equal as orders can make them."""
    excess = at.hedge.imbalance
    return not any(
        tradable(at.instruments[leg.instrument], abs(excess), None, closing=True)
        for leg in at.hedge.legs
        if leg.side.sign * excess > 0
    )


def _exit_quantity(at: Situation, rest: Decimal, index: int, *, is_partial: bool) -> Decimal:
    """Return what a leg sends now: all of it, or only its excess while another leg cannot send."""
    if index not in at.quotes or not rest:
        return ZERO
    if not is_partial:
        return rest
    leg = at.hedge.legs[index]
    if leg.side.sign * at.hedge.imbalance <= 0:
        return ZERO
    excess = tradable(at.instruments[leg.instrument], abs(at.hedge.imbalance), None, closing=True)
    return min(rest, excess)


def _closable(at: Situation, tries: Tries, index: int) -> Decimal:
    leg, quote = at.hedge.legs[index], at.quotes.get(index)
    price = None if quote is None else quote.mid_price
    quantity = tradable(at.instruments[leg.instrument], leg.open_quantity * leg.multiplier, price, closing=True)
    return ZERO if tries.too_small(index, quantity) else quantity


def _ended(hedge: Hedge, status: HedgeStatus) -> Settle:
    """Return the end of a hedge; what no order can be small enough for is declared as dust."""
    if hedge.is_flat:
        return Settle(status=status)
    held = ", ".join(f"{leg.open_quantity} {leg.instrument}" for leg in hedge.legs if leg.open_quantity)
    return Settle(status=status, note=f"{held} is left, too little to trade")


def _leftover(hedge: Hedge) -> str:
    return "" if hedge.imbalance == 0 else f"{hedge.imbalance} {hedge.base} is left, too little to trade"
