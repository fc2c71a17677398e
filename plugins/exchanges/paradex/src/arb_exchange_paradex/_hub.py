"""One WebSocket for many listeners: subscriptions as JSON-RPC, data as binary frames."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from arb.api import Context, ExchangeError, WebSocket
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
        self._shared = SharedStream[str, Heard](
            context,
            Stream(context, url, rules, address=self._address),
            subscription=partial(self._request, "subscribe"),
            cancellation=partial(self._request, "unsubscribe"),
            take=self._take,
            most_unread=MAX_UNREAD,
        )

    def opened(self) -> AbstractAsyncContextManager[None]:
        """Let the hub be used in a block, whose end closes its socket."""
        return self._shared.opened()

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
        channel = channel_of(template, str(row.get("market")))
        if channel is not None:
            self._shared.tell(channel, (template, row))

    @property
    def _name(self) -> str:
        return self._context.name
