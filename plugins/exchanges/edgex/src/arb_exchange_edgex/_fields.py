"""Reading fields of EdgeX's answers: numbers and times are texts, nearly everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final

from arb.api import BadResponse
from arb.model import MILLISECOND_NS, is_bookable, is_moment

Row = Mapping[str, Any]
_NONE: Final = (None, "")
_PLACES: Final = 30
_LAST_PLACE: Final = Decimal(1).scaleb(-_PLACES)
_WIDE: Final = Context(prec=100)


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


def row_of(answer: Any) -> Row:
    """Return an object; raises TypeError."""
    if not isinstance(answer, dict):
        raise TypeError("not an object")
    return answer


def number(value: Any) -> Decimal:
    """Return a finite decimal of a text or a JSON number; raises ValueError.

    What the venue computes from its oracle has up to 62 decimals (`riskValue`): those after the thirtieth are rounded.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"{value!r} is no decimal")
    try:
        decimal = Decimal(value)
        exponent = decimal.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -_PLACES:
            decimal = decimal.quantize(_LAST_PLACE, context=_WIDE)
    except InvalidOperation:
        raise ValueError(f"{value!r} is no decimal") from None
    if not is_bookable(decimal):
        raise ValueError(f"{value!r} is no number that can be computed with")
    return decimal


def maybe_number(value: Any) -> Decimal | None:
    """Return a decimal; None for a field that is absent, null or empty."""
    return None if value in _NONE else number(value)


def positive(value: Any) -> Decimal:
    """Return a decimal above zero; raises ValueError."""
    decimal = number(value)
    if decimal <= 0:
        raise ValueError(f"{value!r} is not above zero")
    return decimal


def price_or_none(value: Any) -> Decimal | None:
    """Return a price; None where there is none, which the venue also writes as 0."""
    price = maybe_number(value)
    return price if price is not None and price > 0 else None


def either(row: Row, name: str, other: str) -> Any:
    """Return a field that the venue's documents and its Go client spell differently; raises KeyError."""
    return row[name] if name in row else row[other]


def whole(value: Any) -> int:
    """Return an integer, written as a number or as a text; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{value!r} is no whole number")
    return int(value)


def resolution(value: Any) -> int:
    """Return how many units one of a thing has on the chain: decimal or hexadecimal text; raises ValueError."""
    written = text(value).strip()
    found = int(written, 16) if written[:2].lower() == "0x" else int(Decimal(written))
    if found <= 0:
        raise ValueError(f"a resolution of {value!r}")
    return found


def from_ms(value: Any) -> int:
    """Return the nanoseconds of milliseconds since 1970."""
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
    """Return a boolean, which never stands for anything else; raises ValueError."""
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value
