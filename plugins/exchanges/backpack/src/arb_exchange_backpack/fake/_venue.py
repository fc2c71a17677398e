"""The fake venue: routes, and the way of a request."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from arb.api import ExchangeError, FakeGround, HttpRequest, HttpResponse, WebSocket
from arb.model import MILLISECOND_NS
from arb.simulation import VenueSocket, served_socket

from ._account import AccountCalls
from ._auth import body_of, query_of, require_signed
from ._books import BookTape
from ._floor import Floor, OrderBookkeeping
from ._history import HistoryCalls
from ._limits import Limits
from ._orders import OrderCalls
from ._public import PublicCalls
from ._refusal import JSON, Refusal, answer_of, too_many
from ._sockets import Session

_TEXT: Final[Mapping[str, str]] = MappingProxyType({"Content-Type": "text/plain; charset=utf-8"})
Call = Callable[[Any], Awaitable[Any]]


class FakeBackpack:
    """Implements :class:`arb.api.FakeVenue`."""

    def __init__(self, ground: FakeGround) -> None:
        floor = Floor(ground)
        self._floor = floor
        self._limits = Limits(ground.clock, ground.memory)
        self._tape = BookTape(ground.memory)
        self._notes = OrderBookkeeping(ground.memory)
        self._account = AccountCalls(floor)
        self._public = _public_routes(PublicCalls(floor, self._tape))
        orders, history = OrderCalls(floor, self._notes), HistoryCalls(floor, self._notes)
        self._signed = _signed_routes(self._account, orders, history)

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        path = urlsplit(request.url).path
        signed = self._signed.get((request.method, path))
        wait_s = self._limits.take(path, signed=signed is not None)
        if wait_s is not None:
            return too_many(wait_s)
        if request.method == "GET" and path in ("/api/v1/time", "/api/v1/ping"):
            text = "pong" if path.endswith("ping") else str(self._floor.now_ns // MILLISECOND_NS)
            return HttpResponse(status=200, headers=_TEXT, body=text.encode())
        try:
            if signed is not None:
                return await self._answer_signed(request, *signed)
            public = self._public.get(path) if request.method == "GET" else None
            if public is None:
                raise Refusal(404, "RESOURCE_NOT_FOUND", "Not found")
            return _json(await public(query_of(request)))
        except Refusal as refusal:
            return refusal.response()
        except ExchangeError as error:
            return answer_of(error)

    def connect(
        self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})
    ) -> AbstractAsyncContextManager[WebSocket]:
        """Open a socket."""
        return served_socket(self._serve)

    async def _serve(self, socket: VenueSocket) -> None:
        await Session(self._floor, self._tape, self._notes, self._account, socket).serve()

    async def _answer_signed(self, request: HttpRequest, instruction: str, call: Call) -> HttpResponse:
        params = query_of(request) if request.method == "GET" else body_of(request)
        if not isinstance(params, dict | list):
            raise Refusal(400, "INVALID_CLIENT_REQUEST", "Invalid request body")
        require_signed(request, instruction, params, self._floor.now_ns)
        answer = await call(params)
        return HttpResponse(status=200, headers=JSON, body=b"") if answer is None else _json(answer)


def _json(answer: Any) -> HttpResponse:
    return HttpResponse(status=200, headers=JSON, body=json.dumps(answer).encode())


def _public_routes(calls: PublicCalls) -> Mapping[str, Call]:
    async def status(query: Any) -> Any:
        return {"status": "Ok", "message": None}

    return MappingProxyType(
        {
            "/api/v1/status": status,
            "/api/v1/assets": calls.assets,
            "/api/v1/securities": calls.securities,
            "/api/v1/collateral": calls.collateral,
            "/api/v1/markets": calls.markets,
            "/api/v1/market": calls.market,
            "/api/v1/ticker": calls.ticker,
            "/api/v1/tickers": calls.tickers,
            "/api/v1/depth": calls.depth,
            "/api/v1/markPrices": calls.mark_prices,
            "/api/v1/openInterest": calls.open_interest,
            "/api/v1/fundingRates": calls.funding_rates,
            "/api/v1/klines": calls.nothing,
            "/api/v1/trades": calls.nothing,
            "/api/v1/trades/history": calls.nothing,
        }
    )


def _signed_routes(
    account: AccountCalls, orders: OrderCalls, history: HistoryCalls
) -> Mapping[tuple[str, str], tuple[str, Call]]:
    return MappingProxyType(
        {
            ("GET", "/api/v1/account"): ("accountQuery", account.account),
            ("PATCH", "/api/v1/account"): ("accountUpdate", account.update),
            ("GET", "/api/v1/account/limits/order"): ("maxOrderQuantity", account.largest_order),
            ("GET", "/api/v1/capital"): ("balanceQuery", account.capital),
            ("GET", "/api/v1/capital/collateral"): ("collateralQuery", account.collateral),
            ("GET", "/api/v1/position"): ("positionQuery", account.positions),
            ("POST", "/api/v1/order"): ("orderExecute", orders.place),
            ("POST", "/api/v1/orders"): ("orderExecute", orders.place_batch),
            ("DELETE", "/api/v1/order"): ("orderCancel", orders.cancel),
            ("DELETE", "/api/v1/orders"): ("orderCancelAll", orders.cancel_all),
            ("GET", "/api/v1/order"): ("orderQuery", orders.resting),
            ("GET", "/api/v1/orders"): ("orderQueryAll", orders.all_resting),
            ("GET", "/wapi/v1/history/orders"): ("orderHistoryQueryAll", history.orders),
            ("GET", "/wapi/v1/history/fills"): ("fillHistoryQueryAll", history.fills),
            ("GET", "/wapi/v1/history/funding"): ("fundingHistoryQueryAll", history.funding),
            ("GET", "/wapi/v1/history/interest"): ("interestHistoryQueryAll", history.nothing),
            ("GET", "/wapi/v1/history/settlement"): ("settlementHistoryQueryAll", history.nothing),
            ("GET", "/wapi/v1/history/borrowLend"): ("borrowHistoryQueryAll", history.nothing),
            ("GET", "/wapi/v1/capital/deposits"): ("depositQueryAll", history.deposits),
            ("GET", "/wapi/v1/capital/withdrawals"): ("withdrawalQueryAll", history.nothing),
            ("GET", "/api/v1/borrowLend/positions"): ("borrowLendPositionQuery", history.nothing),
        }
    )
