"""One WebSocket for many listeners: subscriptions as JSON-RPC, data as binary frames."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from arb.api import ConnectFailed, Context, ExchangeError, WebSocket
from arb.model import SECOND_NS
from arb.net import Connected, Row, SharedStream, Stream, StreamRules, decoded

from ._budgets import Budgets
from ._channels import JSON_KINDS, channel_of
from ._frames import SCHEMA, decode_frame


@dataclass(frozen=True, slots=True)
class Lost:
    """The socket is given up: what was built from it has a gap from here on, until the next one begins."""

    why: str


Heard = Lost | tuple[int, Row]
"""A frame is heard with the number of its kind."""

MAX_UNREAD: Final = 2_000
"""The venue itself drops a client that is so far behind."""

_SILENCE_NS: Final = 50 * SECOND_NS
"""On an idle socket the venue sends a heartbeat every 20 seconds."""

_OLDEST: Final = 1
_FAILURES: Final = 3
"""After so many sockets that did not open the venue is asked whether it refuses the version of the schema; it may have
taken one back."""

_BAD_REQUEST: Final = "HTTP 400"
"""What a socket that asks for a version that the venue does not know is refused with; an outage says anything else."""

_AGAIN_NS: Final = 60 * SECOND_NS
"""A channel that was refused is asked for again so much later: its market may be gone."""

_SUBSCRIBE, _UNSUBSCRIBE = "subscribe", "unsubscribe"
_TOKEN_CODES: Final = (40110, 40111)
_LOGIN_ID: Final = 0


class Hub:
    """Keeps a socket open while somebody listens, and hands every message to the listeners of its channel.

    What cannot be read may have been anything, so the socket is given up for a new one then. A public channel that is
    refused is asked for again alone. One of the account is no loss of one channel: what it did not tell is read where
    the next socket begins.
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
        self._asked: dict[int, tuple[str, str]] = {}
        self._later: dict[str, asyncio.Task[None]] = {}
        self._unopened = 0
        rules = StreamRules(silence_ns=_SILENCE_NS, greet=self._greet, connects=budgets.connects, sends=budgets.sends)
        self._shared = SharedStream[str, Heard](
            context,
            Stream(context, url, rules, address=self._address),
            subscription=partial(self._request, _SUBSCRIBE),
            cancellation=partial(self._request, _UNSUBSCRIBE),
            take=self._take,
            most_unread=MAX_UNREAD,
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Let the hub be used in a block, whose end closes its socket."""
        async with self._shared.opened():
            try:
                yield
            finally:
                later = list(self._later.values())
                self._forget()
                await asyncio.gather(*later, return_exceptions=True)

    def restart(self, why: str) -> None:
        """Give the socket up for a new one; its listeners are told at once."""
        self._shared.tell_all(Lost(why))
        self._shared.restart(why)

    def listen(self, *channels: str) -> AsyncGenerator[Connected | Heard, None]:
        """Yield what comes in some channels, :class:`Connected` where a socket begins and :class:`Lost` where it is
        given up; closing it unsubscribes.
        """
        return self._shared.listen(*channels)

    async def _address(self) -> str:
        """Return where the next socket is opened: with the oldest version of the schema where its own is refused."""
        self._unopened += 1
        version = self._version
        if self._unopened > _FAILURES and version != _OLDEST and await self._is_refused(version):
            self._context.log.warning("version %d of the binary schema is refused; %d is tried", version, _OLDEST)
            version = _OLDEST
        return self._address_of(version)

    def _address_of(self, version: int) -> str:
        return f"{self._url}?sbeSchemaId={SCHEMA}&sbeSchemaVersion={version}"

    async def _is_refused(self, version: int) -> bool:
        try:
            async with self._context.websocket.connect(self._address_of(version)):
                return False
        except ConnectFailed as error:
            return _BAD_REQUEST in str(error)

    async def _greet(self, socket: WebSocket) -> None:
        """Log in; what an earlier socket was asked, and was to be asked, is asked of this one at once."""
        self._unopened = 0
        self._forget()
        if self._token is not None:
            login = {"jsonrpc": "2.0", "id": _LOGIN_ID, "method": "auth", "params": {"bearer": await self._token()}}
            await socket.send(json.dumps(login))

    def _forget(self) -> None:
        self._asked.clear()
        for channel in list(self._later):
            self._later.pop(channel).cancel()

    def _request(self, method: str, channel: str) -> str:
        if (later := self._later.pop(channel, None)) is not None:
            later.cancel()
        number = next(self._ids)
        self._asked[number] = (method, channel)
        return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": {"channel": channel}})

    async def _take(self, message: str | bytes) -> None:
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
        params, error, number = message.get("params"), message.get("error"), message.get("id")
        asked = self._asked.pop(number, None) if isinstance(number, int) else None
        if error:
            self._refused(error, asked)
        elif isinstance(params, dict) and isinstance(params.get("data"), dict):
            kind = JSON_KINDS.get(str(params.get("channel")).partition(".")[0])
            if kind is not None:
                self._dispatch(kind, params["data"])

    def _refused(self, error: Any, asked: tuple[str, str] | None) -> None:
        method, channel = asked or ("", "")
        self._context.log.warning("the socket refused %s: %s", f"{method} {channel}".strip() or "a request", error)
        code = error.get("code") if isinstance(error, dict) else None
        if code in _TOKEN_CODES:
            self._token_refused()
            self.restart(f"refused: {error}")
        elif method == _SUBSCRIBE and self._token is None:
            if channel not in self._later:
                self._later[channel] = asyncio.create_task(self._ask_later(channel))
        elif method != _UNSUBSCRIBE:
            self.restart(f"refused: {error}")

    async def _ask_later(self, channel: str) -> None:
        await self._context.clock.sleep_until(self._context.clock.now_ns() + _AGAIN_NS)
        self._later.pop(channel, None)
        if channel in self._shared:
            self._shared.subscribe(channel)

    def _dispatch(self, template: int, row: Row) -> None:
        channel = channel_of(template, str(row.get("market")))
        if channel is not None:
            self._shared.tell(channel, (template, row))

    @property
    def _name(self) -> str:
        return self._context.name
