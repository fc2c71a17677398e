"""One WebSocket for everything: who watches what, and what came for whom."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

from arb.api import BadResponse, Context
from arb.model import MINUTE_NS, SECOND_NS
from arb.net import Connected, RateBudget, RateLimit, Row, SharedStream, Stream, StreamRules, decoded, until_answered

from ._client import Client
from ._settings import HyperliquidSettings

PING_NS: Final = 20 * SECOND_NS
"""The venue closes a socket on which it sent nothing for 60 s (documentation, "Timeouts and heartbeats")."""

SILENCE_NS: Final = 30 * SECOND_NS
"""The heartbeat below comes about every second."""

CONNECTS: Final = RateLimit(weight=30, per_ns=MINUTE_NS)
SENDS: Final = RateLimit(weight=2_000, per_ns=MINUTE_NS)
MAX_UNREAD: Final = 10_000
_PING: Final = json.dumps({"method": "ping"})
_NO_DATA: Final = frozenset({"pong", "subscriptionResponse", "error"})
_CHANNEL: Final = re.compile(r'"channel"\s*:\s*"(\w+)"')

Key = tuple[str, str]
"""A channel, and the coin it is about; empty for the account's."""


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
        self._subscriptions: dict[Key, Row] = {}
        self._heartbeat = heartbeat
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
        self._shared = SharedStream[Key, Row](
            context,
            self._stream,
            subscription=lambda key: _message("subscribe", self._subscriptions[key]),
            cancellation=lambda key: _message("unsubscribe", self._subscriptions[key]),
            take=self._take,
            begin=self._begin,
            most_unread=MAX_UNREAD,
            # Fills are told again with a new subscription only.
            restart_when_behind=True,
        )

    def opened(self) -> AbstractAsyncContextManager[None]:
        """Let the hub be used in a block, whose end closes its socket."""
        return self._shared.opened()

    def watch(self, *subscriptions: Row) -> AsyncGenerator[Connected | Row, None]:
        """Yield what comes on these subscriptions, for ever, and :class:`Connected` where a socket begins."""
        keyed = {key_of(subscription): subscription for subscription in subscriptions}
        self._subscriptions |= keyed
        return self._shared.listen(*keyed)

    def restart(self, why: str) -> None:
        """Give the socket up for a new one."""
        self._shared.restart(why)

    async def _begin(self) -> None:
        beat = {"type": "activeAssetCtx", "coin": await until_answered(self._context, self._heartbeat)}
        self._stream.subscribe("heartbeat", lambda: _message("subscribe", beat))

    async def _take(self, message: str | bytes) -> None:
        with suppress(BadResponse):
            self._hand_out(decoded(message, self._name))

    def _hand_out(self, item: Any) -> None:
        channel = item.get("channel") if isinstance(item, Mapping) else None
        if channel == "error":
            self._context.log.warning("the venue's socket says: %.300s", item.get("data"))
            return
        if not isinstance(channel, str) or channel in _NO_DATA:
            return
        for coin in _coins(channel, item.get("data")):
            self._shared.tell((channel, coin), item)


def key_of(subscription: Row) -> Key:
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


def _message(method: str, subscription: Row) -> str:
    return json.dumps({"method": method, "subscription": dict(subscription)})


def _budget(context: Context, limit: RateLimit) -> RateBudget:
    return RateBudget(context.clock, [limit])
