"""One WebSocket with many channels, and who listens to which."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Any, Final

from arb.api import BadResponse, Context, NotSent, OutcomeUnknown, WebSocket
from arb.model import SECOND_NS
from arb.net import Connected, Stream, StreamRules, decoded

from ._budgets import Budgets
from ._fields import Row
from ._waiting import for_ever, stopped

Heard = Connected | Row
Message = str | bytes

_HEARTBEAT: Final = "height"
"""The number of the venue's last block, told with every block: a socket without it is dead."""

_SILENCE_NS: Final = 30 * SECOND_NS
_PING: Final = (json.dumps({"type": "ping"}), 20 * SECOND_NS)
"""The venue closes a socket on which the client says nothing for two minutes."""

_NO_DATA: Final = ('{"type":"pong"', '{"type": "pong"', '{"error"')
_MOST_UNREAD: Final = 10_000
_HARMLESS: Final = frozenset({"30003"})
"""Subscribed already."""


class Channels:
    """Subscriptions of one socket, which is open while anybody listens.

    A channel is asked for as `order_book/0` and answered as `order_book:0`.

    Attributes:
        heard_ns: When the venue said anything last; 0 while there is no socket.
    """

    def __init__(
        self,
        context: Context,
        url: str,
        budgets: Budgets,
        *,
        token: Callable[[], str] | None = None,
        renewed_ns: int | None = None,
        beats: bool = True,
    ) -> None:
        """Open nothing yet.

        Args:
            context: The exchange plugin's.
            url: Of the socket.
            budgets: For sockets and messages.
            token: Makes what private channels are asked for with.
            renewed_ns: A socket gets that old at most: its token expires later.
            beats: Whether the venue tells of every block as well, so that a quiet channel can be told from a dead
                socket within seconds. Else answers to pings count as signs of life.
        """
        self._context = context
        self._token = token
        self._renewed_ns = renewed_ns
        self._beats = beats
        self._socket: WebSocket | None = None
        self._opened_ns = 0
        self._listeners: dict[str, list[asyncio.Queue[Heard]]] = {}
        self._reader: asyncio.Task[None] | None = None
        self.heard_ns = 0
        rules = StreamRules(
            silence_ns=_SILENCE_NS if beats else 2 * _PING[1],
            is_data=_is_data if beats else lambda _: True,
            ping=_PING,
            greet=self._greet,
            connects=budgets.connects,
            sends=budgets.messages,
        )
        self._stream = Stream(context, url, rules)

    def is_fresh(self, age_ns: int) -> bool:
        """Return whether the venue said something within `age_ns`."""
        return self.heard_ns > 0 and self._context.clock.now_ns() - self.heard_ns <= age_ns

    async def listen(self, *channels: str) -> AsyncGenerator[Heard, None]:
        """Yield what comes on some channels, and :class:`Connected` before the first message of every socket.

        Whoever joins a channel that others listen to already gets no snapshot of it.
        """
        unread: asyncio.Queue[Heard] = asyncio.Queue()
        try:
            for channel in channels:
                await self._join(channel, unread)
            self._start()
            while True:
                yield await unread.get()
        finally:
            for channel in channels:
                await self._leave(channel, unread)
            await self._stop_if_idle()

    async def again(self, channel: str) -> None:
        """Ask anew for a channel, so that the venue sends a snapshot of it; asking twice would not do."""
        await self._stream.unsubscribe(channel, _asking("unsubscribe", channel))
        await self._stream.subscribe(channel, lambda: self._subscribing(channel))

    def restart(self, why: str) -> None:
        """Give the socket up for a new one."""
        self._stream.restart(why)

    async def close(self) -> None:
        """End everything; listeners hear nothing more."""
        self._listeners.clear()
        await self._stop_if_idle()

    async def _join(self, channel: str, unread: asyncio.Queue[Heard]) -> None:
        listening = self._listeners.setdefault(channel, [])
        listening.append(unread)
        if len(listening) == 1:
            await self._stream.subscribe(channel, lambda: self._subscribing(channel))

    async def _leave(self, channel: str, unread: asyncio.Queue[Heard]) -> None:
        listening = self._listeners.get(channel, [])
        if unread in listening:
            listening.remove(unread)
        if not listening and channel in self._listeners:
            del self._listeners[channel]
            await self._stream.unsubscribe(channel, _asking("unsubscribe", channel))

    def _subscribing(self, channel: str) -> str:
        return _asking("subscribe", channel, "" if self._token is None else self._token())

    def _start(self) -> None:
        if self._reader is None:
            self._reader = asyncio.create_task(for_ever(self._context, "the socket", self._read, self._broken))

    async def _stop_if_idle(self) -> None:
        reader = self._reader
        if reader is None or self._listeners or reader is asyncio.current_task():
            return
        self._reader = None
        self.heard_ns = 0
        await stopped(reader)

    async def _greet(self, socket: WebSocket) -> None:
        self._socket = socket
        self._opened_ns = self._context.clock.now_ns()
        if self._beats:
            await socket.send(_asking("subscribe", _HEARTBEAT))

    async def _read(self) -> None:
        async with aclosing(self._stream.messages()) as messages:
            async for message in messages:
                if isinstance(message, Connected):
                    self._tell_all(message)
                else:
                    await self._take(message)

    def _broken(self) -> None:
        self.heard_ns = 0

    async def _take(self, message: Message) -> None:
        self.heard_ns = self._context.clock.now_ns()
        if self._renewed_ns is not None and self.heard_ns - self._opened_ns >= self._renewed_ns:
            self.restart("the token of this socket expires")
            return
        body = self._read_object(message)
        if body is None:
            # Whatever it told is not known: everything begins anew.
            self.restart("a message could not be read")
            return
        kind = body.get("type")
        if kind == "ping":
            await self._answer_ping()
        elif kind == "shutdown":
            self.restart("the venue is about to close the socket")
        elif "error" in body:
            self._refused(body["error"])
        elif isinstance(kind, str) and kind.startswith(("subscribed/", "update/")):
            self._tell(str(body.get("channel", "")).replace(":", "/"), body)

    def _read_object(self, message: Message) -> Row | None:
        try:
            body = decoded(message, self._context.name)
        except BadResponse:
            return None
        return body if isinstance(body, dict) and ("type" in body or "error" in body) else None

    async def _answer_ping(self) -> None:
        # Not within the budget of messages: an answer that is late ends the socket.
        with suppress(NotSent, OutcomeUnknown):
            if self._socket is not None:
                await self._socket.send(json.dumps({"type": "pong"}))

    def _refused(self, error: Any) -> None:
        code = str(error.get("code", "")) if isinstance(error, dict) else ""
        if code in _HARMLESS:
            return
        # It does not say which subscription it was: the next socket asks for all of them.
        self.restart(f"the venue refused a message: {error}")

    def _tell(self, channel: str, body: Row) -> None:
        for unread in self._listeners.get(channel, ()):
            self._put(unread, body)

    def _tell_all(self, message: Connected) -> None:
        for unread in {id(each): each for listening in self._listeners.values() for each in listening}.values():
            self._put(unread, message)

    def _put(self, unread: asyncio.Queue[Heard], message: Heard) -> None:
        if unread.qsize() >= _MOST_UNREAD:
            while not unread.empty():
                unread.get_nowait()
            self.restart(f"{_MOST_UNREAD} messages stood unread")
        unread.put_nowait(message)


def _asking(what: str, channel: str, token: str = "") -> str:
    return json.dumps({"type": what, "channel": channel, **({"auth": token} if token else {})})


def _is_data(message: Message) -> bool:
    head = message if isinstance(message, str) else message[:20].decode("utf-8", "replace")
    return not head.startswith(_NO_DATA)
