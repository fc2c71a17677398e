"""A fake venue of the dialect: routes, and the way of a request."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from arb.api import ExchangeError, FakeGround, HttpRequest, HttpResponse, WebSocket
from arb.simulation import VenueSocket, served_socket

from ._account import AccountCalls
from ._books import BookTape
from ._countdown import Countdowns
from ._floor import Floor, OrderBookkeeping
from ._forms import params_of
from ._history import HistoryCalls
from ._limits import Limits
from ._listen_keys import ListenKeys
from ._orders import OrderCalls
from ._private_streams import PrivateStreams
from ._public import PublicCalls
from ._public_streams import PublicStreams
from ._refusal import JSON, Refusal, answer_of, too_many
from ._routes import public_routes, signed_routes
from ._rules import FakeRules
from ._sockets import Session

Call = Callable[[Any], Awaitable[Any]]


class FakeFapi:
    """Implements :class:`arb.api.FakeVenue`."""

    def __init__(self, ground: FakeGround, rules: FakeRules) -> None:
        floor = Floor(ground)
        tape, notes = BookTape(ground.memory), OrderBookkeeping(ground.memory)
        self._floor = floor
        self._rules = rules
        self._limits = Limits(ground.clock, ground.memory, rules.weights)
        self._countdowns = Countdowns(floor)
        self._keys = ListenKeys(floor)
        self._public_streams = PublicStreams(floor, tape)
        self._private_streams = PrivateStreams(floor, notes, self._keys)
        endpoints = rules.dialect.endpoints
        self._public = {**public_routes(endpoints, PublicCalls(floor, tape, rules)), **rules.routes}
        orders = OrderCalls(floor, notes, self._countdowns, rules)
        calls = signed_routes(
            endpoints, AccountCalls(floor, rules), orders, HistoryCalls(floor, notes), self._countdowns
        )
        self._signed = {**calls, **rules.signed_routes}
        self._listen_path = endpoints.listen_key.path

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        path = urlsplit(request.url).path
        path = self._rules.aliases.get(path, path)
        try:
            params = params_of(request)
            wait = self._limits.take(request.method, path, params)
            if wait is not None:
                return too_many(*wait)
            await self._countdowns.look()
            answer = await self._answered(request, path, params)
        except Refusal as refusal:
            return refusal.response()
        except ExchangeError as error:
            return answer_of(error)
        is_order = request.method == "POST" and path == self._rules.dialect.endpoints.place.path
        response = HttpResponse(status=200, headers=JSON, body=json.dumps(answer, ensure_ascii=False).encode())
        return replace(response, headers={**JSON, **self._limits.headers(is_order=is_order)})

    def connect(
        self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})
    ) -> AbstractAsyncContextManager[WebSocket]:
        """Open a socket."""

        async def serve(socket: VenueSocket) -> None:
            await Session(self._rules, self._public_streams, self._private_streams, socket, url).serve()

        return served_socket(serve)

    async def _answered(self, request: HttpRequest, path: str, params: dict[str, str]) -> Any:
        if path == self._listen_path:
            self._rules.auth.keyed(request, self._floor.now_ns)
            calls = {"POST": self._keys.start, "PUT": self._keys.renew, "DELETE": self._keys.end}
            if request.method in calls:
                return calls[request.method]()
        signed = self._signed.get((request.method, path))
        if signed is not None:
            return await signed(self._rules.auth.signed(request, self._floor.now_ns))
        public = self._public.get(path) if request.method == "GET" else None
        if public is None:
            raise Refusal(-5000, f"Path {path}, Method {request.method} is invalid", status=404)
        return await public(params)
