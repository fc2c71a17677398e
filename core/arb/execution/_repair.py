"""Making unequal legs equal again by the cheaper way: finish the short leg, or take the long one back.

For any number of legs: the imbalance D is the signed sum of exposures. Whatever brings it to zero is a
candidate: reducing a leg on the heavy side, or completing one on the light side up to its target. Each
is priced by walking its book for the whole amount, with the taker fee (handbook C6).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from arb.model import ZERO, Hedge, HedgeStatus, Instrument, InstrumentId, InstrumentStatus, OrderPurpose, OrderRecord

from ._policy import ExecutionPolicy
from ._slippage import UnitCost
from ._steps import NextStep, PlannedOrder, Quotes, Send, Settle, Wait
from ._tries import Tries, tradable


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """One way to make the imbalance smaller.

    Attributes:
        cost: In dollars; None while its book is not known or empty, or only remembered.
    """

    order: PlannedOrder
    cost: UnitCost | None
    tries: int

    @property
    def rank(self) -> tuple[bool, bool, Decimal]:
        """Return the order of preference: a known cost, then the whole amount at once, then dollars per base unit.

        What the book gives only a part of leaves the rest naked, however cheap the part is.
        """
        if self.cost is None:
            return True, True, ZERO
        return False, self.cost.quantity < self.order.quantity, self.cost.per_base


def next_repair(
    hedge: Hedge,
    records: Sequence[OrderRecord],
    instruments: Mapping[InstrumentId, Instrument],
    quotes: Quotes,
    policy: ExecutionPolicy,
    *,
    may_complete: bool,
) -> NextStep | None:
    """Return the order that makes the imbalance smaller; None when no order can be that small.

    Args:
        hedge: With every fill known.
        records: Its orders, all final or resting.
        instruments: Of its legs, by their rules of now.
        quotes: Of its legs.
        policy: The budgets.
        may_complete: Whether a leg may still be made larger.
    """
    tries = Tries(hedge, records)
    candidates = list(_candidates(hedge, tries, instruments, quotes, policy, may_complete=may_complete))
    if not candidates:
        return None
    able = [one for one in candidates if one.tries < policy.max_attempts]
    if not able:
        names = ", ".join(
            f"{one.tries} {one.order.purpose} orders of {hedge.legs[one.order.leg_index].instrument}"
            for one in candidates
        )
        return Settle(status=HedgeStatus.HALTED, note=f"{hedge.imbalance} {hedge.base} is not hedged after {names}")
    priced = [one for one in able if one.order.leg_index in quotes]
    priced = [one for one in priced if quotes[one.order.leg_index].is_usable(one.tries, policy.blind_attempts)]
    if not priced:
        return Wait(why="no leg that could be traded has a price")
    best = min(priced, key=lambda one: one.rank)
    return Send(orders=(best.order,), is_retry=tries.was_tried(best.order.leg_index, best.order.purpose))


def _candidates(
    hedge: Hedge,
    tries: Tries,
    instruments: Mapping[InstrumentId, Instrument],
    quotes: Quotes,
    policy: ExecutionPolicy,
    *,
    may_complete: bool,
) -> Iterator[_Candidate]:
    excess = hedge.imbalance
    resting = {record.leg_index for record in tries.resting()}
    for index, leg in enumerate(hedge.legs):
        instrument = instruments[leg.instrument]
        heavy = leg.side.sign * excess > 0
        if heavy:
            purpose, room = OrderPurpose.UNWIND, leg.open_quantity
        else:
            purpose, room = OrderPurpose.COMPLETE, leg.target_quantity - leg.entry_quantity
            allowed = may_complete and instrument.status is InstrumentStatus.TRADING
            # A leg whose own order still rests must not grow by a second one.
            if not allowed or index in resting or tries.was_refused(index, purpose):
                continue
        quote = quotes.get(index)
        base = min(abs(excess), max(room, ZERO) * leg.multiplier)
        price = None if quote is None else quote.mid_price
        quantity = tradable(instrument, base, price, closing=heavy)
        if not quantity or (heavy and tries.too_small(index, quantity)):
            continue
        count = tries.count(index, purpose)
        order = PlannedOrder(
            leg_index=index,
            side=leg.entry_side.opposite if heavy else leg.entry_side,
            quantity=quantity,
            purpose=purpose,
            attempt=tries.next_attempt(index),
            band_bps=min(hedge.max_slippage_bps * 2**count, policy.max_band_bps),
        )
        cost = None if quote is None or quote.is_remembered else quote.cost_usd(order.side, quantity, order.band_bps)
        if not heavy and (cost is None or quote is None or not quote.is_fresh):
            continue  # nothing to complete from within the band, or no price that may open risk
        yield _Candidate(order=order, cost=cost, tries=count)
