"""Sizes that both legs can trade (handbook C6)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from arb.model import Instrument, common_quantum, floor_to


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSize:
    """A hedge's size: equal base units, each leg in its own contracts."""

    base: Decimal
    long_quantity: Decimal
    short_quantity: Decimal


def pair_size(long: Instrument, short: Instrument, target_base: Decimal) -> PairSize | None:
    """Return the largest common size not above `target_base` base units; None when that is none."""
    base = floor_to(target_base, common_quantum(long, short))
    if base <= 0:
        return None
    return PairSize(base=base, long_quantity=base / long.multiplier, short_quantity=base / short.multiplier)


def meets_minimums(instrument: Instrument, quantity: Decimal, price: Decimal, stress_move: Decimal) -> bool:
    """Return whether a leg may be opened, and closed again after an adverse fall of the price.

    Args:
        price: Quote currency per contract.
        stress_move: Fraction by which the price may have fallen at the exit (handbook C6).
    """
    least = max(instrument.min_notional, instrument.closing_min_notional)
    return quantity >= instrument.min_quantity and quantity * price * (1 - stress_move) >= least


def within_maximum(instrument: Instrument, quantity: Decimal) -> bool:
    """Return whether one order may hold the quantity."""
    return instrument.max_quantity is None or quantity <= instrument.max_quantity
