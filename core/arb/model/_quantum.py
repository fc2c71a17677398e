"""The step that several instruments share."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

from ._instrument import Instrument


def common_quantum(*instruments: Instrument) -> Decimal:
    """Return the smallest size in base units that all of them trade exactly: LCM(lot x multiplier) (handbook C6).

    The larger of two steps is wrong: 0.003 and 0.002 meet at 0.006. The result is exact, however
    many digits it has.

    Raises:
        ValueError: no instrument was given.
    """
    if not instruments:
        raise ValueError("a common quantum needs at least one instrument")
    steps = [Fraction(one.lot_size) * Fraction(one.multiplier) for one in instruments]
    numerator = math.lcm(*(step.numerator for step in steps))
    denominator = math.gcd(*(step.denominator for step in steps))
    with localcontext() as context:
        # The denominator has the factors 2 and 5 only, so the quotient ends within this many digits.
        context.prec = len(str(numerator)) + denominator.bit_length() + 1
        return Decimal(numerator) / denominator
