"""Reading fields of Paradex's answers: decimals as text, times in milliseconds, lists under `results`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any

from arb.api import BadResponse
from arb.model import MILLISECOND_NS, is_bookable, is_moment

Row = Mapping[str, Any]


@contextmanager
def reading(exchange: str, what: str) -> Iterator[None]:
    """Turn whatever goes wrong with the shape of an answer into BadResponse."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError, RecursionError) as error:
        raise BadResponse(f"{what} cannot be read: {error!r}", exchange=exchange, code="bad_shape") from error


def rows_of(answer: Any) -> list[Row]:
    """Return the objects under `results`; raises TypeError or KeyError."""
    rows = answer["results"]
    if not isinstance(rows, list) or not all(isinstance(each, dict) for each in rows):
        raise TypeError("`results` is no list of objects")
    return rows


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
    """Return a decimal above zero; None where there is none: the venue writes no price as 0 or as nothing."""
    decimal = maybe_number(value)
    return decimal if decimal is not None and decimal > 0 else None


def whole(value: Any) -> int:
    """Return an integer, written as a number or as a text; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{value!r} is no whole number")
    return int(value)


def from_ms(value: Any) -> int:
    """Return the nanoseconds of milliseconds since 1970."""
    ts_ns = whole(value) * MILLISECOND_NS
    if not is_moment(ts_ns):
        raise ValueError(f"{value!r} is no time since 1970")
    return ts_ns


def text(value: Any) -> str:
    """Return a text that is not empty; raises ValueError."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no text")
    return value
