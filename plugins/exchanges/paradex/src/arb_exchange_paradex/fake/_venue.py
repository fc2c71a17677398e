"""The fake venue: routes, and the way of a request."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from arb.api import AuthenticationFailed, ConnectFailed, ExchangeError, FakeGround, HttpRequest, HttpResponse, WebSocket
from arb.simulation import VenueSocket, served_socket

from ._account import AccountCalls
from ._auth import Gate
from ._floor import Floor, OrderNotes
from ._frames import NEWEST
from ._limits import Limits, limits_of
from ._orders import OrderCalls
from ._public import PublicCalls
from ._refusal import JSON, Refusal, answer_of, refusal_of, token_refused, too_many
from ._sockets import Session

_BASE: Final = "/v1"
_OLDEST: Final = 1
Call = Callable[[HttpRequest, Mapping[str, str], str], Awaitable[Any]]
Route = tuple[str, str, bool, int, Call]


class FakeParadex:
    """Implements :class:`arb.api.FakeVenue`."""

    def __init__(self, ground: FakeGround) -> None:
        self._floor = Floor(ground)
        self._gate = Gate()
        self._limits = Limits(ground.clock, ground.memory)
        self._notes = OrderNotes(ground.memory)
        self._public = PublicCalls(self._floor)
        self._orders = OrderCalls(self._floor, self._notes, self._gate)
        self._account = AccountCalls(self._floor, self._notes, self._public)
        self._routes = (*_public_routes(self._public), *_private_routes(self._account, self._orders))

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        parts = urlsplit(request.url)
        path = parts.path.removeprefix(_BASE)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        route = self._route(request.method, path)
        limits = limits_of(request.method, path, private=route is not None and route[2])
        full = self._limits.take(limits)
        if full is not None:
            return too_many(full[1], self._limits.headers(full[:1]))
        headers = {**JSON, **self._limits.headers(limits)}
        try:
            if request.method == "POST" and (path == "/auth" or path.startswith("/auth/")):
                return _json(
                    self._gate.login(request, path.removeprefix("/auth").strip("/"), self._floor.now_ns), headers
                )
            if route is None:
                raise Refusal(404, "NOT_FOUND", "not found")
            _, pattern, is_private, status, call = route
            if is_private:
                self._gate.require_token(request, self._floor.now_ns)
            argument = unquote(path[pattern.index("{") :]) if "{" in pattern else ""
            return _json(await call(request, query, argument), headers, status)
        except Refusal as refusal:
            return refusal.response(headers)
        except AuthenticationFailed as error:
            # Reads are signed by nothing but their token.
            return (token_refused() if request.method == "GET" else refusal_of(error)).response(headers)
        except ExchangeError as error:
            return answer_of(error)

    def connect(
        self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})
    ) -> AbstractAsyncContextManager[WebSocket]:
        """Open a socket; one that asks for no schema, or for a version that is not served, is refused."""
        query = dict(parse_qsl(urlsplit(url).query))
        version = query.get("sbeSchemaVersion", "")
        newest = int(self._floor.memory.get("sbe_newest", NEWEST))
        if query.get("sbeSchemaId") != "1" or not version.isdigit() or not _OLDEST <= int(version) <= newest:
            raise ConnectFailed("the WebSocket was refused: HTTP 400", code="no_connection")

        async def serve(socket: VenueSocket) -> None:
            session = Session(
                self._floor,
                self._notes,
                public=self._public,
                orders=self._orders,
                account=self._account,
                socket=socket,
                version=int(version),
            )
            await session.serve()

        return served_socket(serve)

    def _route(self, method: str, path: str) -> Route | None:
        for route in self._routes:
            start, is_open, _ = route[1].partition("{")
            if route[0] == method and (path.startswith(start) and len(path) > len(start) if is_open else path == start):
                return route
        return None


def _json(answer: Any, headers: Mapping[str, str], status: int = 200) -> HttpResponse:
    body = b"" if status == 204 else json.dumps(answer).encode()
    return HttpResponse(status=status, headers=headers, body=body)


def _body(request: HttpRequest) -> Any:
    try:
        return json.loads(request.body, parse_float=str)
    except ValueError:
        raise Refusal(400, "BINDING_ERROR", "invalid request body") from None


def _public_routes(calls: PublicCalls) -> tuple[Route, ...]:
    def plain(call: Callable[[Mapping[str, str]], Awaitable[Any]]) -> Call:
        return lambda request, query, argument: call(query)

    def named(call: Callable[[Mapping[str, str], str], Awaitable[Any]]) -> Call:
        return lambda request, query, argument: call(query, argument)

    return (
        ("GET", "/system/time", False, 200, plain(calls.time)),
        ("GET", "/system/state", False, 200, plain(calls.state)),
        ("GET", "/system/config", False, 200, plain(calls.config)),
        ("GET", "/markets", False, 200, plain(calls.markets)),
        ("GET", "/markets/summary", False, 200, plain(calls.summaries)),
        ("GET", "/markets/klines", False, 200, plain(calls.klines)),
        ("GET", "/trades", False, 200, plain(calls.trades)),
        ("GET", "/funding/data", False, 200, plain(calls.funding_data)),
        ("GET", "/orderbook/{market}", False, 200, named(calls.depth)),
        ("GET", "/bbo/{market}", False, 200, named(calls.bbo)),
    )


def _private_routes(account: AccountCalls, orders: OrderCalls) -> tuple[Route, ...]:
    def reads(call: Callable[[Mapping[str, str]], Awaitable[Any]]) -> Call:
        return lambda request, query, argument: call(query)

    def takes(call: Callable[[Any], Awaitable[Any]]) -> Call:
        return lambda request, query, argument: call(_body(request))

    def names(call: Callable[[str], Awaitable[Any]]) -> Call:
        return lambda request, query, argument: call(argument)

    return (
        ("GET", "/account", True, 200, reads(account.summary)),
        ("GET", "/account/info", True, 200, reads(account.info)),
        ("GET", "/account/margin", True, 200, reads(account.margin)),
        (
            "POST",
            "/account/margin/{market}",
            True,
            200,
            lambda request, query, argument: account.set_margin(argument, _body(request)),
        ),
        ("GET", "/account/keys/subkeys/{public_key}", True, 200, names(account.subkey)),
        ("GET", "/balance", True, 200, reads(account.balances)),
        ("GET", "/positions", True, 200, reads(account.positions)),
        ("GET", "/fills", True, 200, reads(account.fills)),
        ("GET", "/funding/payments", True, 200, reads(account.payments)),
        ("GET", "/transfers", True, 200, reads(account.transfers)),
        ("GET", "/orders", True, 200, reads(orders.resting)),
        ("GET", "/orders-history", True, 200, reads(orders.history)),
        ("GET", "/orders/by_client_id/{client_id}", True, 200, names(orders.one_by_client_id)),
        ("GET", "/orders/{order_id}", True, 200, names(orders.one)),
        ("POST", "/orders", True, 201, takes(orders.place)),
        ("POST", "/orders/batch", True, 201, takes(orders.place_batch)),
        ("DELETE", "/orders", True, 200, reads(orders.cancel_all)),
        ("DELETE", "/orders/batch", True, 200, takes(orders.cancel_batch)),
        (
            "DELETE",
            "/orders/by_client_id/{client_id}",
            True,
            204,
            lambda request, query, argument: orders.cancel_by_client_id(argument, query),
        ),
        ("DELETE", "/orders/{order_id}", True, 204, names(orders.cancel)),
    )
