"""Fields as Lighter alone writes them: null for an empty list, and two times of one row."""

from __future__ import annotations

from typing import Any

from arb.net import Row, from_ms, from_us, rows_of


def maybe_rows(value: Any) -> list[Row]:
    """Return a list of objects, for null an empty one; raises TypeError."""
    return [] if value is None else rows_of(value)


def changed_at(row: Row) -> int:
    """Return when a row was made: its transaction's microseconds, else its milliseconds. Raises ValueError."""
    micros = row.get("transaction_time")
    return from_us(micros) if micros else from_ms(row["timestamp"])
