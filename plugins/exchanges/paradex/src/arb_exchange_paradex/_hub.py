"""One WebSocket for many listeners: subscriptions as JSON-RPC, data as binary frames."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from arb.api import BadResponse, Context, ExchangeError, WebSocket
from arb.model import SECOND_NS
from arb.net import Connected, Stream, StreamRules, decoded

from ._budgets import Budgets
from ._channels import ALL, JSON_KINDS, Channel
from ._fields import Row
from ._frames import SCHEMA, decode_frame


@dataclass(frozen=True, slots=True)
class Lost:
    """The socket is given up: what was built from it has a gap from here on, until the next one begins."""

    why: str


Heard = Connected | Lost | tuple[int, Row]
Unread = asyncio.Queue[Heard | ExchangeError]
Route = tuple[int, str]

MAX_UNREAD: Final = 2_000
"""The venue itself drops a client that is so far behind."""

_SILENCE_NS: Final = 50 * SECOND_NS
"""On an idle socket the venue sends a heartbeat every 20 seconds."""

_OLDEST: Final = 1
_FAILURES: Final = 3
"""After so many sockets that did not open the oldest version of the schema is asked for once: one that the venue does
not know is refused with HTTP 400, and it may have taken an old one back."""

_TOKEN_CODES: Final = (40110, 40111)
_LOGIN_ID: Final = 0


class Hub:
    """Keeps a socket open while somebody listens, and hands every message to the listeners of its channel.

    What cannot be read may have been anything, so the socket is given up for a new one then.
    """

    def __init__(
        self,
        context: Context,
        url: str,
        *,
        version: int,
        budgets: Budgets,
        token: Callable[[], Awaitable[str]] | None = None,
        token_refused: Callable[[], None] = lambda: None,
    ) -> None:
        """Open nothing yet.

        Args:
            context: The exchange plugin's.
            url: Of the venue's sockets, without a query.
            version: Of the binary schema that is asked for.
            budgets: Of this address.
            token: Lends the token of the account; None for public data.
            token_refused: Told when the venue refuses it.
        """
        self._context = context
        self._url = url
        self._version = version
        self._token = token
        self._token_refused = token_refused
        self._ids = itertools.count(_LOGIN_ID + 1)
        self._unopened = 0
        rules = StreamRules(silence_ns=_SILENCE_NS, greet=self._greet, connects=budgets.connects, sends=budgets.sends)
        self._stream = Stream(context, url, rules, address=self._address)
        self._listeners: dict[Route, list[Unread]] = {}
        self._reading: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Hub]:
        """Lend the hub; its task ends with the block."""
        try:
            yield self
        finally:
            await self._stop()

    def restart(self, why: str) -> None:
        """Give the socket up for a new one; its listeners are told at once."""
        self._tell_all(Lost(why))
        self._stream.restart(why)

    async def listen(self, channels: Sequence[Channel]) -> AsyncGenerator[Heard, None]:
        """Yield what comes in some channels, :class:`Connected` where a socket begins and :class:`Lost` where it is
        given up; closing it unsubscribes.
        """
        unread: Unread = asyncio.Queue()
        await self._join(channels, unread)
        try:
            while True:
                heard = await unread.get()
                if isinstance(heard, ExchangeError):
                    raise heard
                yield heard
        finally:
            await self._leave(channels, unread)

    async def _join(self, channels: Sequence[Channel], unread: Unread) -> None:
        fresh = [each for each in channels if not self._listeners.get((each.template, each.market))]
        for each in channels:
            self._listeners.setdefault((each.template, each.market), []).append(unread)
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        else:
            unread.put_nowait(Connected())
        for each in fresh:
            await self._stream.subscribe(each.name, partial(self._request, "subscribe", each.name))

    async def _leave(self, channels: Sequence[Channel], unread: Unread) -> None:
        for each in channels:
            listeners = self._listeners.get((each.template, each.market), [])
            if unread in listeners:
                listeners.remove(unread)
            if not listeners and self._listeners.pop((each.template, each.market), None) is not None:
                await self._stream.unsubscribe(each.name, self._request("unsubscribe", each.name))
        if not self._listeners:
            await self._stop()

    async def _stop(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _address(self) -> str:
        """Return where the next socket is opened: with the version of the schema, now and then with the oldest."""
        self._unopened += 1
        is_old = self._unopened > _FAILURES and self._unopened % (_FAILURES + 1) == 0
        version = _OLDEST if is_old else self._version
        if is_old and version != self._version:
            self._context.log.warning("version %d of the binary schema is tried", version)
        return f"{self._url}?sbeSchemaId={SCHEMA}&sbeSchemaVersion={version}"

    async def _greet(self, socket: WebSocket) -> None:
        self._unopened = 0
        if self._token is not None:
            login = {"jsonrpc": "2.0", "id": _LOGIN_ID, "method": "auth", "params": {"bearer": await self._token()}}
            await socket.send(json.dumps(login))

    def _request(self, method: str, channel: str) -> str:
        return json.dumps({"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": {"channel": channel}})

    async def _read(self) -> None:
        try:
            async with aclosing(self._stream.messages()) as messages:
                async for message in messages:
                    if isinstance(message, Connected):
                        self._tell_all(message)
                    else:
                        self._take(message)
        except ExchangeError as error:
            # No new socket would mend it, such as a key that the venue does not know.
            self._reading = None
            self._tell_all(error)
        except Exception as error:
            # Nothing comes any more, and nobody may wait for it; who listens next opens a new socket.
            self._reading = None
            self._context.log.exception("reading the socket failed")
            self._tell_all(BadResponse(f"reading the socket failed: {error!r}", exchange=self._name, code="bug"))

    def _take(self, message: str | bytes) -> None:
        try:
            if isinstance(message, bytes):
                frame = decode_frame(message)
                if frame is not None:
                    self._dispatch(*frame)
            else:
                self._answer(decoded(message, self._name))
        except (ValueError, ArithmeticError, ExchangeError) as error:
            self._context.log.warning("a message of the socket is not understood: %s", error)
            self.restart(f"a message is not understood: {error}")

    def _answer(self, message: Any) -> None:
        """Take a text: an answer to a request, or data of a private channel."""
        if not isinstance(message, dict) or not ({"result", "error", "method"} & message.keys()):
            raise ValueError("no message of JSON-RPC")
        params, error = message.get("params"), message.get("error")
        if error:
            self._refused(error)
        elif isinstance(params, dict) and isinstance(params.get("data"), dict):
            kind = JSON_KINDS.get(str(params.get("channel")).partition(".")[0])
            if kind is not None:
                self._dispatch(kind, params["data"])

    def _refused(self, error: Any) -> None:
        code = error.get("code") if isinstance(error, dict) else None
        self._context.log.warning("the socket refused a request: %s", error)
        if code in _TOKEN_CODES:
            self._token_refused()
        self.restart(f"refused: {error}")

    def _dispatch(self, template: int, row: Row) -> None:
        for route in ((template, str(row.get("market"))), (template, ALL)):
            for unread in self._listeners.get(route, ()):
                _put(unread, (template, row))

    def _tell_all(self, told: Connected | Lost | ExchangeError) -> None:
        seen: list[Unread] = []
        for unread in itertools.chain.from_iterable(self._listeners.values()):
            if not any(unread is each for each in seen):
                seen.append(unread)
                _put(unread, told)

    @property
    def _name(self) -> str:
        return self._context.name


def _put(unread: Unread, message: Heard | ExchangeError) -> None:
    if unread.qsize() >= MAX_UNREAD:
        # Whoever is that far behind has a gap now, and begins anew.
        while not unread.empty():
            unread.get_nowait()
        unread.put_nowait(Connected(f"{MAX_UNREAD} messages stood unread"))
    unread.put_nowait(message)
