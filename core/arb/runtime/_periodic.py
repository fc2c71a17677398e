"""Work at fixed times until the run is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from arb.api import Clock


class StopSignal:
    """Asks every part of a run to come to rest at its next safe point."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.reason = ""

    def set(self, reason: str) -> None:
        """Stop; the first reason stands."""
        self.reason = self.reason or reason
        self._event.set()

    @property
    def is_set(self) -> bool:
        """Whether the run is being stopped."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Return when the run is being stopped."""
        await self._event.wait()


async def periodic(work: Callable[[], Awaitable[None]], every_ns: int, clock: Clock, stop: StopSignal) -> None:
    """Do `work` now and at every multiple of `every_ns`; times missed while working are not made up for."""
    while not stop.is_set:
        await work()
        now = clock.now_ns()
        await sleep_or_stop(now - now % every_ns + every_ns, clock, stop)


async def sleep_or_stop(until_ns: int, clock: Clock, stop: StopSignal) -> None:
    """Return at `until_ns` or when the run is being stopped."""
    sleep = asyncio.ensure_future(clock.sleep_until(until_ns))
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({sleep, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleep.cancel()
        stopped.cancel()
