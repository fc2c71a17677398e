"""Fields as Backpack alone writes them: times as texts without a zone."""

from __future__ import annotations

from typing import Any

from arb.model import parse_utc
from arb.net import from_ms, from_ns, text


def from_text(value: Any) -> int:
    """Return the nanoseconds of an ISO 8601 text, which is UTC although it does not say so; raises ValueError."""
    return from_ns(parse_utc(text(value)))


def created_at(value: Any) -> int:
    """Return the time of an order: milliseconds while it rests, a text in the history; raises ValueError."""
    return from_ms(value) if isinstance(value, int) else from_text(value)
