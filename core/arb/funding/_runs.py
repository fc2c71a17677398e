"""How long a pair's spreads lasted: the survival curve of its own past (handbook C4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from arb.model import HOUR_NS

_MIN_STARTS: Final = 12
"""Entries of the past that must be able to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadRuns:
    """Stretches of cells in a row in which the short leg's rate was above the long leg's.

    Attributes:
        cell_ns: Length of a cell.
        ended: Lengths, in cells, of the stretches whose end was seen.
        open: Lengths of those that a hole or the end of the history cut off: how long they really
            lasted nobody knows.
    """

    cell_ns: int
    ended: tuple[int, ...]
    open: tuple[int, ...]

    def survival(self, hours: Decimal) -> Decimal | None:
        """Return the share of the past moments in a stretch after which it went on for `hours`; None of too few.

        Each cell of a stretch is a moment at which one could have entered. One whose stretch was cut
        off before `hours` were over tells nothing and is left out.
        """
        cells = max(1, -(-int(hours * HOUR_NS) // self.cell_ns))
        lasted = sum(max(0, length - cells + 1) for length in (*self.ended, *self.open))
        known = sum(self.ended) + sum(max(0, length - cells + 1) for length in self.open)
        return Decimal(lasted) / known if known >= _MIN_STARTS else None


def spread_runs(spread: Mapping[int, float], cell_ns: int) -> SpreadRuns:
    """Return the stretches of a spread by cell number, ascending; a missing number is a hole."""
    ended: list[int] = []
    cut: list[int] = []
    length, before = 0, None
    for cell, value in _ascending(spread):
        if length and before is not None and cell != before + 1:
            cut.append(length)
            length = 0
        if value > 0:
            length += 1
        elif length:
            ended.append(length)
            length = 0
        before = cell
    if length:
        cut.append(length)
    return SpreadRuns(cell_ns=cell_ns, ended=tuple(ended), open=tuple(cut))


def _ascending(spread: Mapping[int, float]) -> Iterable[tuple[int, float]]:
    return sorted(spread.items())
