"""One WebSocket for many listeners."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

from arb.api import BadResponse, Context, ExchangeError, NotSent, OutcomeUnknown
from arb.model import SECOND_NS
from arb.net import Backoff, Connected, RateBudget, RateLimit, Stream, StreamRules, decoded

from ._fields import Row

Heard = Connected | Row
MAX_UNREAD: Final = 5_000
_SILENCE_NS: Final = 60 * SECOND_NS
_SENDS: Final = RateLimit(weight=10, per_ns=SECOND_NS)
"""The venue publishes no limit for messages; this is ours."""


class Hub:
    """Keeps a socket open while somebody listens, and hands every message to the listeners of its stream.

    A quiet market sends nothing for a long time, so the socket also hears the ticker of a busy one, which the venue
    sends every second: what is silent then is dead.
    """

    def __init__(
        self,
        context: Context,
        url: str,
        *,
        pulse: Callable[[], Awaitable[str]],
        subscription: Callable[[str], str],
        refused: Callable[[str], None],
    ) -> None:
        """Open nothing yet.

        Args:
            context: The exchange plugin's.
            url: Of the venue's sockets.
            pulse: Names the stream that tells a living socket.
            subscription: Makes the message that asks for a stream.
            refused: Told when the venue refuses a message.
        """
        self._context = context
        self._pulse = pulse
        self._subscription = subscription
        self._refused = refused
        rules = StreamRules(silence_ns=_SILENCE_NS, sends=RateBudget(context.clock, [_SENDS]))
        self._stream = Stream(context, url, rules)
        self._listeners: dict[str, list[asyncio.Queue[Heard | ExchangeError]]] = {}
        self._reading: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Hub]:
        """Lend the hub; its task ends with the block."""
        try:
            yield self
        finally:
            await self._stop()

    def restart(self, why: str) -> None:
        """Give the socket up for a new one."""
        self._stream.restart(why)

    async def listen(self, topic: str) -> AsyncGenerator[Heard, None]:
        """Yield the data of a stream, and :class:`Connected` where a socket begins; closing it unsubscribes."""
        unread: asyncio.Queue[Heard | ExchangeError] = asyncio.Queue()
        await self._join(topic, unread)
        try:
            while True:
                heard = await unread.get()
                if isinstance(heard, ExchangeError):
                    raise heard
                yield heard
        finally:
            await self._leave(topic, unread)

    async def _join(self, topic: str, unread: asyncio.Queue[Heard | ExchangeError]) -> None:
        self._listeners.setdefault(topic, []).append(unread)
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        else:
            unread.put_nowait(Connected())
        if len(self._listeners[topic]) == 1:
            await self._stream.subscribe(topic, lambda: self._subscription(topic))

    async def _leave(self, topic: str, unread: asyncio.Queue[Heard | ExchangeError]) -> None:
        listeners = self._listeners.get(topic, [])
        if unread in listeners:
            listeners.remove(unread)
        if not listeners and self._listeners.pop(topic, None) is not None:
            await self._stream.unsubscribe(topic, json.dumps({"method": "UNSUBSCRIBE", "params": [topic]}))
        if not self._listeners:
            await self._stop()

    async def _stop(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self) -> None:
        try:
            await self._read_all()
        except Exception as error:
            # Nothing comes any more, and nobody may wait for it; who listens next opens a new socket.
            self._reading = None
            self._context.log.exception("reading the socket failed")
            failed = BadResponse(f"reading the socket failed: {error!r}", exchange=self._context.name, code="bug")
            self._tell_all(failed)

    async def _read_all(self) -> None:
        pulse = await self._asked_pulse()
        await self._stream.subscribe(pulse, lambda: self._subscription(pulse))
        async with aclosing(self._stream.messages()) as messages:
            async for message in messages:
                if isinstance(message, Connected):
                    self._tell_all(message)
                    continue
                try:
                    self._dispatch(decoded(message, self._context.name))
                except ExchangeError as error:
                    self._context.log.warning("a message of the socket is not understood: %s", error)

    async def _asked_pulse(self) -> str:
        """Ask until the venue can be asked: whoever listens waits as for a socket that does not open."""
        backoff = Backoff(self._context.random)
        while True:
            try:
                return await self._pulse()
            except (NotSent, OutcomeUnknown, BadResponse) as error:
                self._context.log.warning("the venue cannot be asked what is listed: %s", error)
            clock = self._context.clock
            await clock.sleep_until(clock.now_ns() + backoff.next_ns())

    def _dispatch(self, message: Any) -> None:
        if not isinstance(message, dict):
            return
        if message.get("error"):
            self._refused(str(message["error"]))
            return
        topic, data = message.get("stream"), message.get("data")
        if not isinstance(topic, str):
            return
        for each in data if isinstance(data, list) else [data]:
            if isinstance(each, dict):
                for unread in self._listeners.get(topic, ()):
                    _put(unread, each)

    def _tell_all(self, connected: Connected | ExchangeError) -> None:
        for listeners in self._listeners.values():
            for unread in listeners:
                _put(unread, connected)


def _put(unread: asyncio.Queue[Heard | ExchangeError], message: Heard | ExchangeError) -> None:
    if unread.qsize() >= MAX_UNREAD:
        # Whoever is that far behind has a gap now, and begins anew.
        while not unread.empty():
            unread.get_nowait()
        unread.put_nowait(Connected(f"{MAX_UNREAD} messages stood unread"))
    unread.put_nowait(message)
