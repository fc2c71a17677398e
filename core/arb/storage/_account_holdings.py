"""How much each leg held at a time, from its fills."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import Final

from arb.model import ZERO, FundingPayment, InstrumentId

from ._account_inputs import BookedFill, Inputs, Slot

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
    """Decide for fills at the very time of a snapshot whether it holds them already.

    It does unless its positions say otherwise: they equal the fills before that time and not those
    with it. In virtual time an order may fill in the instant of the snapshot taken before it.
    """
    held = holdings_of(inputs.fills)
    sampled = {(wallet, sample.ts_ns) for wallet, row in inputs.samples.items() for sample in row}

    def is_later(booked: BookedFill) -> bool:
        instrument, ts_ns = booked.fill.instrument, booked.booked_ns
        if (inputs.wallet_of(instrument), ts_ns) not in sampled:
            return False
        sample = inputs.positions.get((ts_ns, instrument))
        quantity = ZERO if sample is None else sample.quantity
        slots = held[instrument].values()
        return quantity == sum((slot.before(ts_ns) for slot in slots), ZERO) and quantity != sum(
            (slot.at(ts_ns) for slot in slots), ZERO
        )

    moved = (replace(one, booked_ns=one.booked_ns + 1) if is_later(one) else one for one in inputs.fills)
    return replace(inputs, fills=tuple(moved))


def share_payment(payment: FundingPayment, held: Holdings) -> tuple[tuple[Slot, Decimal | None, Decimal], ...]:
    """Split a payment by what each leg held: (slot, signed contracts, amount), exactly.

    Legs on opposite sides of one instrument get shares of opposite sign. What the venue settled
    beyond our legs belongs to None. The last share takes the rounding.
    """
    slots = held.get(payment.instrument, {})
    quantities = {slot: holding.at(payment.settled_ns) for slot, holding in slots.items()}
    if payment.quantity is not None and payment.quantity != sum(quantities.values(), ZERO):
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


def _fraction(numerator: Decimal, denominator: Decimal) -> Decimal:
    with localcontext() as context:
        context.prec = 100
        context.clear_traps()
        return (numerator / denominator).quantize(_SHARE_QUANTUM)
