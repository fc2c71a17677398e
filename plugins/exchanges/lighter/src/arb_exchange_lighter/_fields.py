"""Reading fields of Lighter's answers: decimals as text or number, whole numbers as either, three units of time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from arb.api import BadResponse
from arb.model import MILLISECOND_NS, SECOND_NS, is_bookable, is_moment

MICROSECOND_NS: Final = 1_000
Row = Mapping[str, Any]


@contextmanager
def reading(exchange: str, what: str) -> Iterator[None]:
    """Turn whatever goes wrong with the shape of an answer into BadResponse."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError, RecursionError) as error:
        raise BadResponse(f"{what} cannot be read: {error!r}", exchange=exchange, code="bad_shape") from error


def row_of(value: Any) -> Row:
    """Return an object; raises TypeError."""
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def rows_of(value: Any) -> list[Row]:
    """Return a list of objects, for null an empty one; raises TypeError."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError("not a list")
    return [row_of(each) for each in value]


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


def price_or_none(value: Any) -> Decimal | None:
    """Return a price; None for one that is absent or zero, which is how the venue writes that there is none."""
    price = maybe_number(value)
    return price if price is not None and price > 0 else None


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


def text(value: Any) -> str:
    """Return a text that is not empty; raises ValueError."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no text")
    return value


def flag(value: Any) -> bool:
    """Return a boolean; raises ValueError."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def from_s(value: Any) -> int:
    """Return the nanoseconds of seconds since 1970."""
    return _moment(whole(value) * SECOND_NS)


def from_ms(value: Any) -> int:
    """Return the nanoseconds of milliseconds since 1970."""
    return _moment(whole(value) * MILLISECOND_NS)


def from_us(value: Any) -> int:
    """Return the nanoseconds of microseconds since 1970."""
    return _moment(whole(value) * MICROSECOND_NS)


def changed_at(row: Row) -> int:
    """Return when a row was made: its transaction's microseconds, else its milliseconds."""
    micros = row.get("transaction_time")
    return from_us(micros) if micros else from_ms(row["timestamp"])


def _moment(ts_ns: int) -> int:
    if not is_moment(ts_ns):
        raise ValueError(f"{ts_ns} ns is no time since 1970")
    return ts_ns
