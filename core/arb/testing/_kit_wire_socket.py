"""One socket of a plugin under test, which a test watches and lets fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping

from arb.api import ConnectFailed, WebSocket

Message = str | bytes
Tamper = Callable[[Message], Iterable[Message]]


class WireSocket:
    """One socket of the plugin.

    Attributes:
        url: It was opened for.
        headers: Sent with the opening.
        is_open: Neither side has ended it.
        is_silent: Whatever the venue sends is lost; the socket stays open.
        is_deaf: Whatever the plugin sends is lost.
        sent: What the plugin has sent.
        tamper: Sees what the venue sends and returns what arrives.
    """

    def __init__(self, inner: WebSocket, url: str, headers: Mapping[str, str], tamper: Tamper) -> None:
        self._inner = inner
        self.url = url
        self.headers = dict(headers)
        self.tamper = tamper
        self._unread: asyncio.Queue[Message | None] = asyncio.Queue()
        self.is_open = True
        self.is_silent = False
        self.is_deaf = False
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        """Send to the venue; raises ConnectFailed after the end."""
        if not self.is_open:
            raise ConnectFailed("the WebSocket is closed", code="closed")
        self.sent.append(message)
        if not self.is_deaf:
            await self._inner.send(message)

    async def messages(self) -> AsyncIterator[Message]:
        """Yield what the venue sends and the line lets through."""
        while (message := await self._unread.get()) is not None:
            yield message

    def drop(self) -> None:
        """End it as a lost connection does."""
        self.is_open = False
        self._unread.put_nowait(None)

    async def pump(self) -> None:
        """Carry messages until the venue ends the socket, or `tamper` fails."""
        try:
            async for message in self._inner.messages():
                if not self.is_silent:
                    for carried in self.tamper(message):
                        self._unread.put_nowait(carried)
        finally:
            self.drop()
