"""Numbers of a configuration, exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from pydantic import BaseModel

_LARGEST_EXPONENT: Final = 100
OUT_OF_RANGE: Final = "out of range: the number has more digits than money has"


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
    if _is_extreme(value):
        raise ValueError(f"out of range: {text}")
    return value


def extremes(value: Any, where: tuple[str | int, ...] = (), *, texts: bool = False) -> Iterator[tuple[str | int, ...]]:
    """Yield where in settings a Decimal stands that :func:`exact_number` would refuse.

    A number may also be written as text, which only its settings model reads.

    Args:
        value: A validated model, or anything in one.
        where: Its place.
        texts: Look also at texts that read as such a number: for what no model has read yet.
    """
    if isinstance(value, BaseModel):
        fields = type(value).model_fields.items()
        value = {field.alias or name: getattr(value, name) for name, field in fields} | (value.model_extra or {})
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from extremes(item, (*where, str(key)), texts=texts)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from extremes(item, (*where, index), texts=texts)
    elif isinstance(value, Decimal):
        if _is_extreme(value):
            yield where
    elif texts and isinstance(value, str):
        try:
            exact = Decimal(value)
        except InvalidOperation:
            return
        if _is_extreme(exact):
            yield where


def _is_extreme(value: Decimal) -> bool:
    return value.is_finite() and bool(value) and abs(value.adjusted()) > _LARGEST_EXPONENT
