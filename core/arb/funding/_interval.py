"""The funding interval, inferred from settlements where the venue does not publish it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from arb.model import MINUTE_NS

MIN_SETTLEMENTS: Final = 8
MIN_AGREEMENT: Final = (3, 4)
"""Numerator and denominator of 75 %."""


def infer_interval_ns(settlements_ns: Sequence[int]) -> int | None:
    """Return the interval most of the settlements keep; None without enough agreement (handbook C1 rule 4).

    At least eight settlements are needed and three of four gaps between neighbours must be the
    same to the minute: venues stamp some milliseconds late, and a hole is a missed settlement, not
    a longer interval.

    Args:
        settlements_ns: Ascending times; give the latest few, since intervals change.
    """
    if len(settlements_ns) < MIN_SETTLEMENTS:
        return None
    gaps = Counter(_to_minute(later - earlier) for earlier, later in pairwise(settlements_ns))
    interval_ns, count = gaps.most_common(1)[0]
    agreed, of = MIN_AGREEMENT
    return interval_ns if interval_ns > 0 and count * of >= gaps.total() * agreed else None


def _to_minute(duration_ns: int) -> int:
    return (duration_ns + MINUTE_NS // 2) // MINUTE_NS * MINUTE_NS
