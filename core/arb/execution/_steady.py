"""Whether the clock went as fast as the world: time that only the clock saw proves nothing."""

from __future__ import annotations

import asyncio
from typing import Final

from arb.api import Clock
from arb.model import MILLISECOND_NS

_TICK_NS: Final = 250 * MILLISECOND_NS
_LATE_NS: Final = 500 * MILLISECOND_NS
"""A tick that comes so late tells of a clock that was set ahead, or of a process that stood still."""


class SteadyTime:
    """Ticks while anything is traded, and remembers when a tick came too late.

    That an order can no longer arrive is counted in time. A clock that jumps ahead counts seconds the
    venue has not seen, so after a jump the count begins anew.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._users = 0
        self._ticking: asyncio.Task[None] | None = None
        self.since_ns = clock.now_ns()

    def begin(self) -> None:
        """Tick from now on, until as many have ended as began."""
        self._users += 1
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick(), name="steady time")

    def end(self) -> None:
        """Tick no longer, when nobody else needs it."""
        self._users -= 1
        if not self._users and self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    async def _tick(self) -> None:
        while True:
            due_ns = self._clock.now_ns() + _TICK_NS
            await self._clock.sleep_until(due_ns)
            if self._clock.now_ns() - due_ns > _LATE_NS:
                self.since_ns = self._clock.now_ns()
