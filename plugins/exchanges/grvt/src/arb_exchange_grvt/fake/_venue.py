"""The fake venue: routes, and the way of a request."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from arb.api import ConnectFailed, ExchangeError, FakeGround, HttpRequest, HttpResponse, WebSocket
from arb.model import SECOND_NS
from arb.simulation import VenueSocket, served_socket

from ._account import AccountCalls
from ._books import BookTape
from ._floor import Floor, OrderNotes
from ._limits import Limits
from ._orders import OrderCalls
from ._public import PublicCalls
from ._refusal import JSON, Refusal, answer_of, too_many
from ._sessions import Sessions, token_of
from ._sockets import Session

Call = Callable[[Any], Awaitable[Any]]
_ROOT: Final = "/full/v1/"
_SIGNED: Final = frozenset({"/full/v1/create_order", "/full/v1/set_position_config"})


class FakeGrvt:
    """Implements :class:`arb.api.FakeVenue`. Edge, trades and market data are one address."""

    def __init__(self, ground: FakeGround) -> None:
        floor = Floor(ground)
        self._floor = floor
        self._limits = Limits(ground.clock, ground.memory)
        self.sessions = Sessions(ground.clock, ground.memory)
        self._tape = BookTape(ground.memory)
        self._notes = OrderNotes(ground.memory)
        self._calls = PublicCalls(floor, self._tape)
        self._orders = OrderCalls(floor, self._notes)
        self._account = AccountCalls(floor, self._notes, self._orders)
        self._public = _public_routes(self._calls)
        self._private = _private_routes(self._account, self._orders)

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Answer a request, with the venue's time in the headers as every server has it."""
        answer = await self._sent(request)
        now = datetime.fromtimestamp(self._floor.now_ns // SECOND_NS, UTC)
        return replace(answer, headers={**answer.headers, "Date": format_datetime(now, usegmt=True)})

    async def _sent(self, request: HttpRequest) -> HttpResponse:
        path = urlsplit(request.url).path
        if request.method == "GET" and path == "/time":
            return _json(self._calls.time())
        if request.method != "POST":
            return Refusal(1004).response()
        if path == "/auth/api_key/login":
            return self.sessions.login(request)
        if path == "/auth/wallet/login":
            return self.sessions.wallet_login(request)
        try:
            return _json(await self.answer(path, _body_of(request), request.headers))
        except Refusal as refusal:
            return too_many(1) if refusal.code == 1006 else refusal.response()
        except ExchangeError as error:
            return answer_of(error, is_signed=path in _SIGNED)

    def connect(
        self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})
    ) -> AbstractAsyncContextManager[WebSocket]:
        """Open a socket; one with a cookie that is not good is not opened."""
        cookie = next((value for name, value in headers.items() if name.lower() == "cookie"), "")
        is_private = self.sessions.is_good(headers)
        if token_of(cookie) and not is_private:
            raise ConnectFailed("HTTP 401", code="unauthorized")

        async def serve(socket: VenueSocket) -> None:
            await Session(
                self._floor,
                self._tape,
                self._notes,
                self._calls,
                self._orders,
                socket,
                answer=lambda path, body: self.answer(path, body, headers),
                is_private=is_private,
            ).serve()

        return served_socket(serve)

    async def answer(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
        """Return the content of an answer; raises Refusal, and what the ground raises."""
        if self._limits.take(path) is not None:
            raise Refusal(1006)
        public, private = self._public.get(path), self._private.get(path)
        if public is not None:
            return await public(body)
        if private is None:
            raise Refusal(1004)
        self.sessions.require(headers)
        await self._notes.end_expired(self._floor)
        return await private(body)


def _body_of(request: HttpRequest) -> Mapping[str, Any]:
    headers = {name.lower(): value for name, value in request.headers.items()}
    if not headers.get("content-type", "").startswith("application/json"):
        raise Refusal(1003)
    try:
        body = json.loads(request.body, parse_float=str)
    except ValueError:
        raise Refusal(1003) from None
    if not isinstance(body, dict):
        raise Refusal(1003)
    return body


def _json(answer: Any) -> HttpResponse:
    return HttpResponse(status=200, headers=JSON, body=json.dumps(answer).encode())


def _public_routes(calls: PublicCalls) -> Mapping[str, Call]:
    routes: dict[str, Call] = {
        "all_instruments": calls.all_instruments,
        "instruments": calls.instruments,
        "instrument": calls.instrument,
        "currency": calls.currency,
        "margin_rules": calls.margin_rules,
        "book": calls.book,
        "mini": calls.mini,
        "ticker": calls.ticker,
        "funding": calls.funding,
        "trade": calls.nothing,
        "trade_history": calls.nothing,
        "kline": calls.nothing,
    }
    return MappingProxyType({_ROOT + name: call for name, call in routes.items()})


def _private_routes(account: AccountCalls, orders: OrderCalls) -> Mapping[str, Call]:
    routes: dict[str, Call] = {
        "create_order": orders.create,
        "cancel_order": orders.cancel,
        "cancel_all_orders": orders.cancel_all,
        "cancel_on_disconnect": orders.switch,
        "order": orders.one,
        "open_orders": orders.open,
        "order_history": account.order_history,
        "fill_history": account.fills,
        "positions": account.positions,
        "account_summary": account.summary,
        "aggregated_account_summary": account.aggregated,
        "funding_account_summary": account.funding_summary,
        "get_sub_accounts": account.sub_accounts,
        "get_authorized_builders": account.builders,
        "funding_payment_history": account.payments,
        "get_all_initial_leverage": account.leverage,
        "set_position_config": account.set_config,
        "set_initial_leverage": account.set_leverage,
        "transfer_history": account.transfers,
        "deposit_history": account.nothing,
        "withdrawal_history": account.nothing,
    }
    return MappingProxyType({_ROOT + name: call for name, call in routes.items()})
