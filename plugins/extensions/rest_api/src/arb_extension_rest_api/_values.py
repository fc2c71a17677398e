"""What parameters and answers are made of: exact numbers as text, times twice, names."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from arb.model import Fresh, Reading, Stale, format_utc

Status = Literal["fresh", "stale", "unknown"]
"""Whether a reading is young enough to act on, only good to look at, or not there."""


class Params(BaseModel):
    """Base of the parameters of a call: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """Base of what a call returns."""

    model_config = ConfigDict(frozen=True)


def plain(value: Decimal) -> str:
    """Return a number without an exponent and without zeros that say nothing."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def finite(value: Decimal | None) -> Decimal | None:
    """Return a number; None for what a venue sent instead of one."""
    return value if value is not None and value.is_finite() else None


def moment(ts_ns: int | None) -> str | None:
    """Return a time as RFC 3339 text; None where there is none, or no calendar has it."""
    try:
        return None if ts_ns is None else format_utc(ts_ns)
    except (OverflowError, ValueError, OSError):
        return None


def status_of(reading: Reading[object]) -> Status:
    """Return what a reading is."""
    return "fresh" if isinstance(reading, Fresh) else "stale" if isinstance(reading, Stale) else "unknown"


def _split(value: Any) -> Any:
    """Take `a,b` for `a` and `b`; a parameter may also be repeated."""
    return [part for text in value for part in str(text).split(",")] if isinstance(value, list) else value


Number = Annotated[
    Decimal,
    PlainSerializer(plain, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}, mode="serialization"),
]
"""A Decimal as text: a JSON number would lose digits in most clients."""

Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time as RFC 3339 text with as many decimals as are needed."""

Name = Annotated[str, Field(min_length=1, max_length=64)]
"""The name of an exchange, an asset or an instrument."""

Names = Annotated[tuple[Name, ...], BeforeValidator(_split), Field(max_length=50)]
"""Several names, separated by commas or given one by one."""

SYMBOL_HELP: Final = "An asset such as BTC, or the name of an instrument such as BTC-PERP."
