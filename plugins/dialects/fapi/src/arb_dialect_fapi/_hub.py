"""As many WebSockets as streams need, and their messages for many listeners."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from arb.api import BadResponse, Context, NotSent, OutcomeUnknown
from arb.net import Backoff, Connected

from ._fields import Row
from ._line import Line

Heard = Connected | Row
MAX_UNREAD: Final = 10_000


class Hub:
    """Keeps sockets open while somebody listens, and hands every message to the listeners of its stream."""

    def __init__(
        self,
        context: Context,
        url: str,
        *,
        most: int,
        life_ns: int,
        pulse: Callable[[], Awaitable[str]],
    ) -> None:
        """Open nothing yet; the arguments are those of :class:`Line`."""
        self._context = context
        self._url = url
        self._most = most
        self._life_ns = life_ns
        self._pulse = pulse
        self._lines: list[Line] = []
        self._listeners: dict[str, list[asyncio.Queue[Heard]]] = {}

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Hub]:
        """Lend the hub; its sockets end with the block."""
        try:
            yield self
        finally:
            for line in self._lines:
                await line.close()

    async def listen(self, topic: str) -> AsyncGenerator[Heard, None]:
        """Yield the data of a stream, and :class:`Connected` where it begins or has a gap; closing unsubscribes."""
        unread: asyncio.Queue[Heard] = asyncio.Queue()
        unread.put_nowait(Connected())
        listeners = self._listeners.setdefault(topic, [])
        listeners.append(unread)
        if len(listeners) == 1:
            self._line_of(topic).add(topic)
        try:
            while True:
                yield await unread.get()
        finally:
            await self._leave(topic, unread)

    async def _leave(self, topic: str, unread: asyncio.Queue[Heard]) -> None:
        listeners = self._listeners.get(topic, [])
        if unread in listeners:
            listeners.remove(unread)
        if not listeners and self._listeners.pop(topic, None) is not None:
            line = self._line_of(topic)
            if len(line.topics) == 1 and line in self._lines:
                self._lines.remove(line)
            await line.remove(topic)

    def _line_of(self, topic: str) -> Line:
        """Return the line that has a stream, or has room for it."""
        found = next((line for line in self._lines if topic in line.topics), None)
        found = found or next((line for line in self._lines if line.has_room), None)
        if found is None:
            found = Line(
                self._context,
                self._url,
                most=self._most,
                life_ns=self._life_ns,
                pulse=self._asked_pulse,
                tell=self._dispatch,
                gap=self._has_gap,
            )
            self._lines.append(found)
        return found

    async def _asked_pulse(self) -> str:
        """Ask until the venue can be asked: whoever listens waits as for a socket that does not open."""
        backoff, clock = Backoff(self._context.random), self._context.clock
        while True:
            try:
                return await self._pulse()
            except (NotSent, OutcomeUnknown, BadResponse) as error:
                self._context.log.warning("the venue cannot be asked what is listed: %s", error)
            await clock.sleep_until(clock.now_ns() + backoff.next_ns())

    def _dispatch(self, message: Row) -> None:
        if message.get("error") or message.get("code"):
            self._context.log.warning("the socket refused a message: %.200s", message.get("error") or message)
            return
        topic, data = message.get("stream"), message.get("data")
        if isinstance(topic, str) and isinstance(data, dict):
            for unread in self._listeners.get(topic, ()):
                _put(unread, data)

    def _has_gap(self, line: Line, connected: Connected) -> None:
        for topic in line.topics:
            for unread in self._listeners.get(topic, ()):
                _put(unread, connected)


def _put(unread: asyncio.Queue[Heard], message: Heard) -> None:
    if unread.qsize() >= MAX_UNREAD:
        # Whoever is that far behind has a gap now, and begins anew.
        while not unread.empty():
            unread.get_nowait()
        unread.put_nowait(Connected(f"{MAX_UNREAD} messages stood unread"))
    unread.put_nowait(message)
