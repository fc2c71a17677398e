"""What Backpack's clock says, asked for beside what is signed by it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from arb.api import Context, ExchangeError, NotSent
from arb.model import MINUTE_NS, SECOND_NS
from arb.net import ServerTime, from_ms, reading

_AGE_NS: Final = 5 * MINUTE_NS
_AGAIN_NS: Final = 10 * SECOND_NS
"""So long after a try that failed the time is not asked for again, and nothing waits for it."""


class VenueTime:
    """The venue's clock, as far as it is known.

    A new sample is fetched in the background: nothing waits for it while there is one that the venue has not refused.
    """

    def __init__(self, context: Context, ask: Callable[[], Awaitable[bytes]]) -> None:
        """Know nothing yet; `ask` returns the body of `GET /api/v1/time`, milliseconds as plain text."""
        self._context = context
        self._clock = context.clock
        self._ask = ask
        self._time = ServerTime(context.clock)
        self._is_doubted = False
        self._told_ns: int | None = None
        self._failed_ns: int | None = None
        self._why = ""
        self._asking: asyncio.Task[None] | None = None

    @property
    def offset_ns(self) -> int:
        """Return how far the venue's clock is ahead of ours; 0 while it is not known."""
        return self._time.offset_ns

    def now_ns(self) -> int:
        """Return the venue's time now, as far as it is known."""
        return self._time.now_ns()

    def earliest_ns(self) -> int:
        """Return what the venue's clock says now at least; see :meth:`arb.net.ServerTime.earliest_ns`."""
        return self._time.earliest_ns()

    async def ready(self) -> None:
        """Return at once where the time is known; else, or where the venue refused it, wait for one try.

        A try that fails is logged: what is read by a wrong clock is refused, and does no harm.
        """
        self._refresh()
        if self._asking is not None and (not self._is_known or self._is_doubted):
            await asyncio.wait({self._asking})

    async def required(self) -> None:
        """Do as :meth:`ready`.

        Raises:
            NotSent: the time was never told: an order that is signed by a clock which may be wrong could stay valid
                for longer than it says.
        """
        await self.ready()
        if not self._is_known:
            text = f"not sent: the venue's time is not known: {self._why}"
            raise NotSent(text, exchange=self._context.name, code="no_time")

    def doubt(self) -> None:
        """Have what is told next replace all that is known: the venue has refused a time."""
        self._is_doubted = True
        self._told_ns = None

    async def close(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    @property
    def _is_known(self) -> bool:
        return self._time.error_ns is not None

    def _refresh(self) -> None:
        if self._asking is not None and not self._asking.done():
            return
        if not self._is_within(self._told_ns, _AGE_NS) and not self._is_within(self._failed_ns, _AGAIN_NS):
            self._asking = asyncio.create_task(self._try())

    def _is_within(self, since_ns: int | None, length_ns: int) -> bool:
        # A clock that was set back makes what came before it old.
        return since_ns is not None and 0 <= self._clock.now_ns() - since_ns < length_ns

    async def _try(self) -> None:
        try:
            await self._sample()
        except ExchangeError as error:
            if self._failed_ns is None:
                self._context.log.warning("the venue's time could not be asked: %s", error)
            self._failed_ns, self._why = self._clock.now_ns(), str(error)
        else:
            self._failed_ns = None

    async def _sample(self) -> None:
        sent_ns = self._clock.now_ns()
        body = await self._ask()
        received_ns = self._clock.now_ns()
        time = ServerTime(self._clock) if self._is_doubted else self._time
        with reading(self._context.name, "the venue's time"):
            time.add(from_ms(body.decode().strip()), sent_ns=sent_ns, received_ns=received_ns)
        self._time, self._is_doubted, self._told_ns = time, False, received_ns
