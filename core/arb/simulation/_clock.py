"""The clock of a loop in virtual time."""

from __future__ import annotations

import asyncio

from ._loop import VirtualTimeLoop


class VirtualClock:
    """Implements :class:`arb.api.Clock` over a :class:`VirtualTimeLoop`."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop

    @classmethod
    def of_running_loop(cls) -> VirtualClock:
        """Return the clock of the running loop.

        Raises:
            RuntimeError: no loop runs, or it keeps real time.
        """
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualTimeLoop):
            raise RuntimeError(f"{type(loop).__name__} keeps real time; start it with run_virtual()")
        return cls(loop)

    def now_ns(self) -> int:
        """Return the virtual time, nanoseconds since the Unix epoch."""
        return self._loop.now_ns()

    async def sleep_until(self, ts_ns: int) -> None:
        """Return when `now_ns() == ts_ns`; after one turn of the loop when that is not in the future."""
        if ts_ns <= self._loop.now_ns():
            await asyncio.sleep(0)  # noqa: TID251 - the clock is the one home of yielding
            return
        woken = self._loop.create_future()
        timer = self._loop.call_at_ns(ts_ns, _wake, woken)
        try:
            await woken
        finally:
            timer.cancel()


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
