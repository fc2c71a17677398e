"""The wall clock: the only home of real time."""

from __future__ import annotations

import asyncio
import time
from typing import Final

_LONGEST_SLEEP_NS: Final = 60_000_000_000


class WallClock:
    """Real time that never goes back: wall time at the start, carried on by the monotonic clock.

    A step of the system's clock during a run (NTP, a person) does not reach deadlines or ages.
    """

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()  # noqa: TID251 - the clock's home

    def now_ns(self) -> int:
        """Return nanoseconds since the Unix epoch."""
        return self._offset_ns + time.monotonic_ns()

    async def sleep_until(self, ts_ns: int) -> None:
        """Return when `now_ns() >= ts_ns`."""
        while (left := ts_ns - self.now_ns()) > 0:  # noqa: ASYNC110 - one sleep may end early
            await asyncio.sleep(min(left, _LONGEST_SLEEP_NS) / 1e9)  # noqa: TID251 - the clock's home
