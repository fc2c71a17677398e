"""The funding interval, inferred from settlements where the venue does not publish it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from arb.model import MINUTE_NS

MIN_SETTLEMENTS: Final = 8
MIN_AGREEMENT: Final = (3, 4)
"""Numerator and denominator of 75 %."""
_LATEST: Final = MIN_SETTLEMENTS + 1
"""So many settlements are looked at: eight gaps, of which six must agree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferredChange:
    """From a settlement on, the next ones came at another interval (handbook C1 rule 6)."""

    effective_from_ns: int
    before_ns: int
    after_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InferredIntervals:
    """What a walk over all settlements of an instrument would have known.

    Attributes:
        known: For each settlement, the interval inferred from it and those before; None is refused.
        changes: Oldest first. A change is dated by the settlement after which it holds, and seen when enough
            settlements have followed.
    """

    known: tuple[int | None, ...]
    changes: tuple[InferredChange, ...]


def infer_interval_ns(settlements_ns: Sequence[int]) -> int | None:
    """Return the interval that the settlements keep; None without enough agreement (handbook C1 rule 4).

    At least eight settlements are needed; three of four gaps between neighbours must be the same to the
    minute, and the last gap must be one of them. Venues stamp some milliseconds late, and a gap in between
    is a missed settlement, not a longer interval; but after the last settlement one gap cannot tell a hole
    from a change, and right after a change the majority still holds the interval that has ended.

    Args:
        settlements_ns: Ascending times; give the latest few, since intervals change.
    """
    if len(settlements_ns) < MIN_SETTLEMENTS:
        return None
    gaps = [_gap_ns(earlier, later) for earlier, later in pairwise(settlements_ns)]
    interval_ns, count = Counter(gaps).most_common(1)[0]
    agreed, of = MIN_AGREEMENT
    enough = count * of >= len(gaps) * agreed
    return interval_ns if interval_ns > 0 and enough and gaps[-1] == interval_ns else None


def infer_intervals(settlements_ns: Sequence[int]) -> InferredIntervals:
    """Return what :func:`infer_interval_ns` says at each settlement from the latest nine, and the changes.

    Args:
        settlements_ns: Ascending times.
    """
    known: list[int | None] = []
    changes: list[InferredChange] = []
    current: int | None = None
    for index in range(len(settlements_ns)):
        found = infer_interval_ns(settlements_ns[max(0, index + 1 - _LATEST) : index + 1])
        known.append(found)
        if found is None or found == current:
            continue
        if current is not None:
            start_ns = _since(settlements_ns, index, found)
            changes.append(InferredChange(effective_from_ns=start_ns, before_ns=current, after_ns=found))
        current = found
    return InferredIntervals(known=tuple(known), changes=tuple(changes))


def _since(settlements_ns: Sequence[int], index: int, interval_ns: int) -> int:
    """Return the settlement with which the gaps that end at `index` began to be the interval."""
    while index and _gap_ns(settlements_ns[index - 1], settlements_ns[index]) == interval_ns:
        index -= 1
    return settlements_ns[index]


def _gap_ns(earlier_ns: int, later_ns: int) -> int:
    return (later_ns - earlier_ns + MINUTE_NS // 2) // MINUTE_NS * MINUTE_NS
