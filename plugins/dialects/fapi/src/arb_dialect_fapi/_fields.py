"""Reading fields of the dialect's answers: decimals and times in milliseconds, each as text or as a number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from arb.api import BadResponse
from arb.model import MILLISECOND_NS, is_bookable, is_moment

Row = Mapping[str, Any]
DIGITS: Final = "0123456789."
LONGEST_PLAIN: Final = 24
_PLAIN: Final = f"-{DIGITS}"


@contextmanager
def reading(exchange: str, what: str) -> Iterator[None]:
    """Turn whatever goes wrong with the shape of an answer into BadResponse."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError, RecursionError) as error:
        raise BadResponse(f"{what} cannot be read: {error!r}", exchange=exchange, code="bad_shape") from error


def row_of(answer: Any) -> Row:
    """Return an object; raises TypeError."""
    if not isinstance(answer, dict):
        raise TypeError("not an object")
    return answer


def rows_of(answer: Any) -> list[Row]:
    """Return a list of objects; raises TypeError."""
    if not isinstance(answer, list) or not all(isinstance(each, dict) for each in answer):
        raise TypeError("not a list of objects")
    return answer


def number(value: Any) -> Decimal:
    """Return a finite decimal of a text or a JSON number; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"{value!r} is no decimal")
    try:
        decimal = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is no decimal") from None
    # So few digits and a point can be computed with; most numbers are such.
    is_plain = isinstance(value, str) and len(value) <= LONGEST_PLAIN and not value.strip(_PLAIN)
    if not is_plain and not is_bookable(decimal):
        raise ValueError(f"{value!r} is no number that can be computed with")
    return decimal


def maybe_number(value: Any) -> Decimal | None:
    """Return a decimal; None for a field that is absent, null or empty."""
    return None if value in (None, "") else number(value)


def positive(value: Any) -> Decimal:
    """Return a decimal above zero; raises ValueError."""
    decimal = number(value)
    if decimal <= 0:
        raise ValueError(f"{value!r} is not above zero")
    return decimal


def maybe_positive(value: Any) -> Decimal | None:
    """Return a decimal above zero; None for what is absent, and for the zero that stands for none."""
    decimal = maybe_number(value)
    return decimal if decimal is not None and decimal > 0 else None


def whole(value: Any) -> int:
    """Return an integer, written as a number or as a text; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{value!r} is no whole number")
    return int(value)


def from_ms(value: Any) -> int:
    """Return the nanoseconds of milliseconds since 1970; raises ValueError."""
    ts_ns = whole(value) * MILLISECOND_NS
    if not is_moment(ts_ns):
        raise ValueError(f"{value!r} ms is no time since 1970")
    return ts_ns


def text(value: Any) -> str:
    """Return a text that is not empty; raises ValueError."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no text")
    return value


def flag(value: Any) -> bool:
    """Return a truth, written as JSON's or as the text of it; raises ValueError."""
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise ValueError(f"{value!r} is neither true nor false")
