"""By how much the messages of a stream come late, whatever the clocks say."""

from __future__ import annotations

from typing import Final

from arb.model import MINUTE_NS, SECOND_NS

WINDOW_NS: Final = 5 * MINUTE_NS
STEP_NS: Final = 2 * SECOND_NS
"""A way that is so much shorter than any before is a wrong time, or that of a clock that was set: it is no measure."""


class Lateness:
    """Compares the way of each message with the shortest of the last minutes.

    What lies between the venue's time of a message and ours is the difference of two clocks and the time of its way;
    the shortest stands for what cannot be helped. What is beyond waited somewhere: at the venue, on the way, or here,
    where a process that has more to do than it can reads the past and would take it for the present.
    """

    def __init__(self) -> None:
        """Know of no message yet."""
        self._shortest_ns: int | None = None
        self._before_ns: int | None = None
        self._since_ns = 0

    def of(self, ts_event_ns: int, ts_init_ns: int) -> int:
        """Return how many nanoseconds longer than the shortest way a message took.

        Args:
            ts_event_ns: When it happened, by the venue's clock.
            ts_init_ns: When it was read, by ours.
        """
        way_ns = ts_init_ns - ts_event_ns
        if not 0 <= ts_init_ns - self._since_ns < WINDOW_NS:
            # The window before counts as well: who has just begun to lag is compared with better days.
            self._before_ns, self._shortest_ns, self._since_ns = self._shortest_ns, None, ts_init_ns
        known = [each for each in (self._shortest_ns, self._before_ns) if each is not None]
        shortest_ns = min(known, default=way_ns)
        if way_ns >= shortest_ns - STEP_NS:
            self._shortest_ns = way_ns if self._shortest_ns is None else min(self._shortest_ns, way_ns)
        return max(0, way_ns - shortest_ns)
