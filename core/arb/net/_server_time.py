"""What a venue's clock says, seen from here."""

from __future__ import annotations

from collections import deque
from typing import Final

from arb.api import Clock
from arb.model import HOUR_NS, MINUTE_NS, SECOND_NS

_SAMPLES: Final = 8
_FRESH_NS: Final = 10 * MINUTE_NS
MAX_OFFSET_NS: Final = 15 * HOUR_NS
"""A machine that takes local time for UTC is off by 14 hours at most; what is further away is no time of now."""


class ServerTime:
    """The offset of a venue's clock, from answers that held its time.

    The server read its clock somewhere between our sending and our receiving; so the middle is wrong by half
    the round trip at most, and the quickest of the last samples is the best of them (Cristian 1989).
    """

    def __init__(self, clock: Clock) -> None:
        """Begin with no sample: until there is one, the venue's time is ours."""
        self._clock = clock
        self._samples: deque[tuple[int, int, int]] = deque(maxlen=_SAMPLES)

    def add(self, server_ns: int, *, sent_ns: int, received_ns: int, coarse_ns: int = 0) -> None:
        """Take one answer: the venue's time in it, when we asked and had it, and by how much the venue rounded it.

        Raises:
            ValueError: it is another unit, or one of the two clocks is wrong by so much that nothing may be signed
                by it: an expiry would last for ever, a nonce would shut out all that follow.
        """
        trip_ns = received_ns - sent_ns
        offset_ns = server_ns - sent_ns - trip_ns // 2
        if abs(offset_ns) > MAX_OFFSET_NS:
            raise ValueError(f"the venue's clock and ours are {abs(offset_ns) // SECOND_NS} s apart: set ours first")
        self._samples.append((received_ns, trip_ns + coarse_ns, offset_ns))

    def now_ns(self) -> int:
        """Return the venue's time now, as far as it is known."""
        return self._clock.now_ns() + self.offset_ns

    def earliest_ns(self) -> int:
        """Return what the venue's clock says now at least, and our own time while nothing is known of it.

        A state that the venue does not date, such as a balance, is dated by this: a fill that comes right after it
        is then never the older of the two, and is not taken for a part of it.
        """
        return self.now_ns() - (self.error_ns or 0)

    def not_before_ns(self) -> int:
        """Return what the venue's clock has passed now for certain: where the history of what is sent now begins.

        To be kept instead of our own time: whoever reads that history later may have another clock than ours is now.
        """
        error_ns = self.error_ns
        return self.now_ns() - (MAX_OFFSET_NS if error_ns is None else error_ns)

    @property
    def offset_ns(self) -> int:
        """Return how far the venue's clock is ahead of ours; 0 while it is not known."""
        best = self._best()
        return 0 if best is None else best[2]

    @property
    def error_ns(self) -> int | None:
        """Return by how much the offset may be wrong; None while it is not known."""
        best = self._best()
        return None if best is None else best[1] // 2

    def _best(self) -> tuple[int, int, int] | None:
        oldest_ns = self._clock.now_ns() - _FRESH_NS
        fresh = [one for one in self._samples if one[0] >= oldest_ns]
        return min(fresh or self._samples, key=lambda one: one[1], default=None)
