"""One WebSocket for many listeners, in the venue's JSON-RPC."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from arb.api import Context, ExchangeError, WebSocket
from arb.model import SECOND_NS
from arb.net import (
    BAD_SHAPE,
    Connected,
    RateBudget,
    RateLimit,
    Row,
    SharedStream,
    Stream,
    StreamRules,
    decoded,
    rows_of,
    whole,
)

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
        self._ids = itertools.count(1)
        self._asked: dict[int, Topic] = {}
        self._later: set[asyncio.Task[None]] = set()

        async def address() -> str:
            if ready is not None:
                await ready()
            return url

        rules = StreamRules(
            silence_ns=_SILENCE_NS,
            ping=(self._message("subscribe", pulse, 0), _PING_NS),
            greet=self._greet,
            headers=headers,
            connects=RateBudget(context.clock, [_CONNECTS]),
            sends=RateBudget(context.clock, [_SENDS]),
        )
        self._shared = SharedStream[Topic, Subscribed | Told](
            context,
            Stream(context, url, rules, address=address),
            subscription=self._subscription,
            cancellation=lambda topic: self._message("unsubscribe", topic, next(self._ids)),
            take=self._take,
            # A venue that is asked for what it sends already sends no snapshot, which the new listener needs.
            joined=self.refresh,
            most_unread=MAX_UNREAD,
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Hub]:
        """Lend the hub; its tasks end with the block."""
        async with self._shared.opened():
            try:
                yield self
            finally:
                for task in self._later:
                    task.cancel()
                await asyncio.gather(*self._later, return_exceptions=True)

    def listen(self, *topics: Topic) -> AsyncGenerator[Heard, None]:
        """Yield what comes on some topics, and :class:`Connected` where a socket begins; closing it unsubscribes."""
        return self._shared.listen(*topics)

    def refresh(self, topic: Topic) -> None:
        """Have the venue begin a topic anew, with a snapshot: for all who listen to it."""
        self._shared.resubscribe(topic)

    async def _greet(self, socket: WebSocket) -> None:
        """Forget what an earlier socket was asked."""
        self._asked.clear()

    def _subscription(self, topic: Topic) -> str:
        number = next(self._ids)
        self._asked[number] = topic
        return self._message("subscribe", topic, number)

    def _message(self, method: str, topic: Topic, number: int) -> str:
        params = {"stream": topic.stream, "selectors": [topic.selector]}
        return json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": number})

    async def _take(self, message: str | bytes) -> None:
        try:
            self._dispatch(decoded(message, self._context.name))
        except (ExchangeError, *BAD_SHAPE) as error:
            # What it said is not known, of whatever topic: everything has a gap here.
            self._shared.restart(f"a message is not understood: {error!r:.100}")

    def _dispatch(self, message: Any) -> None:
        (message,) = rows_of([message])
        if "feed" in message:
            topic = Topic(message["stream"], message["selector"])
            told = Told(
                topic, whole(message["sequence_number"]), whole(message["prev_sequence_number"]), message["feed"]
            )
            self._shared.tell(topic, told)
        elif message.get("error"):
            self._refused(self._asked.pop(message.get("id", 0), None), str(message["error"]))
        elif message["method"] == "subscribe" and isinstance(message.get("id"), int):
            topic_asked = self._asked.pop(message["id"], None)
            if topic_asked is not None:
                latest = (message["result"].get("latest_sequence_number") or [None])[0]
                self._shared.tell(topic_asked, Subscribed(topic_asked, None if latest is None else whole(latest)))

    def _refused(self, topic: Topic | None, why: str) -> None:
        self._context.log.warning("the socket refuses %s: %s", topic or "a message", why)
        if topic is not None:
            task = asyncio.create_task(self._ask_later(topic))
            self._later.add(task)
            task.add_done_callback(self._later.discard)

    async def _ask_later(self, topic: Topic) -> None:
        clock = self._context.clock
        await clock.sleep_until(clock.now_ns() + _AGAIN_NS)
        if topic in self._shared:
            self._shared.subscribe(topic)
