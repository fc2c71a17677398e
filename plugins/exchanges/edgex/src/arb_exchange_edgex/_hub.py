"""One public WebSocket for many listeners."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from arb.api import BadResponse, Context, NotSent, OutcomeUnknown, WebSocket
from arb.model import SECOND_NS
from arb.net import Connected, RateBudget, RateLimit, Row, SharedStream, Stream, StreamRules, decoded

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
        self._asked_ns: dict[str, int] = {}
        sends = RateBudget(context.clock, [SENDS])
        rules = StreamRules(silence_ns=SILENCE_NS, ping=PING, greet=self._socket.greet, sends=sends)
        self._shared = SharedStream[str, Row](
            context,
            Stream(context, url, rules),
            subscription=self._subscription,
            cancellation=lambda channel: _asking("unsubscribe", channel),
            take=self._take,
            joined=self.again,
            most_unread=MAX_UNREAD,
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Hub]:
        """Lend the hub; its socket ends with the block."""
        async with self._shared.opened():
            yield self

    def listen(self, channel: str) -> AsyncGenerator[Connected | Row, None]:
        """Yield the contents of a channel, and :class:`Connected` where a socket begins; closing it unsubscribes.

        The venue sends a channel's snapshot to whoever subscribes, so that one who joins others makes it send
        another, to all of them.
        """
        return self._shared.listen(channel)

    def again(self, channel: str) -> None:
        """Subscribe anew, so that the venue sends a snapshot; not more often than every few seconds."""
        if channel in self._shared and self._context.clock.now_ns() - self._asked_ns.get(channel, 0) >= _AGAIN_NS:
            self._shared.resubscribe(channel)

    def _subscription(self, channel: str) -> str:
        self._asked_ns[channel] = self._context.clock.now_ns()
        return _asking("subscribe", channel)

    async def _take(self, message: str | bytes) -> None:
        body = read_object(message, self._context.name)
        if body is None:
            # Whatever it told is not known: everything begins anew.
            self._shared.restart("a message could not be read")
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
            self._shared.restart("a message could not be read")
            return
        self._shared.tell(channel, content)


def read_object(message: str | bytes, exchange: str) -> dict[str, Any] | None:
    """Return a message of the venue; None for what is none."""
    try:
        body = decoded(message, exchange)
    except BadResponse:
        return None
    return body if isinstance(body, dict) and isinstance(body.get("type"), str) else None


def _asking(kind: str, channel: str) -> str:
    return json.dumps({"type": kind, "channel": channel})
