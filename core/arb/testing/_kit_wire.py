"""What lies between a plugin under test and its fake venue: a line that a case lets fail."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Final

from arb.api import Clock, ConnectFailed, ExchangeError, FakeVenue, HttpRequest, HttpResponse, OutcomeUnknown, WebSocket

Message = str | bytes
OnMessage = Callable[["WireSocket", Message], Iterable[Message]]

_NO_ANSWER: Final = "no answer came back"


class Cut(Exception):
    """Raised in the middle of a request by the script of an account: it ends here, past the fake venue.

    Attributes:
        outcome: What the plugin's transport has instead of the venue's answer; None is silence until its timeout.
    """

    def __init__(self, outcome: HttpResponse | ExchangeError | None) -> None:
        super().__init__("cut off by the conformance kit")
        self.outcome = outcome


class WireSocket:
    """One socket of the plugin.

    Attributes:
        is_open: Neither side has ended it.
        is_silent: Whatever the venue sends is lost; the socket stays open.
        is_deaf: Whatever the plugin sends is lost.
        sent: What the plugin has sent.
    """

    def __init__(self, inner: WebSocket, on_message: Callable[[WireSocket, Message], Iterable[Message]]) -> None:
        self._inner = inner
        self._on_message = on_message
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
        """Carry messages until the venue ends the socket."""
        async for message in self._inner.messages():
            if not self.is_silent:
                for carried in self._on_message(self, message):
                    self._unread.put_nowait(carried)
        self.drop()


class Wire:
    """HTTP and WebSockets of the plugin at once.

    Attributes:
        sent: When each HTTP request left, and the request.
        sockets: Every socket there was.
        answer: Instead of the venue, for every request, while it is set; None from it lets the request pass.
        is_refusing: Nothing connects.
        delay_ns: How long every request that leaves now travels; the plugin's timeout ends only the waiting.
        refused: How often something was refused.
        on_message: Sees what a venue sends on a socket and returns what arrives.
    """

    def __init__(self) -> None:
        self.venue: FakeVenue | None = None
        self.clock: Clock | None = None
        self.sent: list[tuple[int, HttpRequest]] = []
        self.sockets: list[WireSocket] = []
        self.answer: Callable[[HttpRequest], HttpResponse | None] | None = None
        self.is_refusing = False
        self.delay_ns = 0
        self.on_message: OnMessage = lambda _, message: [message]
        self.refused = 0
        self._travelling: set[asyncio.Task[HttpResponse]] = set()

    @property
    def open_sockets(self) -> list[WireSocket]:
        """Return the sockets that are open now."""
        return [socket for socket in self.sockets if socket.is_open]

    @property
    def span_ns(self) -> int:
        """Return the time between the first and the last request."""
        return self.sent[-1][0] - self.sent[0][0] if self.sent else 0

    def busiest(self, length_ns: int) -> int:
        """Return the most requests that left within any time of this length."""
        times = [sent_ns for sent_ns, _ in self.sent]
        return max(
            (bisect_left(times, begin_ns + length_ns) - place for place, begin_ns in enumerate(times)), default=0
        )

    def lose(self, count: int) -> None:
        """Let the next messages from the venue vanish, this many on each socket."""
        self._replace_next(count, [])

    def garble(self, garbage: Message) -> None:
        """Let the next message from the venue arrive as this, on each socket."""
        self._replace_next(1, [garbage])

    def _replace_next(self, count: int, carried: list[Message]) -> None:
        left = dict.fromkeys(map(id, self.open_sockets), count)

        def choose(socket: WireSocket, message: Message) -> list[Message]:
            if left.get(id(socket), 0) <= 0:
                return [message]
            left[id(socket)] -= 1
            return carried

        self.on_message = choose

    def fail_after(self, passing: int, answer: HttpResponse) -> None:
        """Let some requests pass and answer all that follow."""
        left = passing

        def choose(request: HttpRequest) -> HttpResponse | None:
            nonlocal left
            left -= 1
            return None if left >= 0 else answer

        self.answer = choose

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Carry a request; its timeout counts, as it does on a real line."""
        clock = self._clock()
        self._refuse()
        self.sent.append((clock.now_ns(), request))
        travelling = asyncio.create_task(self._carried(request, self.delay_ns))
        self._travelling.add(travelling)
        travelling.add_done_callback(self._travelling.discard)
        waiting = asyncio.create_task(clock.sleep_until(clock.now_ns() + request.timeout_ns))
        try:
            await asyncio.wait({travelling, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        if not travelling.done():
            raise OutcomeUnknown(_NO_ANSWER, code="timeout")
        return travelling.result()

    @asynccontextmanager
    async def connect(self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})) -> AsyncIterator[WebSocket]:
        """Open a socket; raises ConnectFailed."""
        self._refuse()
        assert self.venue is not None
        async with self.venue.connect(url, headers=headers) as inner:
            socket = WireSocket(inner, lambda each, message: self.on_message(each, message))
            self.sockets.append(socket)
            pumping = asyncio.create_task(socket.pump())
            try:
                yield socket
            finally:
                socket.drop()
                pumping.cancel()
                await asyncio.gather(pumping, return_exceptions=True)

    async def close(self) -> None:
        """Lose what still travels."""
        travelling = list(self._travelling)
        for task in travelling:
            task.cancel()
        await asyncio.gather(*travelling, return_exceptions=True)

    async def _carried(self, request: HttpRequest, delay_ns: int) -> HttpResponse:
        clock = self._clock()
        if delay_ns:
            await clock.sleep_until(clock.now_ns() + delay_ns)
        instead = None if self.answer is None else self.answer(request)
        if instead is not None:
            return instead
        assert self.venue is not None
        try:
            return await self.venue.send(request)
        except Cut as cut:
            if cut.outcome is None:
                await clock.sleep_until(clock.now_ns() + request.timeout_ns)
                raise OutcomeUnknown(_NO_ANSWER, code="timeout") from None
            if isinstance(cut.outcome, ExchangeError):
                raise cut.outcome from None
            return cut.outcome

    def _refuse(self) -> None:
        if self.is_refusing:
            self.refused += 1
            raise ConnectFailed("the connection was refused", code="no_connection")

    def _clock(self) -> Clock:
        assert self.clock is not None, "the venue is not open"
        return self.clock
