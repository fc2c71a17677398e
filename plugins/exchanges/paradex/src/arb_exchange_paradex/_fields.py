"""Paradex's lists, which stand under `results`."""

from __future__ import annotations

from typing import Any

from arb.net import Row, rows_of


def results(answer: Any) -> list[Row]:
    """Return the objects under `results`; raises TypeError or KeyError."""
    return rows_of(answer["results"])
