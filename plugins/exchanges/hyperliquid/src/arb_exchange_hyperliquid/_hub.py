"""One WebSocket for everything: who watches what, and what came for whom."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any, Final
from urllib.parse import urlsplit

from arb.api import BadResponse, Context, NotSent, OutcomeUnknown
from arb.model import MINUTE_NS, SECOND_NS
from arb.net import Backoff, Connected, RateBudget, RateLimit, Stream, StreamRules, decoded

from ._client import Client
from ._settings import HyperliquidSettings

PING_NS: Final = 20 * SECOND_NS
"""The venue closes a socket on which it sent nothing for 60 s (documentation, "Timeouts and heartbeats")."""

SILENCE_NS: Final = 30 * SECOND_NS
"""The heartbeat below comes about every second."""

CONNECTS: Final = RateLimit(weight=30, per_ns=MINUTE_NS)
SENDS: Final = RateLimit(weight=2_000, per_ns=MINUTE_NS)
MAX_BEHIND: Final = 10_000
_PING: Final = json.dumps({"method": "ping"})
_NO_DATA: Final = frozenset({"pong", "subscriptionResponse", "error"})
_CHANNEL: Final = re.compile(r'"channel"\s*:\s*"(\w+)"')

Key = tuple[str, str]
"""A channel, and the coin it is about; empty for the account's."""

Item = Connected | Mapping[str, Any]


class Hub:
    """Opens its socket with the first watcher and closes it with the last.

    Whether the socket is alive is told by a subscription of its own: the state of one coin, which comes about
    every second. Without it an account on which nothing happens could not be told from a dead line.
    """

    def __init__(
        self,
        client: Client,
        settings: HyperliquidSettings,
        context: Context,
        heartbeat: Callable[[], Awaitable[str]],
    ) -> None:
        """Open nothing yet; `heartbeat` names a coin that has a book."""
        url = settings.stream_url or client.url.replace("http", "ws", 1) + "/ws"
        host = urlsplit(url).netloc
        self._context = context
        self._name = client.name
        self._watchers: dict[Key, list[asyncio.Queue[Item]]] = {}
        self._subscriptions: dict[Key, Mapping[str, Any]] = {}
        self._heartbeat = heartbeat
        self._backoff = Backoff(context.random)
        self._reading: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._stream = Stream(
            context,
            url,
            StreamRules(
                silence_ns=SILENCE_NS,
                is_data=_is_data,
                ping=(_PING, PING_NS),
                connects=context.shared(RateBudget, f"hyperliquid:{host}:connects", lambda: _budget(context, CONNECTS)),
                sends=context.shared(RateBudget, f"hyperliquid:{host}:sends", lambda: _budget(context, SENDS)),
            ),
        )

    async def watch(self, *subscriptions: Mapping[str, Any]) -> AsyncGenerator[tuple[str, Item], None]:
        """Yield what comes on these subscriptions, for ever: the channel's name and its data.

        :class:`Connected` comes first and again with every new socket, with an empty name.
        """
        queue: asyncio.Queue[Item] = asyncio.Queue()
        keys = [key_of(subscription) for subscription in subscriptions]
        for key in keys:
            self._watchers.setdefault(key, []).append(queue)
        try:
            async with self._turn:
                if self._reading is None:
                    await self._begin()
                else:
                    queue.put_nowait(Connected())
            for key, subscription in zip(keys, subscriptions, strict=True):
                await self._subscribe(key, subscription)
            while True:
                item = await queue.get()
                if isinstance(item, Connected):
                    yield "", item
                else:
                    yield str(item["channel"]), item
        finally:
            await self._leave(keys, queue)

    def restart(self, why: str) -> None:
        """Give the socket up for a new one."""
        self._stream.restart(why)

    async def close(self) -> None:
        """Close the socket, whoever watches."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _begin(self) -> None:
        beat = {"type": "activeAssetCtx", "coin": await self._coin_of_heartbeat()}
        await self._stream.subscribe("heartbeat", lambda: _message("subscribe", beat))
        self._reading = asyncio.create_task(self._read())

    async def _coin_of_heartbeat(self) -> str:
        """Ask until the venue can be asked: whoever watches waits as for a socket that does not open."""
        while True:
            try:
                coin = await self._heartbeat()
            except (NotSent, OutcomeUnknown, BadResponse) as error:
                self._context.log.warning("the venue cannot be asked what is listed: %s", error)
            else:
                self._backoff.reset()
                return coin
            clock = self._context.clock
            await clock.sleep_until(clock.now_ns() + self._backoff.next_ns())

    async def _subscribe(self, key: Key, subscription: Mapping[str, Any]) -> None:
        if key not in self._subscriptions:
            self._subscriptions[key] = subscription
            await self._stream.subscribe(repr(key), lambda: _message("subscribe", subscription))

    async def _leave(self, keys: list[Key], queue: asyncio.Queue[Item]) -> None:
        for key in keys:
            watchers = self._watchers[key]
            watchers.remove(queue)
            if not watchers:
                del self._watchers[key]
                subscription = self._subscriptions.pop(key, None)
                if subscription is not None and self._watchers:
                    await self._stream.unsubscribe(repr(key), _message("unsubscribe", subscription))
                else:
                    await self._stream.unsubscribe(repr(key))
        async with self._turn:
            if not self._watchers:
                await self.close()

    async def _read(self) -> None:
        # Whatever happens: a reader that ends would leave every watcher waiting for ever.
        while True:
            try:
                await self._read_sockets()
            except Exception as error:
                self._context.log.exception("reading the socket begins anew after an error: %r", error)
            clock = self._context.clock
            await clock.sleep_until(clock.now_ns() + SECOND_NS)

    async def _read_sockets(self) -> None:
        async with aclosing(self._stream.messages()) as messages:
            async for message in messages:
                if isinstance(message, Connected):
                    for queue in {id(each): each for each in self._queues()}.values():
                        queue.put_nowait(message)
                    continue
                with suppress(BadResponse):
                    self._hand_out(decoded(message, self._name))

    def _queues(self) -> list[asyncio.Queue[Item]]:
        return [queue for watchers in self._watchers.values() for queue in watchers]

    def _hand_out(self, item: Any) -> None:
        channel = item.get("channel") if isinstance(item, Mapping) else None
        if channel == "error":
            self._context.log.warning("the venue's socket says: %.300s", item.get("data"))
            return
        if not isinstance(channel, str) or channel in _NO_DATA:
            return
        data = item.get("data")
        for coin in _coins(channel, data):
            for queue in self._watchers.get((channel, coin), ()):
                if queue.qsize() >= MAX_BEHIND:
                    self.restart(f"{MAX_BEHIND} messages of {channel} stood unread")
                    return
                queue.put_nowait(item)


def key_of(subscription: Mapping[str, Any]) -> Key:
    """Return where the messages of a subscription go: channels of a user come to one user only."""
    return subscription["type"], subscription.get("coin", "")


def _coins(channel: str, data: Any) -> list[str]:
    """Return the coins that a message is about; the empty one for the account's."""
    if isinstance(data, Mapping):
        return [str(data["coin"])] if "coin" in data else [""]
    if channel == "trades" and isinstance(data, list):
        return list(dict.fromkeys(str(row.get("coin")) for row in data if isinstance(row, Mapping)))
    return [""]


def _is_data(message: str | bytes) -> bool:
    found = _CHANNEL.search(message if isinstance(message, str) else message.decode("utf-8", "replace"))
    return found is not None and found[1] not in _NO_DATA


def _message(method: str, subscription: Mapping[str, Any]) -> str:
    return json.dumps({"method": method, "subscription": dict(subscription)})


def _budget(context: Context, limit: RateLimit) -> RateBudget:
    return RateBudget(context.clock, [limit])
