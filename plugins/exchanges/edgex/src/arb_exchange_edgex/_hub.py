"""One public WebSocket for many listeners."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any, Final

from arb.api import BadResponse, Context, ExchangeError, NotSent, OutcomeUnknown, WebSocket
from arb.model import SECOND_NS
from arb.net import Connected, RateBudget, RateLimit, Stream, StreamRules, decoded

from ._fields import Row

Heard = Connected | Row
MAX_UNREAD: Final = 5_000
SILENCE_NS: Final = 45 * SECOND_NS
"""The venue pings about every ten seconds, and answers our pings: what says nothing for so long is dead."""

PING: Final = (json.dumps({"type": "ping", "time": "1767225600000"}), 15 * SECOND_NS)
"""The venue returns the time it is sent, whatever it is."""

SENDS: Final = RateLimit(weight=10, per_ns=SECOND_NS)
"""The venue publishes no limit for messages; this is ours."""

_AGAIN_NS: Final = 5 * SECOND_NS


class Socket:
    """The socket that is open now, for answers to the venue's pings."""

    def __init__(self) -> None:
        self._open: WebSocket | None = None

    async def greet(self, socket: WebSocket) -> None:
        """Remember a new socket."""
        self._open = socket

    async def answer(self, ping: Row) -> None:
        """Return a ping with its own time; a socket that is gone needs none."""
        if self._open is not None:
            with suppress(NotSent, OutcomeUnknown):
                await self._open.send(json.dumps({"type": "pong", "time": ping.get("time")}))


class Hub:
    """Keeps a socket open while somebody listens, and hands every message to the listeners of its channel."""

    def __init__(self, context: Context, url: str) -> None:
        """Open nothing yet."""
        self._context = context
        self._socket = Socket()
        sends = RateBudget(context.clock, [SENDS])
        rules = StreamRules(silence_ns=SILENCE_NS, ping=PING, greet=self._socket.greet, sends=sends)
        self._stream = Stream(context, url, rules)
        self._listeners: dict[str, list[asyncio.Queue[Heard | ExchangeError]]] = {}
        self._asked_ns: dict[str, int] = {}
        self._reading: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Hub]:
        """Lend the hub; its task ends with the block."""
        try:
            yield self
        finally:
            await self._stop()

    async def listen(self, channel: str) -> AsyncGenerator[Heard, None]:
        """Yield the contents of a channel, and :class:`Connected` where a socket begins; closing it unsubscribes.

        The venue sends a channel's snapshot to whoever subscribes, so that one who joins others makes it send
        another, to all of them.
        """
        unread: asyncio.Queue[Heard | ExchangeError] = asyncio.Queue()
        await self._join(channel, unread)
        try:
            while True:
                heard = await unread.get()
                if isinstance(heard, ExchangeError):
                    raise heard
                yield heard
        finally:
            await self._leave(channel, unread)

    async def again(self, channel: str) -> None:
        """Subscribe anew, so that the venue sends a snapshot; not more often than every few seconds."""
        now_ns = self._context.clock.now_ns()
        if channel not in self._listeners or now_ns - self._asked_ns.get(channel, 0) < _AGAIN_NS:
            return
        self._asked_ns[channel] = now_ns
        await self._stream.unsubscribe(channel, _asking("unsubscribe", channel))
        await self._stream.subscribe(channel, lambda: _asking("subscribe", channel))

    async def _join(self, channel: str, unread: asyncio.Queue[Heard | ExchangeError]) -> None:
        self._listeners.setdefault(channel, []).append(unread)
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        else:
            unread.put_nowait(Connected())
        if len(self._listeners[channel]) == 1:
            self._asked_ns[channel] = self._context.clock.now_ns()
            await self._stream.subscribe(channel, lambda: _asking("subscribe", channel))
        else:
            await self.again(channel)

    async def _leave(self, channel: str, unread: asyncio.Queue[Heard | ExchangeError]) -> None:
        listeners = self._listeners.get(channel, [])
        if unread in listeners:
            listeners.remove(unread)
        if not listeners and self._listeners.pop(channel, None) is not None:
            self._asked_ns.pop(channel, None)
            await self._stream.unsubscribe(channel, _asking("unsubscribe", channel))
        if not self._listeners:
            await self._stop()

    async def _stop(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self) -> None:
        try:
            async with aclosing(self._stream.messages()) as messages:
                async for message in messages:
                    if isinstance(message, Connected):
                        self._tell_all(message)
                    else:
                        await self._take(message)
        except Exception as error:
            # Nothing comes any more, and nobody may wait for it; who listens next opens a new socket.
            self._reading = None
            self._context.log.exception("reading the socket failed")
            self._tell_all(
                BadResponse(f"reading the socket failed: {error!r}", exchange=self._context.name, code="bug")
            )

    async def _take(self, message: str | bytes) -> None:
        body = read_object(message, self._context.name)
        if body is None:
            # Whatever it told is not known: everything begins anew.
            self._stream.restart("a message could not be read")
            return
        kind = body.get("type")
        if kind == "ping":
            await self._socket.answer(body)
        elif kind == "error":
            self._context.log.warning("the socket refused a message")
        elif kind == "quote-event":
            self._dispatch(body)

    def _dispatch(self, body: Row) -> None:
        content = body.get("content")
        channel = body.get("channel")
        if not isinstance(content, dict) or not isinstance(channel, str):
            self._stream.restart("a message could not be read")
            return
        for unread in self._listeners.get(channel, ()):
            put(unread, content)

    def _tell_all(self, heard: Connected | ExchangeError) -> None:
        for listeners in self._listeners.values():
            for unread in listeners:
                put(unread, heard)


def read_object(message: str | bytes, exchange: str) -> dict[str, Any] | None:
    """Return a message of the venue; None for what is none."""
    try:
        body = decoded(message, exchange)
    except BadResponse:
        return None
    return body if isinstance(body, dict) and isinstance(body.get("type"), str) else None


def put(unread: asyncio.Queue[Heard | ExchangeError], message: Heard | ExchangeError) -> None:
    """Hand a message over; whoever is too far behind has a gap now, and begins anew."""
    if unread.qsize() >= MAX_UNREAD:
        while not unread.empty():
            unread.get_nowait()
        unread.put_nowait(Connected(f"{MAX_UNREAD} messages stood unread"))
    unread.put_nowait(message)


def _asking(kind: str, channel: str) -> str:
    return json.dumps({"type": kind, "channel": channel})
