"""What was held of an instrument over time, by our own fills."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator
from decimal import Decimal
from itertools import pairwise

from arb.funding import UNDETERMINED_NS
from arb.model import ZERO, Fill


class Timeline:
    """Signed contracts over time, from fills in any order."""

    def __init__(self) -> None:
        self._times: list[int] = []
        self._changes: list[Decimal] = []

    def add(self, fill: Fill) -> None:
        """Take a fill."""
        at = bisect_left(self._times, fill.ts_event_ns)
        self._times.insert(at, fill.ts_event_ns)
        self._changes.insert(at, fill.quantity * fill.side.sign)

    def before(self, ts_ns: int) -> Decimal:
        """Return what was held with every fill before a time."""
        return sum(self._changes[: bisect_left(self._times, ts_ns)], ZERO)

    def reduced_ns(self, before_ns: int) -> int | None:
        """Return when fewer were held for the last time before a time, or the other side of them; None if never."""
        held = self.before(before_ns)
        for at in reversed(range(bisect_left(self._times, before_ns))):
            held -= self._changes[at]
            if held * self._changes[at] < 0:
                return self._times[at]
        return None

    def pieces(self, start_ns: int, end_ns: int, cuts: Collection[int] = ()) -> Iterator[tuple[int, int, Decimal]]:
        """Yield begin, end and contracts of each part of (start, end] in which they do not change and are not zero.

        No part is of a time before and after one of `cuts` either.
        """
        first, last = bisect_right(self._times, start_ns), bisect_left(self._times, end_ns)
        inside = {*self._times[first:last], *(cut for cut in cuts if start_ns < cut < end_ns)}
        for begin_ns, until_ns in pairwise([start_ns, *sorted(inside), end_ns]):
            held = self.before(until_ns)
            if held and begin_ns < until_ns:
                yield begin_ns, until_ns, held

    def is_quiet_around(self, ts_ns: int) -> bool:
        """Return whether no fill is so near to a settlement that it may or may not take part in it."""
        first = bisect_left(self._times, ts_ns - UNDETERMINED_NS)
        return first == len(self._times) or self._times[first] > ts_ns + UNDETERMINED_NS
