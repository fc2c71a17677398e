"""As many WebSockets as streams need, and their messages for many listeners."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from arb.api import Context
from arb.net import Connected, Listeners, Row, until_answered

from ._line import Line

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
        self._listeners = Listeners[str, Row](MAX_UNREAD)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Hub]:
        """Lend the hub; its sockets end with the block."""
        try:
            yield self
        finally:
            for line in self._lines:
                await line.close()

    async def listen(self, topic: str) -> AsyncGenerator[Connected | Row, None]:
        """Yield the data of a stream, and :class:`Connected` where it begins or has a gap; closing unsubscribes."""
        inbox, first = self._listeners.join([topic])
        inbox.put(Connected())
        if first:
            self._line_of(topic).add(topic)
        try:
            while True:
                yield await inbox.get()
        finally:
            if self._listeners.leave([topic], inbox):
                await self._remove(topic)

    async def _remove(self, topic: str) -> None:
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
        return await until_answered(self._context, self._pulse)

    def _dispatch(self, message: Row) -> None:
        if message.get("error") or message.get("code"):
            self._context.log.warning("the socket refused a message: %.200s", message.get("error") or message)
            return
        topic, data = message.get("stream"), message.get("data")
        if isinstance(topic, str) and isinstance(data, dict):
            self._listeners.tell(topic, data)

    def _has_gap(self, line: Line, connected: Connected) -> None:
        for topic in line.topics:
            self._listeners.tell(topic, connected)
