"""How much each leg held at a time, from its fills."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Final

from arb.model import CHANGE_NS, SECOND_NS, ZERO, FundingPayment, InstrumentId

from ._account_inputs import BookedFill, Inputs, Slot

_UNCERTAIN_NS: Final = 15 * SECOND_NS
"""By how much the time of a snapshot may be ahead of the venue's."""

_SHARE_QUANTUM: Final = Decimal("1E-12")


class Holding:
    """Signed contracts of one leg over time. Fills must be given oldest first."""

    def __init__(self) -> None:
        self.times: list[int] = []
        self._totals: list[Decimal] = [ZERO]

    def add(self, ts_ns: int, signed_quantity: Decimal) -> None:
        """Add a fill."""
        self.times.append(ts_ns)
        self._totals.append(self._totals[-1] + signed_quantity)

    def at(self, ts_ns: int) -> Decimal:
        """Return what was held with every fill up to and at `ts_ns`."""
        return self._totals[bisect_right(self.times, ts_ns)]

    def before(self, ts_ns: int) -> Decimal:
        """Return what was held with every fill before `ts_ns`."""
        return self._totals[bisect_left(self.times, ts_ns)]

    def changed_ns(self, ts_ns: int) -> int:
        """Return the first of the fills that are of one change with `ts_ns`; that itself without one."""
        first = bisect_left(self.times, ts_ns - CHANGE_NS)
        return min([*self.times[first : first + 1], ts_ns])

    def last_ns(self, ts_ns: int) -> int:
        """Return when the last fill up to `ts_ns` was; 0 before the first."""
        seen = bisect_right(self.times, ts_ns)
        return self.times[seen - 1] if seen else 0

    def count_of(self, quantity: Decimal, ts_ns: int, uncertain_ns: int) -> tuple[int, int]:
        """Return how many fills made `quantity`, and how many there were up to `ts_ns`.

        The last ones, none of them more than `uncertain_ns` old, are not in the quantity where only that explains it.
        """
        seen = bisect_right(self.times, ts_ns)
        oldest = bisect_left(self.times, ts_ns - uncertain_ns)
        counts = (count for count in range(seen, oldest - 1, -1) if self._totals[count] == quantity)
        return next(counts, seen), seen

    @property
    def is_flat_at_end(self) -> bool:
        """Whether the last fill closed it."""
        return not self._totals[-1]


Holdings = Mapping[InstrumentId, Mapping[Slot, Holding]]


def holdings_of(fills: Iterable[BookedFill]) -> Holdings:
    """Return the holdings of every leg, and of None for fills without an own order."""
    found: dict[InstrumentId, dict[Slot, Holding]] = {}
    for booked in sorted(fills, key=lambda one: one.booked_ns):
        slots = found.setdefault(booked.fill.instrument, {})
        slots.setdefault(booked.slot, Holding()).add(booked.booked_ns, booked.signed_quantity)
    return found


def settle_ties(inputs: Inputs) -> Inputs:
    """Decide for fills about the time of a snapshot whether it holds them already.

    It does unless its positions say otherwise: they equal the fills up to some seconds before that time and not
    those with the last of them. In virtual time an order may fill in the instant of the snapshot taken before it.
    And where a venue does not date its balances, their time is ours, which may have been set in between.
    """
    later: dict[int, int] = {}
    numbered: dict[InstrumentId, list[int]] = {}
    for number, booked in sorted(enumerate(inputs.fills), key=lambda pair: pair[1].booked_ns):
        numbered.setdefault(booked.fill.instrument, []).append(number)
    for instrument, numbers in numbered.items():
        holding = Holding()
        for number in numbers:
            holding.add(inputs.fills[number].booked_ns, inputs.fills[number].signed_quantity)
        sampled = [sample.ts_ns for sample in inputs.samples.get(inputs.wallet_of(instrument), ())]
        for ts_ns in _near(sampled, holding.times):
            sample = inputs.positions.get((ts_ns, instrument))
            known, seen = holding.count_of(ZERO if sample is None else sample.quantity, ts_ns, _UNCERTAIN_NS)
            later.update(dict.fromkeys(numbers[known:seen], ts_ns + 1))
    fills = (replace(one, booked_ns=later.get(number, one.booked_ns)) for number, one in enumerate(inputs.fills))
    return replace(inputs, fills=tuple(fills)) if later else inputs


def _near(sampled: Sequence[int], filled: Sequence[int]) -> list[int]:
    """Return the snapshots that come at or soon after a fill, in order."""
    found: set[int] = set()
    for ts_ns in filled:
        found.update(sampled[bisect_left(sampled, ts_ns) : bisect_right(sampled, ts_ns + _UNCERTAIN_NS)])
    return sorted(found)


def share_payment(
    payment: FundingPayment, held: Holdings, *, accrues: bool = False
) -> tuple[tuple[Slot, Decimal | None, Decimal], ...]:
    """Split a payment by what each leg held: (slot, signed contracts, amount), exactly.

    Legs on opposite sides of one instrument get shares of opposite sign. What the venue settled
    beyond our legs belongs to None. The last share takes the rounding.

    Args:
        payment: As the venue booked it.
        held: Of every leg.
        accrues: Whether it is of the time until the position changed, and not of a moment.
    """
    slots = held.get(payment.instrument, {})
    quantities = {slot: holding.at(payment.settled_ns) for slot, holding in slots.items()}
    if accrues:
        before = _before_change(slots, payment.settled_ns)
        if not any(before.values()) and not any(quantities.values()):
            # Stamped long after what it is of was closed.
            before = _before_change(slots, max((one.last_ns(payment.settled_ns) for one in slots.values()), default=0))
        quantities = before if any(before.values()) else quantities
    elif payment.quantity is not None and payment.quantity != sum(quantities.values(), ZERO):
        before = {slot: holding.before(payment.settled_ns) for slot, holding in slots.items()}
        if payment.quantity == sum(before.values(), ZERO):
            quantities = before
        else:
            ours = sum((quantity for slot, quantity in quantities.items() if slot is not None), ZERO)
            quantities[None] = payment.quantity - ours
    shares = [(slot, quantity) for slot, quantity in quantities.items() if quantity]
    total = sum((quantity for _, quantity in shares), ZERO)
    if not total:
        return ((None, payment.quantity, payment.amount),)
    split: list[tuple[Slot, Decimal | None, Decimal]] = []
    left = payment.amount
    for slot, quantity in shares[:-1]:
        amount = _fraction(payment.amount * quantity, total)
        left -= amount
        split.append((slot, quantity, amount))
    return (*split, (shares[-1][0], shares[-1][1], left))


def _before_change(slots: Mapping[Slot, Holding], ts_ns: int) -> dict[Slot, Decimal]:
    """Return what each leg held before the fills that are of one change with a time."""
    changed_ns = min((holding.changed_ns(ts_ns) for holding in slots.values()), default=0)
    return {slot: holding.before(changed_ns) for slot, holding in slots.items()}


def _fraction(numerator: Decimal, denominator: Decimal) -> Decimal:
    with localcontext() as context:
        context.prec = 100
        context.clear_traps()
        return (numerator / denominator).quantize(_SHARE_QUANTUM)
