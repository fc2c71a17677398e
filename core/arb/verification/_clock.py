"""The clock of one process: wrong by some seconds, and sometimes it jumps ahead."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._process import Process


class ProcessClock:
    """Implements :class:`arb.api.Clock` over the time of the world; it never goes back."""

    def __init__(self, process: Process, offset_ns: int) -> None:
        self._process = process
        self._loop = process.world.loop
        self._offset_ns = offset_ns
        self._sleepers: dict[asyncio.Future[None], tuple[int, asyncio.TimerHandle]] = {}

    def now_ns(self) -> int:
        """Return the time as this process sees it."""
        self._process.require_alive()
        return self._loop.now_ns() + self._offset_ns

    async def sleep_until(self, ts_ns: int) -> None:
        """Return when `now_ns() >= ts_ns`; after one turn of the loop when that is not in the future."""
        self._process.require_alive()
        woken: asyncio.Future[None] = self._loop.create_future()
        self._sleepers[woken] = (ts_ns, self._timer(woken, ts_ns))
        try:
            await woken
        finally:
            self._sleepers.pop(woken)[1].cancel()
        self._process.require_alive()

    def jump(self, ahead_ns: int) -> None:
        """Go ahead; who slept until a time that has come wakes up."""
        self._offset_ns += ahead_ns
        for woken, (ts_ns, timer) in list(self._sleepers.items()):
            timer.cancel()
            self._sleepers[woken] = (ts_ns, self._timer(woken, ts_ns))

    def _timer(self, woken: asyncio.Future[None], ts_ns: int) -> asyncio.TimerHandle:
        return self._loop.call_at_ns(ts_ns - self._offset_ns, _wake, woken)


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
