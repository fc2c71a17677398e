"""The wall clock: the only home of real time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Final

_LONGEST_SLEEP_NS: Final = 60_000_000_000


def _steady() -> Callable[[], int]:
    """Return a clock that nobody sets and that goes on while the machine sleeps, where there is one."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)
    return time.monotonic_ns


class WallClock:
    """Real time that never goes back: wall time at the start, carried on by a clock that nobody sets.

    A step of the system's clock during a run (NTP, a person) does not reach deadlines or ages; hours
    that the machine slept do.
    """

    def __init__(self) -> None:
        self._steady_ns = _steady()
        self._offset_ns = time.time_ns() - self._steady_ns()  # noqa: TID251 - the clock's home

    def now_ns(self) -> int:
        """Return nanoseconds since the Unix epoch."""
        return self._offset_ns + self._steady_ns()

    async def sleep_until(self, ts_ns: int) -> None:
        """Return when `now_ns() >= ts_ns`; after one turn of the loop when it is so already."""
        if ts_ns <= self.now_ns():
            await asyncio.sleep(0)  # noqa: TID251 - as below
        while (left := ts_ns - self.now_ns()) > 0:  # noqa: ASYNC110 - one sleep may end early
            await asyncio.sleep(min(left, _LONGEST_SLEEP_NS) / 1e9)  # noqa: TID251 - the clock's home
