"""One WebSocket with many channels, and who listens to which."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from arb.api import BadResponse, Context, NotSent, OutcomeUnknown, WebSocket
from arb.model import SECOND_NS
from arb.net import Connected, Row, SharedStream, Stream, StreamRules, decoded

from ._budgets import Budgets
from ._waiting import stopped

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

_TOO_MUCH: Final = frozenset({"30009", "30010"})
"""Too many messages: any may be the one that was not taken, such as one that unsubscribes to mend a book."""

_AGAIN_NS: Final = 60 * SECOND_NS
"""A channel that was refused is asked for again so much later: its market may be gone."""


class Channels:
    """Subscriptions of one socket, which is open while anybody listens.

    A channel is asked for as `order_book/0` and answered as `order_book:0`. A public one that is refused is asked for
    again alone. One of the account is no loss of one channel: what it did not tell is told where the next socket
    begins.

    Attributes:
        heard_ns: When the venue said anything last; 0 before the first time.
        socket_number: Of the socket that is open; another one from the moment that its end is known.
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
        self._url = url
        self._token = token
        self._renewed_ns = renewed_ns
        self._beats = beats
        self._socket: WebSocket | None = None
        self._opened_ns = 0
        self._unanswered: set[str] = set()
        self._later: asyncio.Task[None] | None = None
        self.heard_ns = 0
        self.socket_number = 0
        rules = StreamRules(
            silence_ns=_SILENCE_NS if beats else 2 * _PING[1],
            is_data=_is_data if beats else lambda _: True,
            ping=_PING,
            greet=self._greet,
            connects=budgets.connects,
            sends=budgets.messages,
        )
        self._shared = SharedStream[str, Row](
            context,
            Stream(context, url, rules, address=self._address),
            subscription=self._subscribing,
            cancellation=self._unsubscribing,
            take=self._take,
            most_unread=_MOST_UNREAD,
            # What was missed is told again to a new subscription only.
            restart_when_behind=True,
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Let the channels be used in a block, whose end closes the socket."""
        async with self._shared.opened():
            try:
                yield
            finally:
                await stopped(self._later)

    def is_fresh(self, age_ns: int) -> bool:
        """Return whether the venue said something within `age_ns`."""
        return self.heard_ns > 0 and self._context.clock.now_ns() - self.heard_ns <= age_ns

    def listen(self, *channels: str) -> AsyncGenerator[Heard, None]:
        """Yield what comes on some channels, and :class:`Connected` before the first message of every socket.

        Whoever joins a channel that others listen to already gets no snapshot of it.
        """
        return self._shared.listen(*channels)

    def again(self, channel: str) -> None:
        """Ask anew for a channel, so that the venue sends a snapshot of it; asking twice would not do."""
        self._shared.resubscribe(channel)

    def restart(self, why: str) -> None:
        """Give the socket up for a new one."""
        self._shared.restart(why)

    def _subscribing(self, channel: str) -> str:
        self._unanswered.add(channel)
        return _asking("subscribe", channel, "" if self._token is None else self._token())

    def _unsubscribing(self, channel: str) -> str:
        self._unanswered.discard(channel)
        return _asking("unsubscribe", channel)

    async def _address(self) -> str:
        """Return where the next socket is opened; whoever asks for it has lost the one before."""
        self.socket_number += 1
        return self._url

    async def _greet(self, socket: WebSocket) -> None:
        self._unanswered.clear()
        self._socket = socket
        self._opened_ns = self._context.clock.now_ns()
        if self._beats:
            await socket.send(_asking("subscribe", _HEARTBEAT))

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
            channel = str(body.get("channel", "")).replace(":", "/")
            self._unanswered.discard(channel)
            self._shared.tell(channel, body)

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
        if self._token is not None or code in _TOO_MUCH or not self._unanswered:
            self.restart(f"the venue refused a message: {error}")
            return
        # It does not say which one it was. By then the others are answered.
        self._context.log.warning("the venue refused one of %s: %s", ", ".join(sorted(self._unanswered)), error)
        if self._later is None or self._later.done():
            self._later = asyncio.create_task(self._ask_later())

    async def _ask_later(self) -> None:
        clock = self._context.clock
        await clock.sleep_until(clock.now_ns() + _AGAIN_NS)
        for channel in sorted(self._unanswered):
            if channel in self._shared:
                self._shared.subscribe(channel)
            else:
                self._unanswered.discard(channel)


def _asking(what: str, channel: str, token: str = "") -> str:
    return json.dumps({"type": what, "channel": channel, **({"auth": token} if token else {})})


def _is_data(message: Message) -> bool:
    head = message if isinstance(message, str) else message[:20].decode("utf-8", "replace")
    return not head.startswith(_NO_DATA)
