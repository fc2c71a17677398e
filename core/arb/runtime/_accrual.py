"""What accrues on an instrument at every moment: read piece by piece, booked in few rows."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from arb.model import CHANGE_NS, HOUR_NS, ZERO, ExpectedFunding
from arb.storage import exact_sums

_ROW_NS: Final = HOUR_NS
"""How old a row becomes: each is cleared when it is realised, and a position may be held for months."""

_Piece = tuple[int, ExpectedFunding]
"""When it began, and what accrued in it at one rate and price."""


class Accrual:
    """Pieces of one instrument, joined into a row until something cuts it.

    That is a fill, what the venue realises, an age of an hour, or the end of the run. What is not booked
    is known here only: a process that is killed leaves it to the next one, which reads it again.

    Attributes:
        reached_ns: Until when it was read what accrued.
        realised: When the venue realised something, oldest first, as far as it can still cut.
    """

    def __init__(self, since_ns: int, *, is_stored: bool) -> None:
        """Begin with nothing accrued.

        Args:
            since_ns: From when it is to be read.
            is_stored: Whether the books say so; otherwise the first piece is a row, so that the next process knows.
        """
        self.reached_ns = since_ns
        self.realised: list[int] = []
        self._booked_ns = since_ns
        self._is_stored = is_stored
        self._pieces: list[_Piece] = []

    def add(self, pieces: Iterable[_Piece], until_ns: int) -> None:
        """Take what accrued since `reached_ns`, oldest first; it is known until a time now."""
        self._pieces += pieces
        self.reached_ns = max(self.reached_ns, until_ns)

    def add_realised(self, ts_ns: int) -> None:
        """Take when the venue realised what had accrued."""
        if ts_ns + CHANGE_NS >= self._booked_ns:
            insort(self.realised, ts_ns)

    def forget_after(self, ts_ns: int) -> None:
        """Take back what was read beyond a fill that is known now: other contracts were held than it says."""
        if ts_ns >= self.reached_ns:
            return
        self._pieces = [piece for piece in self._pieces if piece[1].settled_ns <= ts_ns]
        self.reached_ns = self._pieces[-1][1].settled_ns if self._pieces else self._booked_ns

    def rows(self, now_ns: int, *, closing: bool) -> list[ExpectedFunding]:
        """Return the rows to book, oldest first: those that are cut or old enough, or all of them at the end."""
        runs = self._runs()
        if runs and not closing and self._grows(runs[-1], now_ns):
            runs.pop()
        return [_joined([one for _, one in run]) for run in runs]

    def booked(self, until_ns: int) -> None:
        """Let go of what was stored until a time."""
        self._is_stored = True
        self._booked_ns = until_ns
        self._pieces = [piece for piece in self._pieces if piece[1].settled_ns > until_ns]
        self.reached_ns = max(self.reached_ns, until_ns)
        self.realised = [ts_ns for ts_ns in self.realised if ts_ns + CHANGE_NS >= until_ns]

    def _runs(self) -> list[list[_Piece]]:
        runs: list[list[_Piece]] = []
        for piece in self._pieces:
            if not runs or self._is_cut(runs[-1][-1], piece):
                runs.append([])
            runs[-1].append(piece)
        return runs

    def _is_cut(self, before: _Piece, after: _Piece) -> bool:
        """Return whether two pieces are of different contracts, or one was realised without the other."""
        (_, one), (begin_ns, other) = before, after
        changed = one.quantity != other.quantity or one.settled_ns != begin_ns
        return changed or self._realisations(one) != self._realisations(other)

    def _realisations(self, one: ExpectedFunding) -> int:
        """Return how many times something was realised that this is no part of."""
        return bisect_left(self.realised, one.settled_ns - CHANGE_NS)

    def _grows(self, run: Sequence[_Piece], now_ns: int) -> bool:
        (begin_ns, _), (_, last) = run[0], run[-1]
        over = last.settled_ns != self.reached_ns or self._realisations(last) != len(self.realised)
        return self._is_stored and not over and now_ns - begin_ns < _ROW_NS


def _joined(pieces: Sequence[ExpectedFunding]) -> ExpectedFunding:
    """Return one row of all: their amounts and rates added, at the price of the last."""
    with exact_sums():
        amount = sum((one.amount for one in pieces), ZERO)
    return replace(pieces[-1], amount=amount, rate=sum((one.rate for one in pieces), ZERO))
