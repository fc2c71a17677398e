"""What a venue's clock says: asked for beside what is sent, and heard in the answers that come anyway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from arb.api import Context, ExchangeError, NotSent
from arb.model import MINUTE_NS, SECOND_NS

from ._fields import BAD_SHAPE, from_s, reading
from ._server_time import ServerTime

_AGE_NS: Final = 5 * MINUTE_NS
_AGAIN_NS: Final = 10 * SECOND_NS
"""So long after a try that failed the time is not asked for again where one is known, and nothing waits for it."""

_PATIENCE_NS: Final = 2 * SECOND_NS
"""For so long after it was asked for, something better is waited for where the venue refused what is known."""


class VenueTime:
    """A venue's clock, as far as it is known, for what is signed by it.

    The call that tells it may hang while that for orders works. So it is asked in the background, and nothing waits
    for it while anything is known that the venue has not refused.
    """

    def __init__(self, context: Context, ask: Callable[[], Awaitable[None]]) -> None:
        """Know nothing yet; `ask` asks the venue and hands the answer to :meth:`told`."""
        self._context = context
        self._clock = context.clock
        self._ask = ask
        self._time = ServerTime(context.clock)
        self._is_doubted = False
        self._learnt_ns: int | None = None
        self._told_ns: int | None = None
        self._failed_ns: int | None = None
        self._why = ""
        self._asking: asyncio.Task[None] | None = None
        self._asked_ns = 0
        self._is_closed = False

    @property
    def offset_ns(self) -> int:
        """Return how far the venue's clock is ahead of ours; 0 while it is not known."""
        return self._time.offset_ns

    @property
    def slack_ns(self) -> int:
        """Return by how much :meth:`now_ns` may be wrong: for where a history ends."""
        return self._time.now_ns() - self._time.not_before_ns()

    def now_ns(self) -> int:
        """Return the venue's time now, as far as it is known."""
        return self._time.now_ns()

    def earliest_ns(self) -> int:
        """Return what the venue's clock says now at least; see :meth:`arb.net.ServerTime.earliest_ns`."""
        return self._time.earliest_ns()

    def not_before_ns(self) -> int:
        """Return what the venue's clock has passed now for certain; see :meth:`arb.net.ServerTime.not_before_ns`."""
        return self._time.not_before_ns()

    async def ready(self) -> None:
        """Return at once where the time is known; else wait for one try, or its first 2 s where the venue refused ours.

        A try that fails is logged: what is signed by a time that is refused does no harm.
        """
        self.refresh()
        if self._asking is None or self._asking.done():
            return
        if not self._is_known:
            await asyncio.wait({self._asking})
        elif self._is_doubted:
            until_ns = min(self._asked_ns, self._clock.now_ns()) + _PATIENCE_NS
            late = asyncio.create_task(self._clock.sleep_until(until_ns))
            await asyncio.wait({self._asking, late}, return_when=asyncio.FIRST_COMPLETED)
            late.cancel()

    async def required(self) -> None:
        """Do as :meth:`ready`, and ask again at once where nothing is known: nothing leaves without it anyway.

        One that the venue refused will do where nothing better is told: the venue judges by it, and a leg may be
        waiting to be covered.

        Raises:
            NotSent: the time was never told: an order that is signed by a clock which may be wrong could hold for
                longer than it is said to.
        """
        if not self._is_known:
            self._ask_again()
        await self.ready()
        if not self._is_known:
            text = f"not sent: the venue's time is not known: {self._why}"
            raise NotSent(text, exchange=self._context.name, code="no_time")

    def refresh(self) -> None:
        """Have the time asked for in the background, unless it was a while ago or is being asked."""
        if not self._is_within(self._told_ns, _AGE_NS) and not self._is_within(self._failed_ns, _AGAIN_NS):
            self._ask_again()

    def doubt(self) -> None:
        """Have whatever is told next replace what is known: the venue has refused a time."""
        self._is_doubted = True
        self._told_ns = None

    def told(self, server_ns: int, *, sent_ns: int, coarse_ns: int = 0) -> None:
        """Take what an answer that came now says of the time; see :meth:`arb.net.ServerTime.add`.

        Raises:
            BadResponse: it is no time of now.
        """
        received_ns = self._clock.now_ns()
        with reading(self._context.name, "the venue's time"):
            self._add(server_ns, sent_ns=sent_ns, received_ns=received_ns, coarse_ns=coarse_ns)
        self._told_ns = received_ns

    def dated(self, headers: Mapping[str, str], sent_ns: int) -> None:
        """Take the `Date` of an answer, which is whole seconds, where nothing was learnt for a while."""
        received_ns = self._clock.now_ns()
        if self._is_within(self._learnt_ns, _AGE_NS) and not self._is_doubted:
            return
        value = next((value for name, value in headers.items() if name.lower() == "date"), None)
        if value is None:
            return
        try:
            server_ns = from_http_date(value) + SECOND_NS // 2
            self._add(server_ns, sent_ns=sent_ns, received_ns=received_ns, coarse_ns=SECOND_NS)
        except BAD_SHAPE as error:
            self._context.log.debug("the date of an answer is not used: %s", error)

    async def close(self) -> None:
        """Ask no more."""
        self._is_closed = True
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    @property
    def _is_known(self) -> bool:
        return self._time.error_ns is not None

    def _is_within(self, since_ns: int | None, length_ns: int) -> bool:
        # A clock that was set back makes what came before it old.
        return since_ns is not None and 0 <= self._clock.now_ns() - since_ns < length_ns

    def _ask_again(self) -> None:
        if not self._is_closed and (self._asking is None or self._asking.done()):
            self._asked_ns = self._clock.now_ns()
            self._asking = asyncio.create_task(self._try())

    async def _try(self) -> None:
        try:
            await self._ask()
        except Exception as error:  # a bug of the plugin, too, is a time that is not told
            if self._failed_ns is None:
                is_bug = not isinstance(error, ExchangeError)
                self._context.log.warning("the venue's time could not be asked: %s", error, exc_info=is_bug)
            self._failed_ns, self._why = self._clock.now_ns(), str(error)
        else:
            self._failed_ns = None

    def _add(self, server_ns: int, *, sent_ns: int, received_ns: int, coarse_ns: int) -> None:
        time = ServerTime(self._clock) if self._is_doubted else self._time
        time.add(server_ns, sent_ns=sent_ns, received_ns=received_ns, coarse_ns=coarse_ns)
        self._time, self._is_doubted, self._learnt_ns = time, False, received_ns


def from_http_date(value: str) -> int:
    """Return the nanoseconds of a date in a header, such as `Thu, 01 Jan 2026 06:00:00 GMT`; raises ValueError."""
    told = parsedate_to_datetime(value.strip())
    aware = told if told.tzinfo is not None else told.replace(tzinfo=UTC)
    return from_s(int(aware.timestamp()))
