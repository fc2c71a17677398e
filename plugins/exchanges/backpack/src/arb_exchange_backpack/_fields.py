"""Reading fields of Backpack's answers: decimals as text, and four ways to write a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from arb.api import BadResponse
from arb.model import MILLISECOND_NS, is_bookable, is_moment, parse_utc

MICROSECOND_NS: Final = 1_000
Row = Mapping[str, Any]


@contextmanager
def reading(exchange: str, what: str) -> Iterator[None]:
    """Turn whatever goes wrong with the shape of an answer into BadResponse."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError, RecursionError) as error:
        raise BadResponse(f"{what} cannot be read: {error!r}", exchange=exchange, code="bad_shape") from error


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


def whole(value: Any) -> int:
    """Return an integer, which the venue writes now as a number and now as a text; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{value!r} is no whole number")
    return int(value)


def from_ms(value: Any) -> int:
    """Return the nanoseconds of milliseconds since 1970."""
    return _moment(whole(value) * MILLISECOND_NS)


def from_us(value: Any) -> int:
    """Return the nanoseconds of microseconds since 1970."""
    return _moment(whole(value) * MICROSECOND_NS)


def from_text(value: Any) -> int:
    """Return the nanoseconds of an ISO 8601 text, which is UTC although it does not say so."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no time")
    return _moment(parse_utc(value))


def created_at(value: Any) -> int:
    """Return the time of an order: milliseconds while it rests, a text in the history."""
    return from_ms(value) if isinstance(value, int) else from_text(value)


def text(value: Any) -> str:
    """Return a text that is not empty; raises ValueError."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no text")
    return value


def _moment(ts_ns: int) -> int:
    if not is_moment(ts_ns):
        raise ValueError(f"{ts_ns} ns is no time since 1970")
    return ts_ns
