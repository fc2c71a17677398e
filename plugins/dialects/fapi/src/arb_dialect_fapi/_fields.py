"""A field as the dialect alone writes it."""

from __future__ import annotations

from typing import Any


def flag(value: Any) -> bool:
    """Return a truth value, written as JSON's or as the text of it; raises ValueError."""
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise ValueError(f"{value!r} is neither true nor false")
