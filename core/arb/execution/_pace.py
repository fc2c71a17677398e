"""How fast a loop looks again: quickly at first, slower while nothing changes."""

from __future__ import annotations

from arb.api import Clock


class Pace:
    """Waits of one loop, by the injected clock."""

    def __init__(self, clock: Clock, first_ns: int, longest_ns: int) -> None:
        self._clock = clock
        self._next_ns = first_ns
        self._longest_ns = longest_ns
        self._retries = 0

    async def wait(self, *, at_latest_ns: int | None = None) -> None:
        """Wait before looking again; each wait is half as long again as the one before, up to the longest.

        Args:
            at_latest_ns: When a look will tell something new; None when nobody knows.
        """
        now_ns = self._clock.now_ns()
        look_ns = now_ns + self._next_ns
        if at_latest_ns is not None and now_ns < at_latest_ns < look_ns:
            look_ns = at_latest_ns
        await self._clock.sleep_until(look_ns)
        self._next_ns = min(self._next_ns * 3 // 2, self._longest_ns)

    async def retry(self, delay_ns: int) -> None:
        """Wait before the same is tried again; each wait is longer by half, up to the longest."""
        for _ in range(self._retries):
            delay_ns = min(delay_ns * 3 // 2, max(self._longest_ns, delay_ns))
        self._retries += 1
        await self._clock.sleep_until(self._clock.now_ns() + delay_ns)
