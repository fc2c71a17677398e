"""A fake venue's WebSockets: which streams a socket is good for, subscriptions, and what is closed when."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from arb.api import ExchangeError
from arb.model import SECOND_NS
from arb.simulation import VenueSocket

from ._private_streams import PrivateStreams
from ._public_streams import PublicStreams, is_public
from ._refusal import Refusal
from ._rules import FakeRules

_MOST_MESSAGES: Final = 10


class Session:
    """One socket of one client."""

    def __init__(
        self, rules: FakeRules, public: PublicStreams, private: PrivateStreams, socket: VenueSocket, url: str
    ) -> None:
        self._rules = rules
        self._public = public
        self._private = private
        self._socket = socket
        self._clock = public.clock
        parts = urlsplit(url)
        self._path, self._query = unquote(parts.path), parse_qs(parts.query)
        self._wraps = "stream" in self._path.split("/")
        self._streams: dict[str, asyncio.Task[None]] = {}
        self._heard: deque[int] = deque()

    async def serve(self) -> None:
        """Serve until either side closes, or the socket is too old."""
        work = [asyncio.create_task(self._end_of_life())]
        key = self._listen_key()
        if key:
            work.append(asyncio.create_task(self._run(self._private.tell(key, self._push_event))))
        try:
            self._subscribe(self._named())
            async for message in self._socket.received():
                self._take(message)
        finally:
            for task in (*work, *self._streams.values()):
                task.cancel()
            await asyncio.gather(*work, *self._streams.values(), return_exceptions=True)

    def _listen_key(self) -> str:
        """Return the listen key of the address, where it has one."""
        start, _, end = self._rules.dialect.sockets.private.partition("{key}")
        whole = self._path + (f"?listenKey={self._query['listenKey'][0]}" if "listenKey" in self._query else "")
        key = whole.removeprefix(start).removesuffix(end) if whole.startswith(start) else ""
        return "" if "@" in key or key.startswith("!") or "/" in key else key

    def _named(self) -> list[str]:
        """Return the streams that the address names."""
        names = self._query.get("streams", [""])[0].split("/")
        raw = self._path.partition("/ws/")[2].split("/")
        return [each for each in (*names, *raw) if "@" in each or each.startswith("!")]

    def _take(self, message: str | bytes) -> None:
        now_ns = self._clock.now_ns()
        while self._heard and self._heard[0] + SECOND_NS <= now_ns:
            self._heard.popleft()
        self._heard.append(now_ns)
        if len(self._heard) > _MOST_MESSAGES:
            self._socket.close()
            return
        try:
            request = json.loads(message)
            method, number = request["method"], request.get("id")
            params = request.get("params", [])
            if not isinstance(params, list):
                raise TypeError
        except (ValueError, KeyError, TypeError, AttributeError):
            self._socket.push(json.dumps({"error": {"code": 2, "msg": "Invalid request: request is not well-formed"}}))
            return
        result = None
        if method == "SUBSCRIBE":
            self._subscribe([str(each) for each in params])
        elif method == "UNSUBSCRIBE":
            for each in params:
                if (task := self._streams.pop(str(each), None)) is not None:
                    task.cancel()
        elif method == "LIST_SUBSCRIPTIONS":
            result = list(self._streams)
        self._socket.push(json.dumps({"result": result, "id": number}))

    def _subscribe(self, names: list[str]) -> None:
        for name in names:
            if name in self._streams:
                continue
            if len(self._streams) >= self._rules.dialect.sockets.most_streams:
                self._socket.close()
                return
            self._streams[name] = asyncio.create_task(self._run(self._work(name)))

    def _work(self, name: str) -> Coroutine[Any, Any, None]:
        """Return what tells a stream; one on the socket of another kind is silent.

        A listen key is the name of a stream as well, as the official connector uses it.
        """
        sockets = self._rules.dialect.sockets
        is_split = sockets.public != sockets.market
        if "@" not in name and not name.startswith("!"):
            if is_split and self._path.split("/")[1:2] != sockets.private.split("/")[1:2]:
                return _silence()
            return self._private.tell(name, lambda data: self._push(name, data))
        if is_split:
            wanted = sockets.public if is_public(name) else sockets.market
            if self._path.split("/")[1:2] != wanted.split("/")[1:2]:
                return _silence()
        return self._public.tell(name, lambda data: self._push(name, data))

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (ExchangeError, Refusal):
            self._socket.close()  # the line to the venue's books is lost: so is the client's

    async def _end_of_life(self) -> None:
        await self._clock.sleep_until(self._clock.now_ns() + self._rules.dialect.sockets.life_ns)
        self._socket.close()

    def _push(self, name: str, data: Any) -> None:
        self._socket.push(json.dumps({"stream": name, "data": data} if self._wraps else data, ensure_ascii=False))

    def _push_event(self, data: Any) -> None:
        self._socket.push(json.dumps(data))


async def _silence() -> None:
    """Have nothing to tell."""
