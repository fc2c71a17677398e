"""The fake venue: routes, and the way of a request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from arb.api import ExchangeError, FakeGround, HttpRequest, HttpResponse, WebSocket
from arb.simulation import VenueSocket, served_socket

from ._account import AccountCalls
from ._auth import body_of, query_of, require_account, require_signed, signed_body, signed_query
from ._books import BookTape
from ._floor import Floor, OrderBookkeeping
from ._limits import Limits
from ._orders import OrderCalls
from ._public import PublicCalls
from ._refusal import Refusal, answer_of, answered, refused, too_many
from ._sockets import PrivateSession, PublicSession

Call = Callable[[Any], Awaitable[Any]]
_PRIVATE = "/private/"


class FakeEdgex:
    """Implements :class:`arb.api.FakeVenue`."""

    def __init__(self, ground: FakeGround) -> None:
        self._floor = Floor(ground)
        self._limits = Limits(ground.clock, ground.memory)
        self._tape = BookTape(ground.memory)
        self._notes = OrderBookkeeping(ground.memory)
        self._public = PublicCalls(self._floor, self._tape)
        self._account = AccountCalls(self._floor)
        self._orders = OrderCalls(self._floor, self._notes)
        self._routes = _routes(self._public, self._account, self._orders)

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        path = urlsplit(request.url).path
        wait_s = self._limits.take()
        if wait_s is not None:
            return too_many(wait_s, self._floor.now_ns)
        try:
            call = self._routes.get((request.method, path))
            if call is None:
                raise Refusal("GATEWAY_PARAM_INVALID", status=404, param={"path": path})
            params = query_of(request.url) if request.method == "GET" else body_of(request)
            if _PRIVATE in path:
                signed = signed_query(params) if request.method == "GET" else signed_body(params)
                require_signed(request.method, path, request.headers, signed, self._floor.now_ns)
                require_account(params)
                await self._orders.expire()
            return answered(await call(params), self._floor.now_ns)
        except Refusal as refusal:
            return refused(refusal, self._floor.now_ns)
        except ExchangeError as error:
            return answer_of(error, self._floor.now_ns)

    def connect(
        self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})
    ) -> AbstractAsyncContextManager[WebSocket]:
        """Open a socket."""
        if _PRIVATE not in urlsplit(url).path:
            return served_socket(self._serve_public)
        refusal = self._refusal(url, headers)

        async def serve(socket: VenueSocket) -> None:
            await PrivateSession(self._floor, self._notes, self._account, self._orders, socket, refusal).serve()

        return served_socket(serve)

    async def _serve_public(self, socket: VenueSocket) -> None:
        await PublicSession(self._floor, self._tape, self._public, socket).serve()

    def _refusal(self, url: str, headers: Mapping[str, str]) -> Refusal | None:
        query = query_of(url)
        try:
            require_signed("GET", urlsplit(url).path, headers, signed_query(query), self._floor.now_ns)
            require_account(query)
        except Refusal as refusal:
            return refusal
        return None


def _routes(public: PublicCalls, account: AccountCalls, orders: OrderCalls) -> Mapping[tuple[str, str], Call]:
    routes: dict[str, Mapping[str, Call]] = {
        "GET /api/v2/public/meta": {"getServerTime": public.server_time, "getMetaData": public.meta},
        "GET /api/v2/public/quote": {
            "getTicker": public.ticker,
            "getDepth": public.depth,
            "getKline": public.nothing,
            "getMarketStatus": public.market_status,
        },
        "GET /api/v2/public/funding": {
            "getLatestFundingRate": public.latest_funding,
            "getFundingRatePage": public.funding_page,
        },
        "GET /api/v2/private/account": {
            "getAccountAsset": account.asset,
            "getAccountById": account.account,
            "getPositionByContractId": account.positions,
            "getCollateralTransactionPage": account.collateral,
        },
        "POST /api/v2/private/account": {
            "updateLeverageSetting": account.set_leverage,
            "setMarginMode": account.set_margin_mode,
        },
        "GET /api/v2/private/order": {
            "getOrderById": orders.by_id,
            "getOrderByClientOrderId": orders.by_client_id,
            "getActiveOrderPage": orders.active,
            "getHistoryOrderPage": orders.history,
            "getHistoryOrderFillTransactionPage": account.fills,
        },
        "POST /api/v2/private/order": {
            "createOrder": orders.create,
            "cancelOrderById": orders.cancel_by_id,
            "cancelOrderByClientOrderId": orders.cancel_by_client_id,
            "cancelAllOrder": orders.cancel_all,
            "getMaxCreateOrderSize": orders.largest,
        },
    }
    found = {}
    for place, calls in routes.items():
        method, _, folder = place.partition(" ")
        found.update({(method, f"{folder}/{name}"): call for name, call in calls.items()})
    return MappingProxyType(found)
