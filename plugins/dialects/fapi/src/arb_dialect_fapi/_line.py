"""One WebSocket for many streams, replaced by another before the venue closes it."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

from arb.api import Context, ExchangeError
from arb.model import MINUTE_NS, SECOND_NS
from arb.net import Connected, RateBudget, RateLimit, Row, Stream, StreamRules, decoded

Tell = Callable[[Row], None]
CHUNK: Final = 100
"""Streams in one message that subscribes."""

SENDS: Final = RateLimit(weight=5, per_ns=SECOND_NS)
"""The venue takes 10 messages a second, pings and pongs among them."""

CONNECTS: Final = RateLimit(weight=60, per_ns=MINUTE_NS)
_SILENCE_NS: Final = 2 * MINUTE_NS
_GATHERED_NS: Final = SECOND_NS // 5
_EARLY: Final = 24
"""A part of its life, an hour of a day: so long before its end a socket is replaced."""

_OVERLAP_NS: Final = 3 * SECOND_NS
_PATIENCE_NS: Final = MINUTE_NS
_GOING_DOWN: Final = "serverShutdown"


class Line:
    """Up to `most` streams over one socket.

    A socket that comes to its age is replaced without a gap: the next one is opened beside it, and what that one
    has sent meanwhile is told when the old one is closed. Some messages are then told twice.
    """

    def __init__(
        self,
        context: Context,
        url: str,
        *,
        most: int,
        life_ns: int,
        pulse: Callable[[], Awaitable[str]],
        tell: Tell,
        gap: Callable[[Line, Connected], None],
    ) -> None:
        """Open nothing yet.

        Args:
            context: The exchange plugin's.
            url: Of combined streams.
            most: Streams, the pulse among them.
            life_ns: How long the venue keeps a socket.
            pulse: Names a stream on which something always comes: a socket that is silent is dead.
            tell: Gets every message.
            gap: Told when a socket began that continues no other.
        """
        self._context = context
        self._clock = context.clock
        self._url = url
        self._most = most - 1
        self._life_ns = life_ns
        self._pulse = pulse
        self._tell = tell
        self._gap = gap
        self._connects = context.shared(RateBudget, f"{url} connects", lambda: RateBudget(self._clock, [CONNECTS]))
        self.topics: dict[str, None] = {}
        self._changed = asyncio.Event()
        self._going_down = asyncio.Event()
        self._current: _Wire | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def has_room(self) -> bool:
        """Whether another stream fits."""
        return len(self.topics) < self._most

    def add(self, topic: str) -> None:
        """Subscribe soon, together with what else is added about now."""
        self.topics[topic] = None
        self._changed.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def remove(self, topic: str) -> None:
        """Unsubscribe; a line without streams closes its socket."""
        self.topics.pop(topic, None)
        if not self.topics:
            await self.close()
        elif self._current is not None:
            self._current.unsubscribe(topic)

    async def close(self) -> None:
        """Close the socket."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        current = self._open()
        try:
            while True:
                await self._serve_until_old(current)
                successor = self._open()
                try:
                    await self._until(successor.is_alive, _PATIENCE_NS)
                    await self._pause(_OVERLAP_NS)
                except BaseException:
                    await successor.close()
                    raise
                old, current = current, successor
                self._current = current
                await old.close()
                current.take_over()
        finally:
            self._current = None
            await current.close()

    def _open(self) -> _Wire:
        rules = StreamRules(silence_ns=_SILENCE_NS, sends=RateBudget(self._clock, [SENDS]), connects=self._connects)
        stream = Stream(self._context, self._url, rules)
        return _Wire(self._context, stream, list(self.topics), self._pulse, self._dispatch, self._began)

    async def _serve_until_old(self, current: _Wire) -> None:
        """Subscribe what is added until the socket has to be replaced."""
        self._current = current
        current.take_over()
        # Not all at the same moment: each is a snapshot for every book where the two do not fit together.
        early_ns = self._life_ns // _EARLY
        spread_ns = self._context.random.randrange(early_ns // 2)
        until_ns = self._clock.now_ns() + self._life_ns - early_ns - spread_ns
        self._going_down.clear()
        while (left_ns := until_ns - self._clock.now_ns()) > 0 and not self._going_down.is_set():
            await self._either(self._changed, self._going_down, left_ns)
            if self._changed.is_set():
                await self._pause(_GATHERED_NS)
                self._changed.clear()
                current.subscribe(list(self.topics))

    async def _either(self, first: asyncio.Event, second: asyncio.Event, longest_ns: int) -> None:
        await self._first_of([first.wait(), second.wait()], longest_ns)

    async def _until(self, event: asyncio.Event, longest_ns: int) -> None:
        await self._first_of([event.wait()], longest_ns)

    async def _first_of(self, waits: list[Any], longest_ns: int) -> None:
        pause = self._clock.sleep_until(self._clock.now_ns() + longest_ns)
        tasks = [asyncio.ensure_future(each) for each in (*waits, pause)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pause(self, duration_ns: int) -> None:
        await self._clock.sleep_until(self._clock.now_ns() + duration_ns)

    def _dispatch(self, message: Row) -> None:
        data = message.get("data", message)
        if isinstance(data, dict) and data.get("e") == _GOING_DOWN:
            self._going_down.set()
        self._tell(message)

    def _began(self, connected: Connected) -> None:
        self._gap(self, connected)


class _Wire:
    """One socket after the other at one address, with what is subscribed; silent until it takes over."""

    def __init__(
        self,
        context: Context,
        stream: Stream,
        topics: list[str],
        pulse: Callable[[], Awaitable[str]],
        tell: Tell,
        began: Callable[[Connected], None],
    ) -> None:
        self._context = context
        self._stream = stream
        self._topics = topics
        self._asked: list[str] | None = None
        self._pulse = pulse
        self._tell = tell
        self._began = began
        self._held: deque[Row] | None = deque()
        self.is_alive = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    def take_over(self) -> None:
        """Tell from now on, what was held first."""
        held, self._held = self._held, None
        for message in held or ():
            self._tell(message)

    def subscribe(self, topics: list[str]) -> None:
        """Let these be subscribed, now and on every socket to come."""
        self._topics = topics
        if topics == self._asked:
            return
        before, self._asked = self._asked or [], topics
        for number in range(0, len(topics), CHUNK):
            self._stream.subscribe(f"{number}", self._maker(number))
        for number in range(-(-len(topics) // CHUNK) * CHUNK, len(before), CHUNK):
            self._stream.unsubscribe(f"{number}")

    def unsubscribe(self, topic: str) -> None:
        """Tell the venue, unless it is wanted again by then; later sockets do not ask for it."""
        self.subscribe([each for each in self._topics if each != topic])
        self._stream.unsubscribe("none", lambda: None if topic in self._topics else request("UNSUBSCRIBE", [topic]))

    async def close(self) -> None:
        """End the socket."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _maker(self, number: int) -> Callable[[], str]:
        return lambda: request("SUBSCRIBE", self._topics[number : number + CHUNK])

    async def _read(self) -> None:
        pulse = await self._pulse()
        self._stream.subscribe("pulse", lambda: request("SUBSCRIBE", [pulse]))
        self.subscribe(self._topics)
        async with aclosing(self._stream.messages()) as messages:
            async for message in messages:
                if isinstance(message, Connected):
                    if self._held is None:
                        self._began(message)
                    else:
                        self._held.clear()
                    continue
                self._take(message)

    def _take(self, message: str | bytes) -> None:
        try:
            decoded_message = decoded(message, self._context.name)
        except ExchangeError as error:
            self._context.log.warning("a message of the socket is not understood: %s", error)
            decoded_message = None
        if not isinstance(decoded_message, dict):
            return
        if "stream" in decoded_message:
            self.is_alive.set()
        if self._held is None:
            self._tell(decoded_message)
        else:
            self._held.append(decoded_message)


def request(method: str, topics: list[str]) -> str:
    """Return a message that subscribes or unsubscribes."""
    return json.dumps({"method": method, "params": topics, "id": 1}, ensure_ascii=False)
