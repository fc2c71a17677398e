"""Traffic that was recorded, given back to the code that made it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final, Generic, Protocol, TypeVar

from arb.api import Clock, ConnectFailed, ExchangeError, HttpRequest, HttpResponse, OutcomeUnknown, WebSocket

from ._redacted import Redactor
from ._shape import shape
from ._traffic import SocketLife, Traffic, read_traffic

_NEAREST: Final = 5


class _Keyed(Protocol):
    key: str


K = TypeVar("K", bound=_Keyed)


class NotRecorded(LookupError):
    """The code asks for what the recording does not hold."""


class Replay:
    """Implements :class:`arb.api.HttpTransport` and :class:`arb.api.WebSocketTransport` out of a recording.

    A request gets the next answer that was recorded for the same method, path, query and body, after as long as
    it took then. Hosts, secrets, times, nonces and client order ids may differ. A socket brings the messages of the
    next one that was recorded for its address, as far apart as they were, and ends where that one ended; what is
    sent on it is taken and not looked at.
    """

    def __init__(self, traffic: Traffic, clock: Clock, redactor: Redactor) -> None:
        self._clock = clock
        self._redactor = redactor
        self._trips = _Queues(traffic.trips)
        self._sockets = _Queues(traffic.sockets)

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Answer, or fail, as was recorded.

        Raises:
            NotRecorded: the recording holds no such request, or no further one.
        """
        url, body = self._redactor.url(request.url), self._redactor.body(request.body)
        trip = self._trips.next(shape(request.method, url, body))
        begin_ns = self._clock.now_ns()
        if trip.outcome is None:
            await self._clock.sleep_until(begin_ns + request.timeout_ns)
            raise OutcomeUnknown("the recording holds no answer to this request", code="no_answer")
        await self._clock.sleep_until(begin_ns + trip.ended_ns - trip.began_ns)
        if isinstance(trip.outcome, ExchangeError):
            raise trip.outcome
        return trip.outcome

    @asynccontextmanager
    async def connect(self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})) -> AsyncIterator[WebSocket]:
        """Open the next socket that was recorded for this address.

        Raises:
            NotRecorded: the recording holds none, or no further one.
            ConnectFailed: so it was then.
        """
        life = self._sockets.next(shape("socket", self._redactor.url(url), ""))
        offset_ns = self._clock.now_ns() - life.began_ns
        if life.opened_ns is None:
            await self._clock.sleep_until(offset_ns + life.ended_ns)
            raise life.failure or ConnectFailed("the recording ends before this socket was open", code="no_connection")
        await self._clock.sleep_until(offset_ns + life.opened_ns)
        socket = _ReplayedSocket(life, offset_ns, self._clock)
        try:
            yield socket
        finally:
            socket.is_closed = True


class _Queues(Generic[K]):
    """What is left of one kind, in order under each key."""

    def __init__(self, items: Sequence[K]) -> None:
        self._count = Counter(item.key for item in items)
        self._left: dict[str, deque[K]] = {}
        for item in items:
            self._left.setdefault(item.key, deque()).append(item)

    def next(self, key: str) -> K:
        """Return the next of a key; raises NotRecorded."""
        if left := self._left.get(key):
            return left.popleft()
        if key in self._count:
            raise NotRecorded(f"{key}: was recorded {self._count[key]} times, and is asked for once more")
        start = " ".join(key.partition("?")[0].split(" ")[:2])
        near = [each for each in self._count if each.startswith(start)] or list(self._count)
        held = "; ".join(f"{self._count[each]} x {each}" for each in near[:_NEAREST]) or "nothing of the kind"
        more = f"; and {len(near) - _NEAREST} others" if len(near) > _NEAREST else ""
        raise NotRecorded(f"{key}: was not recorded; the recording holds {held}{more}")


class _ReplayedSocket:
    """Implements :class:`arb.api.WebSocket`."""

    def __init__(self, life: SocketLife, offset_ns: int, clock: Clock) -> None:
        self._life = life
        self._offset_ns = offset_ns
        self._clock = clock
        self._at = 0
        self.is_closed = False

    async def send(self, message: str | bytes) -> None:
        """Take a message, until the end."""
        if self.is_closed:
            raise ConnectFailed("the WebSocket is closed", code="closed")

    async def messages(self) -> AsyncGenerator[str | bytes, None]:
        """Yield what was received, each at its time."""
        while self._at < len(self._life.received):
            time_ns, message = self._life.received[self._at]
            await self._clock.sleep_until(self._offset_ns + time_ns)
            self._at += 1
            yield message
        await self._clock.sleep_until(self._offset_ns + self._life.ended_ns)
        self.is_closed = True


def replayed(file: Path, clock: Clock, *, secrets: Iterable[str] = ()) -> Replay:
    """Return transports that answer out of a file which `arb run --record` wrote.

    Args:
        file: A recording of one exchange; one that was cut off is used as far as it goes.
        clock: Answers and messages come at its times; a virtual one makes that quick.
        secrets: Those of the settings that the replaying code uses: in a request they stand for the recorded ones.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no recording of traffic, or one of a later version.
    """
    return Replay(read_traffic(file), clock, Redactor(secrets))


def recorded_from(file: Path) -> int:
    """Return when a recording begins, nanoseconds: where virtual time should begin; raises as :func:`replayed`."""
    return read_traffic(file).began_ns
