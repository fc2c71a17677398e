"""A clock that only a test moves."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import Final

START_NS: Final = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z, where fakes begin unless told otherwise."""

_TURNS: Final = 64


async def settle() -> None:
    """Let tasks that are ready run: 64 turns of the loop, which no chain of awaits in a test needs."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)  # noqa: TID251 - the one place that yields without a clock


class FakeClock:
    """Implements `arb.api.Clock`; time stands still until `advance`, `move_to` or `run_for`."""

    def __init__(self, start_ns: int = START_NS) -> None:
        self._now_ns = start_ns
        self._count = itertools.count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now_ns(self) -> int:
        """Return the time the test has set."""
        return self._now_ns

    async def sleep_until(self, ts_ns: int) -> None:
        """Wait until the test moves time to `ts_ns`; in the past it yields once."""
        if ts_ns <= self._now_ns:
            await asyncio.sleep(0)  # noqa: TID251 - as above
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (ts_ns, next(self._count), woken))
        await woken

    @property
    def next_wake_ns(self) -> int | None:
        """Return when the first sleeper wants to wake; None when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def advance(self, duration_ns: int) -> None:
        """Move time on and mark due sleepers ready; they run when the test next awaits."""
        self.move_to(self._now_ns + duration_ns)

    def move_to(self, ts_ns: int) -> None:
        """Set the time; raises ValueError for a time in the past, since a clock never goes back."""
        if ts_ns < self._now_ns:
            raise ValueError(f"a clock never goes back: {ts_ns} is before {self._now_ns}")
        self._now_ns = ts_ns
        while self._sleepers and self._sleepers[0][0] <= ts_ns:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():
                woken.set_result(None)

    async def run_for(self, duration_ns: int) -> None:
        """Pass time as if it were real: stop at each sleeper's time and let its work be done."""
        end_ns = self._now_ns + duration_ns
        await settle()
        while (wake_ns := self.next_wake_ns) is not None and wake_ns <= end_ns:
            self.move_to(max(wake_ns, self._now_ns))
            await settle()
        self.move_to(max(end_ns, self._now_ns))
        await settle()
