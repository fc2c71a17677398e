"""One WebSocket for many listeners, in the venue's JSON-RPC."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from arb.api import BadResponse, Context, ExchangeError
from arb.model import SECOND_NS
from arb.net import Connected, RateBudget, RateLimit, Stream, StreamRules, decoded

from ._fields import BAD_SHAPE, Row, rows_of, whole

MAX_UNREAD: Final = 5_000
_SILENCE_NS: Final = 45 * SECOND_NS
_PING_NS: Final = 15 * SECOND_NS
_AGAIN_NS: Final = 5 * SECOND_NS
"""A subscription that was refused is tried again so much later."""

_SENDS: Final = RateLimit(weight=20, per_ns=SECOND_NS)
_CONNECTS: Final = RateLimit(weight=5, per_ns=SECOND_NS)
"""The venue publishes no limits for sockets and their messages; these are ours."""


class Topic(NamedTuple):
    """What is subscribed to: a stream, and which part of it."""

    stream: str
    selector: str


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The venue has taken a subscription: what comes next on it begins anew.

    Attributes:
        latest: The sequence number that the next change continues; None where the venue does not say.
    """

    topic: Topic
    latest: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """One message of a stream.

    Attributes:
        sequence: 0 for a snapshot.
    """

    topic: Topic
    sequence: int
    previous: int
    feed: Row


Heard = Connected | Subscribed | Told
_Queue = asyncio.Queue[Heard | ExchangeError]


class Hub:
    """Keeps a socket open while somebody listens, and hands every message to the listeners of its topic.

    A quiet account sends nothing for a long time, so the socket subscribes to one topic again and again: the venue
    answers each time, and what does not answer is dead.
    """

    def __init__(
        self,
        context: Context,
        url: str,
        *,
        pulse: Topic,
        headers: Callable[[], Mapping[str, str]] = dict,
        ready: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            context: The exchange plugin's.
            url: Of the venue's sockets.
            pulse: The topic that tells a living socket; nobody listens to it.
            headers: Of the request that opens a socket.
            ready: Awaited before a socket is opened, such as for a login.
        """
        self._context = context
        self._clock = context.clock
        self._pulse = pulse
        self._ids = itertools.count(1)
        self._asked: dict[int, Topic] = {}
        rules = StreamRules(
            silence_ns=_SILENCE_NS,
            ping=(self._message("subscribe", pulse, 0), _PING_NS),
            headers=headers,
            connects=RateBudget(context.clock, [_CONNECTS]),
            sends=RateBudget(context.clock, [_SENDS]),
        )

        async def address() -> str:
            if ready is not None:
                await ready()
            return url

        self._stream = Stream(context, url, rules, address=address)
        self._listeners: dict[Topic, list[_Queue]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._later: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Hub]:
        """Lend the hub; its tasks end with the block."""
        try:
            yield self
        finally:
            await self._stop()

    async def listen(self, *topics: Topic) -> AsyncGenerator[Heard, None]:
        """Yield what comes on some topics, and :class:`Connected` where a socket begins; closing it unsubscribes."""
        unread: _Queue = asyncio.Queue()
        await self._join(topics, unread)
        try:
            while True:
                heard = await unread.get()
                if isinstance(heard, ExchangeError):
                    raise heard
                yield heard
        finally:
            await self._leave(topics, unread)

    async def refresh(self, topic: Topic) -> None:
        """Have the venue begin a topic anew, with a snapshot: for all who listen to it."""
        await self._stream.unsubscribe(_key(topic), self._message("unsubscribe", topic, next(self._ids)))
        await self._subscribe(topic)

    async def _join(self, topics: tuple[Topic, ...], unread: _Queue) -> None:
        for topic in topics:
            self._listeners.setdefault(topic, []).append(unread)
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        else:
            unread.put_nowait(Connected())
        for topic in topics:
            # A venue that is asked for what it sends already sends no snapshot, which the new listener needs.
            await (self._subscribe(topic) if len(self._listeners[topic]) == 1 else self.refresh(topic))

    async def _leave(self, topics: tuple[Topic, ...], unread: _Queue) -> None:
        for topic in topics:
            listeners = self._listeners.get(topic, [])
            if unread in listeners:
                listeners.remove(unread)
            if not listeners and self._listeners.pop(topic, None) is not None:
                message = self._message("unsubscribe", topic, next(self._ids))
                await self._stream.unsubscribe(_key(topic), message)
        if not self._listeners:
            await self._stop()

    async def _subscribe(self, topic: Topic) -> None:
        def message() -> str:
            number = next(self._ids)
            self._asked[number] = topic
            return self._message("subscribe", topic, number)

        await self._stream.subscribe(_key(topic), message)

    def _message(self, method: str, topic: Topic, number: int) -> str:
        params = {"stream": topic.stream, "selectors": [topic.selector]}
        return json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": number})

    async def _stop(self) -> None:
        tasks = [each for each in (self._reading, *self._later) if each is not None]
        self._reading = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        try:
            await self._read_all()
        except Exception as error:
            # Nothing comes any more, and nobody may wait for it; who listens next opens a new socket.
            self._reading = None
            if isinstance(error, ExchangeError):
                self._tell_all(error)
                return
            self._context.log.exception("reading the socket failed")
            failed = BadResponse(f"reading the socket failed: {error!r}", exchange=self._context.name, code="bug")
            self._tell_all(failed)

    async def _read_all(self) -> None:
        async with aclosing(self._stream.messages()) as messages:
            async for message in messages:
                if isinstance(message, Connected):
                    self._asked.clear()
                    self._tell_all(message)
                    continue
                try:
                    self._dispatch(decoded(message, self._context.name))
                except (ExchangeError, *BAD_SHAPE) as error:
                    # What it said is not known, of whatever topic: everything has a gap here.
                    self._stream.restart(f"a message is not understood: {error!r:.100}")

    def _dispatch(self, message: Any) -> None:
        (message,) = rows_of([message])
        if "feed" in message:
            topic = Topic(message["stream"], message["selector"])
            told = Told(
                topic, whole(message["sequence_number"]), whole(message["prev_sequence_number"]), message["feed"]
            )
            self._tell(topic, told)
        elif message.get("error"):
            self._refused(self._asked.pop(message.get("id", 0), None), str(message["error"]))
        elif message["method"] == "subscribe" and isinstance(message.get("id"), int):
            topic_asked = self._asked.pop(message["id"], None)
            if topic_asked is not None:
                latest = (message["result"].get("latest_sequence_number") or [None])[0]
                self._tell(topic_asked, Subscribed(topic_asked, None if latest is None else whole(latest)))

    def _refused(self, topic: Topic | None, why: str) -> None:
        self._context.log.warning("the socket refuses %s: %s", topic or "a message", why)
        if topic is not None:
            task = asyncio.create_task(self._ask_later(topic))
            self._later.add(task)
            task.add_done_callback(self._later.discard)

    async def _ask_later(self, topic: Topic) -> None:
        await self._clock.sleep_until(self._clock.now_ns() + _AGAIN_NS)
        if topic in self._listeners:
            await self._subscribe(topic)

    def _tell(self, topic: Topic, heard: Heard) -> None:
        for unread in self._listeners.get(topic, ()):
            _put(unread, heard)

    def _tell_all(self, heard: Connected | ExchangeError) -> None:
        for unread in {id(each): each for listeners in self._listeners.values() for each in listeners}.values():
            _put(unread, heard)


def _key(topic: Topic) -> str:
    return f"{topic.stream} {topic.selector}"


def _put(unread: _Queue, heard: Heard | ExchangeError) -> None:
    if unread.qsize() >= MAX_UNREAD:
        # Whoever is that far behind has a gap now, and begins anew.
        while not unread.empty():
            unread.get_nowait()
        unread.put_nowait(Connected(f"{MAX_UNREAD} messages stood unread"))
    unread.put_nowait(heard)
