"""Network transports of a test: a function answers, nothing leaves the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from urllib.parse import urlsplit

from arb.api import ConnectFailed, HttpRequest, HttpResponse


class FakeHttp:
    """Implements `arb.api.HttpTransport`: `answer` gets each request; without it every call fails to connect.

    Attributes:
        requests: What was sent, in order.
    """

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse] | None = None) -> None:
        self._answer = answer
        self.requests: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Record the request and return what `answer` makes of it; what it raises is raised."""
        self.requests.append(request)
        if self._answer is None:
            raise ConnectFailed(f"no network in this test: {request.method} {request.url}")
        return self._answer(request)


class FakeWebSocket:
    """One fake socket: the test pushes messages and reads what was sent.

    Attributes:
        sent: What the code under test sent, in order.
    """

    def __init__(self) -> None:
        self.sent: list[str | bytes] = []
        self._messages: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._closed = False

    async def send(self, message: str | bytes) -> None:
        """Record a message; raises ConnectFailed after `close`."""
        if self._closed:
            raise ConnectFailed("the socket is closed")
        self.sent.append(message)

    async def messages(self) -> AsyncIterator[str | bytes]:
        """Yield what was pushed until `close`."""
        while (message := await self._messages.get()) is not None:
            yield message

    def push(self, message: str | bytes) -> None:
        """Deliver a message as if the venue had sent it."""
        self._messages.put_nowait(message)

    def close(self) -> None:
        """End the socket, as a lost connection would."""
        self._closed = True
        self._messages.put_nowait(None)


class FakeWebSockets:
    """Implements `arb.api.WebSocketTransport`; `greet` may push the first messages of each socket.

    Attributes:
        opened: Every socket with the address it was opened for, in order.
    """

    def __init__(self, greet: Callable[[str, FakeWebSocket], None] | None = None, *, reachable: bool = True) -> None:
        self._greet = greet
        self._reachable = reachable
        self.opened: list[tuple[str, FakeWebSocket]] = []

    @asynccontextmanager
    async def connect(
        self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})
    ) -> AsyncIterator[FakeWebSocket]:
        """Open a fake socket; raises ConnectFailed when it was made unreachable."""
        if not self._reachable:
            raise ConnectFailed(f"no network in this test: {urlsplit(url).hostname}")
        socket = FakeWebSocket()
        self.opened.append((url, socket))
        if self._greet is not None:
            self._greet(url, socket)
        try:
            yield socket
        finally:
            socket.close()
