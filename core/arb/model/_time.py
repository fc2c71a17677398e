"""Time as integer nanoseconds since the Unix epoch, UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

MILLISECOND_NS: Final = 1_000_000
SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS


def hours(duration_ns: int) -> Decimal:
    """Return a duration in hours."""
    return Decimal(duration_ns) / HOUR_NS


def is_moment(value: object) -> bool:
    """Return whether a time is one that storages keep: whole nanoseconds of the years 1970 to 2262."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def format_utc(ts_ns: int) -> str:
    """Return ISO 8601 with as many decimals of a second as are needed: `2026-01-24T08:00:00Z`."""
    seconds, fraction = divmod(ts_ns, SECOND_NS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:09d}".rstrip("0") + "Z" if fraction else f"{text}Z"


def parse_utc(text: str) -> int:
    """Return the nanoseconds of an ISO 8601 date or time; one without a zone is UTC.

    Raises:
        ValueError: `text` is not ISO 8601.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND_NS + delta.microseconds * 1_000
