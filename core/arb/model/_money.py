"""Decimal arithmetic for money: sums and products must not round unless somebody says so."""

from __future__ import annotations

from contextlib import AbstractContextManager
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    localcontext,
)
from typing import Final

ZERO: Final = Decimal(0)
BPS: Final = Decimal("0.0001")
CENT_QUANTUM: Final = Decimal("0.00000001")
"""The last unit in which venues book cash: 1e-8 of the quote currency."""


def exact_money() -> AbstractContextManager[Context]:
    """Return a context of 60 digits in which rounding raises :exc:`decimal.Inexact`.

    Accounting identities are computed inside it: what it returns has lost nothing. Use it for
    sums and products; a quotient that does not terminate raises.
    """
    return localcontext(
        Context(
            prec=60,
            rounding=ROUND_HALF_EVEN,
            traps=[Inexact, InvalidOperation, DivisionByZero, Overflow],
        )
    )


def is_bookable(value: object) -> bool:
    """Return whether a number can be kept and computed with exactly: a finite Decimal of a size that money has.

    At most 60 digits, the first of them within 40 places of the point. What is beyond is an error of
    whoever wrote it, and would end every sum that it is part of.
    """
    if not isinstance(value, Decimal) or not value.is_finite():
        return False
    _, digits, exponent = value.as_tuple()
    return len(digits) <= 60 and isinstance(exponent, int) and abs(exponent) <= 60 and abs(value.adjusted()) <= 40


def to_cash(amount: Decimal) -> Decimal:
    """Round to the last unit venues book (1e-8), half to even."""
    return amount.quantize(CENT_QUANTUM, rounding=ROUND_HALF_EVEN)


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of `step` that is not above `value`."""
    return (value // step if value >= 0 or value % step == 0 else value // step - 1) * step


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """Return the smallest multiple of `step` that is not below `value`."""
    return -floor_to(-value, step)
