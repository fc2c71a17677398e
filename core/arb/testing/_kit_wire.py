"""What lies between a plugin under test and its fake venue: a line that a test watches and lets fail."""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from arb.api import Clock, ConnectFailed, ExchangeError, FakeVenue, HttpRequest, HttpResponse, OutcomeUnknown, WebSocket

from ._kit_wire_socket import Message, Tamper, WireSocket

Answer = Callable[[HttpRequest], HttpResponse | None]
Change = Callable[[HttpRequest, HttpResponse], HttpResponse]

_NO_ANSWER: Final = "no answer came back"


class Cut(Exception):
    """Raised in the middle of a request by the script of an account: it ends here, past the fake venue.

    Attributes:
        outcome: What the plugin's transport has instead of the venue's answer; None is silence until its timeout.
    """

    def __init__(self, outcome: HttpResponse | ExchangeError | None) -> None:
        super().__init__("cut off by the conformance kit")
        self.outcome = outcome


class Wire:
    """HTTP and WebSockets of the plugin at once.

    Attributes:
        log: When each HTTP request left (integer nanoseconds), and the request.
        sockets: Every socket there was.
        answer: Instead of the venue, for every request, while it is set; None from it lets the request pass.
        change: What arrives instead of what the venue answers, while it is set.
        tamper: Sees each message of the venue on any socket and returns what arrives, while it is set.
        is_refusing: Nothing connects.
        has_sockets: WebSockets connect; without them HTTP works on.
        delay_ns: How long every request that leaves now travels; the plugin's timeout ends only the waiting.
        refused: How often something was refused.
    """

    def __init__(self) -> None:
        self._venue: FakeVenue | None = None
        self.clock: Clock | None = None
        self.log: list[tuple[int, HttpRequest]] = []
        self.sockets: list[WireSocket] = []
        self.answer: Answer | None = None
        self.change: Change | None = None
        self.tamper: Tamper | None = None
        self.is_refusing = False
        self.has_sockets = True
        self.delay_ns = 0
        self.refused = 0
        self._travelling: set[asyncio.Task[HttpResponse]] = set()

    @property
    def venue(self) -> FakeVenue:
        """The fake venue at the other end."""
        assert self._venue is not None, "the venue is not open"
        return self._venue

    @venue.setter
    def venue(self, venue: FakeVenue) -> None:
        self._venue = venue

    @property
    def requests(self) -> list[HttpRequest]:
        """Return every HTTP request that left, in order."""
        return [request for _, request in self.log]

    def sent(self, method: str, path: str) -> list[HttpRequest]:
        """Return the requests of a method whose address, up to its query, ends with `path`; in order."""
        return [each for each in self.requests if each.method == method and _path(each).endswith(path)]

    @property
    def open_sockets(self) -> list[WireSocket]:
        """Return the sockets that are open now."""
        return [socket for socket in self.sockets if socket.is_open]

    @property
    def span_ns(self) -> int:
        """Return the time between the first and the last request."""
        return self.log[-1][0] - self.log[0][0] if self.log else 0

    def busiest(self, length_ns: int) -> int:
        """Return the most requests that left within any time of this length."""
        times = [sent_ns for sent_ns, _ in self.log]
        return max(
            (bisect_left(times, begin_ns + length_ns) - place for place, begin_ns in enumerate(times)), default=0
        )

    def lose_sockets(self) -> None:
        """End every socket; none connects until `has_sockets` is set again."""
        self.has_sockets = False
        for socket in self.open_sockets:
            socket.drop()

    def lose(self, count: int) -> None:
        """Let the next messages from the venue vanish, this many on each socket."""
        self._replace_next(count, [])

    def garble(self, garbage: Message) -> None:
        """Let the next message from the venue arrive as this, on each socket."""
        self._replace_next(1, [garbage])

    def _replace_next(self, count: int, carried: list[Message]) -> None:
        for socket in self.open_sockets:
            socket.tamper = partial(_next_of, [carried] * count)

    def fail_after(self, passing: int, answer: HttpResponse) -> None:
        """Let some requests pass and answer all that follow."""
        left = passing

        def choose(request: HttpRequest) -> HttpResponse | None:
            nonlocal left
            left -= 1
            return None if left >= 0 else answer

        self.answer = choose

    def change_json(self, path: str, change: Callable[[Any], Any]) -> None:
        """Change the JSON of good answers from now on, besides what is changed already.

        Args:
            path: How the address ends, up to its query.
            change: Gets what the venue answers and returns what arrives.
        """
        before = self.change

        def changed(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
            found = answer if before is None else before(request, answer)
            if found.status != HTTPStatus.OK or not _path(request).endswith(path):
                return found
            return replace(found, body=json.dumps(change(json.loads(found.body))).encode())

        self.change = changed

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Carry a request; its timeout counts, as it does on a real line."""
        clock = self._clock()
        self._refuse_if(self.is_refusing)
        self.log.append((clock.now_ns(), request))
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
        """Open a socket; raises ConnectFailed, and at its end what a test's `tamper` raised."""
        self._refuse_if(self.is_refusing or not self.has_sockets)
        async with self.venue.connect(url, headers=headers) as inner:
            socket = WireSocket(inner, url, headers, self._tampered)
            self.sockets.append(socket)
            pumping = asyncio.create_task(socket.pump())
            try:
                yield socket
            finally:
                socket.drop()
                pumping.cancel()
                (ended,) = await asyncio.gather(pumping, return_exceptions=True)
            if isinstance(ended, Exception):
                raise ended

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
        try:
            answer = await self.venue.send(request)
        except Cut as cut:
            if cut.outcome is None:
                await clock.sleep_until(clock.now_ns() + request.timeout_ns)
                raise OutcomeUnknown(_NO_ANSWER, code="timeout") from None
            if isinstance(cut.outcome, ExchangeError):
                raise cut.outcome from None
            return cut.outcome
        return answer if self.change is None else self.change(request, answer)

    def _tampered(self, message: Message) -> Iterable[Message]:
        return [message] if self.tamper is None else self.tamper(message)

    def _refuse_if(self, is_refused: bool) -> None:
        if is_refused:
            self.refused += 1
            raise ConnectFailed("the connection was refused", code="no_connection")

    def _clock(self) -> Clock:
        assert self.clock is not None, "the venue is not open"
        return self.clock


def _next_of(left: list[list[Message]], message: Message) -> Iterable[Message]:
    return left.pop() if left else [message]


def _path(request: HttpRequest) -> str:
    return request.url.partition("?")[0]
