"""One WebSocket for many listeners."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from arb.api import Context, ExchangeError
from arb.model import SECOND_NS
from arb.net import (
    Connected,
    RateBudget,
    RateLimit,
    Row,
    SharedStream,
    Stream,
    StreamRules,
    decoded,
    until_answered,
)

MAX_UNREAD: Final = 5_000
_SILENCE_NS: Final = 60 * SECOND_NS
_SENDS: Final = RateLimit(weight=10, per_ns=SECOND_NS)
"""The venue publishes no limit for messages; this is ours."""


class Hub:
    """Keeps a socket open while somebody listens, and hands every message to the listeners of its stream.

    A quiet market sends nothing for a long time, so the socket also hears the ticker of a busy one, which the venue
    sends every second: what is silent then is dead.
    """

    def __init__(
        self,
        context: Context,
        url: str,
        *,
        pulse: Callable[[], Awaitable[str]],
        subscription: Callable[[str], str],
        refused: Callable[[str], None],
    ) -> None:
        """Open nothing yet.

        Args:
            context: The exchange plugin's.
            url: Of the venue's sockets.
            pulse: Names the stream that tells a living socket.
            subscription: Makes the message that asks for a stream.
            refused: Told when the venue refuses a message.
        """
        self._context = context
        self._pulse = pulse
        self._subscription = subscription
        self._refused = refused
        rules = StreamRules(silence_ns=_SILENCE_NS, sends=RateBudget(context.clock, [_SENDS]))
        self._stream = Stream(context, url, rules)
        self._shared = SharedStream[str, Row](
            context,
            self._stream,
            subscription=subscription,
            cancellation=lambda topic: json.dumps({"method": "UNSUBSCRIBE", "params": [topic]}),
            take=self._take,
            begin=self._begin,
            most_unread=MAX_UNREAD,
        )

    def opened(self) -> AbstractAsyncContextManager[None]:
        """Let the hub be used in a block, whose end closes its socket."""
        return self._shared.opened()

    def restart(self, why: str) -> None:
        """Give the socket up for a new one."""
        self._shared.restart(why)

    def listen(self, topic: str) -> AsyncGenerator[Connected | Row, None]:
        """Yield the data of a stream, and :class:`Connected` where a socket begins; closing it unsubscribes."""
        return self._shared.listen(topic)

    async def _begin(self) -> None:
        pulse = await until_answered(self._context, self._pulse)
        self._stream.subscribe(pulse, lambda: self._subscription(pulse))

    async def _take(self, message: str | bytes) -> None:
        try:
            self._dispatch(decoded(message, self._context.name))
        except ExchangeError as error:
            self._context.log.warning("a message of the socket is not understood: %s", error)

    def _dispatch(self, message: Any) -> None:
        if not isinstance(message, dict):
            return
        if message.get("error"):
            self._refused(str(message["error"]))
            return
        topic, data = message.get("stream"), message.get("data")
        if not isinstance(topic, str):
            return
        for each in data if isinstance(data, list) else [data]:
            if isinstance(each, dict):
                self._shared.tell(topic, each)
