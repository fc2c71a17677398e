"""The venue: two REST paths and a WebSocket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from arb.api import (
    BadResponse,
    ExchangeError,
    FakeGround,
    HttpRequest,
    HttpResponse,
    InMaintenance,
    RateLimited,
    WebSocket,
)
from arb.simulation import VenueSocket, served_socket, transport_failure

from ._coins import Coins, Nothing, Unreadable
from ._exchange import ExchangeEnd
from ._info import Info
from ._rules import info_weight, rows_weight
from ._socket import SocketEnd
from ._state import State

_JSON: Final = MappingProxyType({"Content-Type": "application/json"})
_PLAIN: Final = MappingProxyType({"Content-Type": "text/plain; charset=utf-8"})
_UNREADABLE: Final = b"Failed to deserialize the JSON body into the target type"


class FakeHyperliquid:
    """Implements :class:`arb.api.FakeVenue`."""

    def __init__(self, ground: FakeGround) -> None:
        self._ground = ground
        self._state = State(ground.memory, ground.clock)
        self._coins = Coins(ground, self._state)
        self._info = Info(ground, self._state, self._coins)
        self._exchange = ExchangeEnd(ground, self._state, self._coins, self._info.account)

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        path = urlsplit(request.url).path
        if request.method != "POST" or path not in ("/info", "/exchange"):
            return HttpResponse(status=404 if request.method == "POST" else 405, headers=_PLAIN, body=b"")
        try:
            asked = json.loads(request.body)
            if not isinstance(asked, dict):
                raise Unreadable
            if not self._state.spend(self._weight(path, asked)):
                return HttpResponse(status=429, headers=_PLAIN, body=b"null")
            return _json(200, await self._answer(path, asked))
        except (Unreadable, ValueError):
            return HttpResponse(status=422, headers=_PLAIN, body=_UNREADABLE)
        except Nothing:
            return _json(500, None)
        except ExchangeError as error:
            return _failure(error)

    def connect(
        self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})
    ) -> AbstractAsyncContextManager[WebSocket]:
        """Open a socket."""

        async def run(socket: VenueSocket) -> None:
            end = SocketEnd(socket, self._ground, self._state, self._coins, self._info, self._posted)
            await end.serve()

        return served_socket(run)

    async def _answer(self, path: str, asked: dict[str, Any]) -> Any:
        if path == "/exchange":
            return await self._exchange.answer(asked)
        answer = await self._info.answer(asked)
        self._state.spend(rows_weight(asked["type"], answer))
        return answer

    async def _posted(self, kind: str, payload: Any) -> Any:
        if kind not in ("info", "action") or not isinstance(payload, dict):
            raise Unreadable
        return await self._answer("/info" if kind == "info" else "/exchange", payload)

    def _weight(self, path: str, asked: dict[str, Any]) -> int:
        return self._exchange.weight(asked) if path == "/exchange" else info_weight(asked.get("type"))


def _json(status: int, answer: Any) -> HttpResponse:
    return HttpResponse(status=status, headers=_JSON, body=json.dumps(answer).encode())


def _failure(error: ExchangeError) -> HttpResponse:
    """Return what the venue answers when the ground fails, or raise what becomes of the connection."""
    broken = transport_failure(error)
    if broken is not None:
        raise broken
    if isinstance(error, RateLimited):
        return HttpResponse(status=429, headers=_PLAIN, body=b"null")
    if isinstance(error, InMaintenance):
        return HttpResponse(status=502, headers=_PLAIN, body=b"Bad Gateway")
    if isinstance(error, BadResponse):
        return HttpResponse(status=200, headers=_JSON, body=b"<html>a proxy is in the way</html>")
    return _json(500, None)
