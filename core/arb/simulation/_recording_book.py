"""The local book of a recording, at any of its moments."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from heapq import nlargest, nsmallest
from typing import Final, NamedTuple

from ._recording_events import BookSnapshot, BookUpdate

_CHECKPOINT_EVERY: Final = 500


class LocalBook:
    """A book kept by the venue's rule: a snapshot, then updates without a gap.

    Updates that came before the snapshot are kept, and those it does not contain are applied to
    it. After a gap the book is not known until the next snapshot. (Binance, "How to manage a
    local order book correctly", futures: `U <= lastUpdateId <= u` first, then `pu` = last `u`.)
    """

    def __init__(self) -> None:
        self.bids: dict[str, str] = {}
        self.asks: dict[str, str] = {}
        self.sequence: int | None = None
        """The last update contained; None while the book is not known."""
        self._waiting: list[BookUpdate] = []
        self._fresh = False

    def copy(self) -> LocalBook:
        """Return an independent copy."""
        other = LocalBook()
        other.bids, other.asks = dict(self.bids), dict(self.asks)
        other.sequence, other._waiting, other._fresh = self.sequence, list(self._waiting), self._fresh
        return other

    def apply(self, event: BookSnapshot | BookUpdate) -> None:
        """Take the next event."""
        if isinstance(event, BookSnapshot):
            self._restart(event)
        elif self.sequence is None:
            self._waiting.append(event)
        else:
            self._continue(event)

    def _restart(self, snapshot: BookSnapshot) -> None:
        if self.sequence is not None and snapshot.sequence < self.sequence:
            return
        self.bids, self.asks = dict(snapshot.bids), dict(snapshot.asks)
        self.sequence, self._fresh = snapshot.sequence, True
        waiting, self._waiting = self._waiting, []
        for update in waiting:
            self.apply(update)

    def _continue(self, update: BookUpdate) -> None:
        known = self.sequence or 0
        if update.last < known or (update.last == known and not self._fresh):
            return
        if self._fresh:
            follows = update.first <= known <= update.last or update.previous == known
        else:
            follows = update.previous == known
        if not follows:
            self.sequence = None
            self._waiting = [update]
            return
        _change(self.bids, update.bids)
        _change(self.asks, update.asks)
        self.sequence, self._fresh = update.last, False


def _change(side: dict[str, str], levels: Sequence[tuple[str, str]]) -> None:
    for price, size in levels:
        if float(size):
            side[price] = size
        else:
            side.pop(price, None)


class BookAt(NamedTuple):
    """The best levels at a moment, as written, best first."""

    sequence: int
    event_ns: int
    bids: Sequence[tuple[str, str]]
    asks: Sequence[tuple[str, str]]


class BookHistory:
    """Answers for the book at any time; cheapest when asked in order."""

    def __init__(self, events: Sequence[BookSnapshot | BookUpdate], *, depth: int) -> None:
        self._events = events
        self._times = [event.ts_ns for event in events]
        self._depth = depth
        # Memory of the way so far, no state: any answer can be computed again from the events.
        self._checkpoints = [LocalBook()]
        self._book, self._applied = LocalBook(), 0
        self._last: tuple[int, BookAt | None] | None = None

    def at(self, ts_ns: int) -> BookAt | None:
        """Return the book after the events up to `ts_ns`; None while it is not known."""
        upto = bisect_right(self._times, ts_ns)
        if self._last is None or self._last[0] != upto:
            self._move(upto)
            self._last = (upto, self._read(upto))
        return self._last[1]

    def _move(self, upto: int) -> None:
        nearest = min(upto // _CHECKPOINT_EVERY, len(self._checkpoints) - 1)
        if upto < self._applied or nearest * _CHECKPOINT_EVERY > self._applied:
            self._book, self._applied = self._checkpoints[nearest].copy(), nearest * _CHECKPOINT_EVERY
        while self._applied < upto:
            self._book.apply(self._events[self._applied])
            self._applied += 1
            if self._applied == len(self._checkpoints) * _CHECKPOINT_EVERY:
                self._checkpoints.append(self._book.copy())

    def _read(self, upto: int) -> BookAt | None:
        book = self._book
        if book.sequence is None or not upto:
            return None
        bids = nlargest(self._depth, book.bids.items(), key=_price)
        asks = nsmallest(self._depth, book.asks.items(), key=_price)
        return BookAt(book.sequence, self._events[upto - 1].event_ns, bids, asks)


def _price(level: tuple[str, str]) -> float:
    return float(level[0])
