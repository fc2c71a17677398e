"""Checks of a plan's legs alone: are they a hedge, may they be traded, what are they worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from arb.model import BPS, ZERO, HedgePlan, InstrumentStatus, PositionSide

from ._exposure import PlannedSize
from ._inputs import PricedLeg, known_price
from ._limits import Refusal, RefusalCode, RiskLimits


def shape_refusals(plan: HedgePlan, legs: Sequence[PricedLeg]) -> Iterator[Refusal]:
    """Yield why the legs are no hedge, or not the plan's."""
    if not _are_the_plans(plan, legs) or {leg.side for leg in plan.legs} != set(PositionSide):
        yield Refusal(code=RefusalCode.NOT_NEUTRAL, subject=plan.base)
        return
    imbalance = abs(sum((leg.base_quantity for leg in legs), ZERO))
    # Half of the coarsest step: what no order on any leg could make smaller (handbook C6).
    tolerance = max(leg.instrument.lot_size * leg.instrument.multiplier for leg in legs) / 2
    if imbalance > tolerance:
        yield Refusal(code=RefusalCode.NOT_NEUTRAL, subject=plan.base, value=imbalance, limit=tolerance)


def _are_the_plans(plan: HedgePlan, legs: Sequence[PricedLeg]) -> bool:
    if len(legs) < 2 or len(legs) != len(plan.legs) or len({leg.instrument.id for leg in legs}) < len(legs):
        return False
    return all(
        leg.instrument.id == planned.instrument
        and leg.quantity == planned.quantity
        and leg.quantity.is_finite()
        and leg.quantity > 0
        and leg.base_quantity == leg.quantity * leg.instrument.multiplier * planned.side.sign
        for leg, planned in zip(legs, plan.legs, strict=True)
    )


def leg_refusals(legs: Sequence[PricedLeg], limits: RiskLimits, oldest_ns: int) -> Iterator[Refusal]:
    """Yield which legs cannot be traded, have no price now, or are quoted in a currency that left the dollar."""
    for leg in legs:
        subject = leg.instrument.id
        if leg.instrument.status is not InstrumentStatus.TRADING:
            yield Refusal(code=RefusalCode.NOT_TRADING, subject=subject, note=str(leg.instrument.status))
        if known_price(leg.mid_usd, oldest_ns) is None:
            yield Refusal(code=RefusalCode.PRICE_UNKNOWN, subject=subject)
        rate = known_price(leg.quote_usd)
        if rate is None:
            yield Refusal(code=RefusalCode.QUOTE_UNKNOWN, subject=leg.instrument.quote)
        elif (gap_bps := abs(rate - 1) / BPS) > limits.max_depeg_bps:
            limit = limits.max_depeg_bps
            yield Refusal(code=RefusalCode.DEPEG, subject=leg.instrument.quote, value=gap_bps, limit=limit)


def sized(legs: Sequence[PricedLeg], oldest_ns: int) -> tuple[PlannedSize, ...]:
    """Return the legs with their sizes in dollars; fewer than given where a price is not known."""
    found = ((leg, known_price(leg.mid_usd, oldest_ns), known_price(leg.quote_usd)) for leg in legs)
    return tuple(
        PlannedSize(leg, leg.quantity * mid, quote)
        for leg, mid, quote in found
        if mid is not None and quote is not None
    )


def divergence_refusals(plan: HedgePlan, sizes: Sequence[PlannedSize], limits: RiskLimits) -> Iterator[Refusal]:
    """Yield how far the venues disagree: by their mid prices, and by their mark prices where all publish one.

    A mark price has the age of the statistics it comes with; one that is stale compares nothing.
    """
    mids = [one.notional_usd / one.leg.quantity / one.leg.instrument.multiplier for one in sizes]
    yield from _gap(RefusalCode.PRICE_DIVERGENCE, plan, mids, limits)
    marks = [known_price(one.leg.mark_usd) for one in sizes]
    per_base = [
        mark / one.leg.instrument.multiplier for mark, one in zip(marks, sizes, strict=True) if mark is not None
    ]
    if len(per_base) == len(sizes):
        yield from _gap(RefusalCode.MARK_DIVERGENCE, plan, per_base, limits)


def _gap(code: RefusalCode, plan: HedgePlan, prices: Sequence[Decimal], limits: RiskLimits) -> Iterator[Refusal]:
    gap_bps = (max(prices) / min(prices) - 1) / BPS
    if gap_bps > limits.max_mark_divergence_bps:
        yield Refusal(code=code, subject=plan.base, value=gap_bps, limit=limits.max_mark_divergence_bps)
