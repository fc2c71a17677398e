"""Numbers of a configuration, exact."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

_LARGEST_EXPONENT: Final = 100


def exact_number(text: str) -> Decimal:
    """Return a number as it is written.

    Raises:
        ValueError: it is no number, or one that needs more digits than money has. Turning
            `1e999999999` into an integer would take all memory.
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"not a number: {text!r}") from None
    if value.is_finite() and value and abs(value.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError(f"out of range: {text}")
    return value
