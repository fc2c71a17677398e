"""Reading the fields of a venue's answers: each function returns what it is named after, or raises.

A text is a number where a venue writes one so. What Python takes besides (`1_000`, blanks, digits of other scripts)
no venue writes: it is refused, as are NaN and infinities.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from arb.api import BadResponse
from arb.model import MILLISECOND_NS, SECOND_NS, is_bookable, is_moment

Row = Mapping[str, Any]
"""An object of JSON."""

BAD_SHAPE: Final = (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError, RecursionError)
"""What reading an answer raises that is not as it should be."""

_MICROSECOND_NS: Final = 1_000
_PLAIN: Final = "-0123456789."
_LONGEST_PLAIN: Final = 40


@contextmanager
def reading(exchange: str, what: str) -> Iterator[None]:
    """Turn whatever goes wrong with the shape of an answer into BadResponse.

    Args:
        exchange: Whose answer it is.
        what: Begins the error's text, such as `open orders`.
    """
    try:
        yield
    except BAD_SHAPE as error:
        raise BadResponse(f"{what} cannot be read: {error!r}", exchange=exchange, code="bad_shape") from error


def row_of(value: Any) -> Row:
    """Return an object; raises TypeError."""
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def rows_of(value: Any) -> list[Row]:
    """Return a list of objects; raises TypeError."""
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise TypeError("not a list of objects")
    return value


def text(value: Any) -> str:
    """Return a text that is not empty; raises ValueError."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no text")
    return value


def flag(value: Any) -> bool:
    """Return a truth value, for which nothing else may stand; raises ValueError."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def number(value: Any) -> Decimal:
    """Return a text or a JSON number as a decimal that can be kept and computed with; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"{value!r} is no decimal")
    # Most numbers are a few digits and a point, which are bookable and written by a venue.
    is_plain = isinstance(value, str) and len(value) <= _LONGEST_PLAIN and not value.strip(_PLAIN)
    if not is_plain:
        _require_written(value)
    try:
        decimal = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is no decimal") from None
    if not is_plain and not is_bookable(decimal):
        raise ValueError(f"{value!r} is no number that can be computed with")
    return decimal


def maybe_number(value: Any) -> Decimal | None:
    """Return a decimal; None for a field that is absent, null or empty. Raises ValueError."""
    return None if value in (None, "") else number(value)


def positive(value: Any) -> Decimal:
    """Return a decimal above zero; raises ValueError."""
    decimal = number(value)
    if decimal <= 0:
        raise ValueError(f"{value!r} is not above zero")
    return decimal


def maybe_positive(value: Any) -> Decimal | None:
    """Return a decimal above zero; None where there is none, for which venues also write 0. Raises ValueError."""
    decimal = maybe_number(value)
    return decimal if decimal is not None and decimal > 0 else None


def whole(value: Any) -> int:
    """Return an integer, written as a number or as a text; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{value!r} is no whole number")
    _require_written(value)
    return int(value)


def from_s(value: Any) -> int:
    """Return the nanoseconds of whole seconds since 1970; raises ValueError."""
    return from_ns(whole(value) * SECOND_NS)


def from_ms(value: Any) -> int:
    """Return the nanoseconds of whole milliseconds since 1970; raises ValueError."""
    return from_ns(whole(value) * MILLISECOND_NS)


def from_us(value: Any) -> int:
    """Return the nanoseconds of whole microseconds since 1970; raises ValueError."""
    return from_ns(whole(value) * _MICROSECOND_NS)


def from_ns(value: Any) -> int:
    """Return nanoseconds since 1970; raises ValueError."""
    ts_ns = whole(value)
    if not is_moment(ts_ns):
        raise ValueError(f"{ts_ns} ns is no time since 1970")
    return ts_ns


def _require_written(value: object) -> None:
    if isinstance(value, str) and (not value.isascii() or "_" in value or value != value.strip()):
        raise ValueError(f"{value!r} is no number as venues write them")
