"""Reading fields of GRVT's answers: decimals as text, times in nanoseconds as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any

from arb.api import BadResponse
from arb.model import is_bookable, is_moment

Row = Mapping[str, Any]
BAD_SHAPE = (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError, RecursionError)
"""What reading a row that is not as it should be raises."""


@contextmanager
def reading(exchange: str, what: str) -> Iterator[None]:
    """Turn whatever goes wrong with the shape of an answer into BadResponse."""
    try:
        yield
    except BAD_SHAPE as error:
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


def only(values: Any) -> Any:
    """Return what a list of one holds: the venue writes a list where an order could have several legs."""
    if not isinstance(values, list) or len(values) != 1:
        raise ValueError("not a list of one")
    return values[0]


def number(value: Any) -> Decimal:
    """Return a finite decimal of a text or a JSON number; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"{value!r} is no decimal")
    try:
        decimal = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is no decimal") from None
    if not is_bookable(decimal):
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
    """Return a decimal above zero; None where there is none, for which the venue also writes 0."""
    decimal = maybe_number(value)
    return decimal if decimal is not None and decimal > 0 else None


def whole(value: Any) -> int:
    """Return an integer, which the venue writes now as a number and now as a text; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{value!r} is no whole number")
    return int(value)


def flag(value: Any) -> bool:
    """Return a truth value; raises ValueError for anything else: it decides a side or a fee."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def moment(value: Any) -> int:
    """Return nanoseconds since 1970."""
    ts_ns = whole(value)
    if not is_moment(ts_ns):
        raise ValueError(f"{ts_ns} ns is no time since 1970")
    return ts_ns


def text(value: Any) -> str:
    """Return a text that is not empty; raises ValueError."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no text")
    return value
