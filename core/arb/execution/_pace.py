"""How fast a loop looks again: quickly at first, slower while nothing changes."""

from __future__ import annotations

import asyncio

from arb.api import Clock


class Wake:
    """Ends the waits of every loop early: something was heard of an account, so looking pays."""

    def __init__(self) -> None:
        self._heard = asyncio.Event()

    def now(self) -> None:
        """Wake everybody who waits."""
        self._heard.set()
        self._heard = asyncio.Event()

    async def until(self, clock: Clock, ts_ns: int) -> None:
        """Return at a time, or when somebody wakes."""
        waiting = {asyncio.ensure_future(clock.sleep_until(ts_ns)), asyncio.ensure_future(self._heard.wait())}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()


class Pace:
    """Waits of one loop, by the injected clock."""

    def __init__(self, clock: Clock, wake: Wake, first_ns: int, longest_ns: int) -> None:
        self._clock = clock
        self._wake = wake
        self._first_ns = first_ns
        self._longest_ns = longest_ns
        self._next_ns = first_ns
        self._retries = 0

    def quicken(self) -> None:
        """Look quickly again: something has changed."""
        self._next_ns = self._first_ns

    async def wait(self, *, at_latest_ns: int | None = None, longest_ns: int | None = None) -> None:
        """Wait before looking again; each wait is half as long again as the one before, up to the longest.

        Args:
            at_latest_ns: When a look will tell something new; None when nobody knows.
            longest_ns: A longest wait of this occasion, shorter than the usual one.
        """
        now_ns = self._clock.now_ns()
        longest_ns = min(self._longest_ns, self._longest_ns if longest_ns is None else longest_ns)
        look_ns = now_ns + min(self._next_ns, longest_ns)
        if at_latest_ns is not None and now_ns < at_latest_ns < look_ns:
            look_ns = at_latest_ns
        self._next_ns = min(self._next_ns * 3 // 2, self._longest_ns)
        await self._wake.until(self._clock, look_ns)

    async def retry(self, delay_ns: int) -> None:
        """Wait before the same is tried again; each wait is longer by half, up to the longest."""
        for _ in range(self._retries):
            delay_ns = min(delay_ns * 3 // 2, max(self._longest_ns, delay_ns))
        self._retries += 1
        await self._clock.sleep_until(self._clock.now_ns() + delay_ns)
