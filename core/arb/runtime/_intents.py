"""What a strategy may ask for: checked before any number in it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from arb.model import CloseHedge, Hedge, HedgePlan, Intent, LegPlan, OpenHedge, PositionSide


def intents_of(answer: object) -> tuple[Intent, ...]:
    """Return what a strategy decided.

    Raises:
        TypeError: it is no sequence of intents.
        ValueError: an intent holds a number that means nothing.
    """
    if not isinstance(answer, Sequence):
        raise TypeError(f"decided a {type(answer).__name__}, not a list of intents")
    intents: list[Intent] = []
    for intent in answer:
        if not isinstance(intent, (OpenHedge, CloseHedge)):
            raise TypeError(f"decided a {type(intent).__name__}, neither OpenHedge nor CloseHedge")
        problem = _plan_problem(intent.plan) if isinstance(intent, OpenHedge) else _bound_problem(intent)
        if problem:
            raise ValueError(problem)
        intents.append(intent)
    return tuple(intents)


def taken(plan: HedgePlan, hedges: Sequence[Hedge]) -> str | None:
    """Return why a plan must not use an instrument that another hedge holds; None when it may have all of its own.

    A venue keeps one position for one instrument of an account. What it reduces by itself, and what a
    reduce-only order closes, could not be told apart between two hedges.
    """
    held = {leg.instrument: hedge.id for hedge in hedges for leg in hedge.legs}
    for leg in plan.legs:
        if leg.instrument in held:
            return f"hedge {held[leg.instrument]} holds {leg.instrument}, and the venue keeps one position of both"
    return None


def _plan_problem(plan: object) -> str | None:
    if not isinstance(plan, HedgePlan):
        return f"an OpenHedge without a plan: {plan!r}"
    if not _is_positive(plan.max_slippage_bps):
        return f"a plan on {plan.base}: max_slippage_bps is {plan.max_slippage_bps!r}"
    for leg in plan.legs:
        if not _is_leg(leg):
            return f"a plan on {plan.base}: a leg is {leg!r}"
        if not _is_positive(leg.quantity):
            return f"a plan on {plan.base}: {leg.instrument} has quantity {leg.quantity!r}"
    if len({leg.instrument for leg in plan.legs}) < len(plan.legs):
        return f"a plan on {plan.base}: two legs on one instrument hedge nothing"
    return _text_problem(f"a plan on {plan.base}", plan.reason, plan.numbers)


def _bound_problem(intent: CloseHedge) -> str | None:
    what = f"closing hedge {intent.hedge_id}"
    if not _is_positive(intent.max_slippage_bps):
        return f"{what}: max_slippage_bps is {intent.max_slippage_bps!r}"
    return _text_problem(what, intent.reason, intent.numbers)


def _text_problem(what: str, reason: object, numbers: object) -> str | None:
    if not isinstance(reason, str):
        return f"{what}: its reason is {reason!r}, not a text"
    if not isinstance(numbers, Mapping):
        return f"{what}: its numbers are {numbers!r}"
    wrong = [name for name, value in numbers.items() if not (isinstance(name, str) and isinstance(value, str))]
    return f"{what}: the number {wrong[0]!r} is not a text" if wrong else None


def _is_leg(value: object) -> bool:
    return isinstance(value, LegPlan) and isinstance(value.side, PositionSide)


def _is_positive(value: object) -> bool:
    return isinstance(value, Decimal) and value.is_finite() and value > 0
