"""Numbers, times and failures as the venue writes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final

from arb.api import BadResponse
from arb.model import MILLISECOND_NS, is_bookable

MOST_DECIMALS: Final = 8


def to_wire(number: Decimal) -> str:
    """Return a number as it is signed: plain digits without trailing zeros (SDK, float_to_wire).

    Raises:
        ValueError: it needs more than eight decimals.
    """
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if len(text.partition(".")[2]) > MOST_DECIMALS:
        raise ValueError(f"{number} has more than {MOST_DECIMALS} decimals")
    return "0" if text == "-0" else text


def number(value: Any) -> Decimal:
    """Return a number that the venue writes as text; raises ValueError for anything else."""
    if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
        raise ValueError(f"{value!r} is no number")
    parsed = Decimal(value)
    if not is_bookable(parsed):
        raise ValueError(f"{value!r} is no amount")
    return parsed


def maybe(value: Any) -> Decimal | None:
    """Return a number, or None where the venue writes null."""
    return None if value is None else number(value)


def price(value: Any) -> Decimal | None:
    """Return a price; None where the venue has none, which it writes as null or zero."""
    parsed = maybe(value)
    return parsed or None


def whole(value: Any) -> int:
    """Return an integer, written as such or as text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{value!r} is no integer")
    return int(value)


def moment(value: Any) -> int:
    """Return nanoseconds of a time in milliseconds."""
    return whole(value) * MILLISECOND_NS


@contextmanager
def reading(what: str, exchange: str) -> Iterator[None]:
    """Turn whatever goes wrong while an answer is read into BadResponse."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        text = f"{what} cannot be read: {type(error).__name__}: {error}"
        raise BadResponse(text, exchange=exchange, code="unreadable") from error
