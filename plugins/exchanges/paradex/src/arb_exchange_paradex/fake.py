"""The venue, imitated down to the wire: for tests and simulations. Write it from the venue's documents."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from arb.api import (
    BadResponse,
    ExchangeError,
    FakeGround,
    HttpRequest,
    HttpResponse,
    InMaintenance,
    RateLimited,
    Rejected,
    WebSocket,
)
from arb.model import (
    MILLISECOND_NS,
    ClientOrderId,
    Instrument,
    InstrumentId,
    MarginMode,
    OrderRequest,
    Side,
    TimeInForce,
)
from arb.simulation import VENUE_PREFIXES, VenueSocket, served_socket, transport_failure

from .fake_rows import Rows
from .fake_socket import serve
from .wire import REFUSALS, WINDOW_NS, signature

FAKE_KEY: Final = "fake-key"
FAKE_SECRET: Final = "fake-secret-of-the-fake-venue"  # noqa: S105 - opens nothing but the fake
_DIGITS: Final = re.compile(r"\d+(\.\d+)?")
_PAGE: Final = 100


def fitted(instrument: Instrument, price: Decimal) -> Instrument:
    """Return an instrument as this venue can list it: one tier of margin, and SOL in contracts of ten."""
    contract = Decimal(10) if instrument.base == "SOL" else Decimal(1)
    return replace(instrument, margin_tiers=instrument.margin_tiers[:1], multiplier=contract)


class VenueFake:
    """Implements `arb.api.FakeVenue`."""

    def __init__(self, ground: FakeGround) -> None:
        self._ground = ground
        self._exchange = ground.exchange
        self._rows = Rows()
        self._routes = {
            "GET /time": self._time,
            "GET /markets": self._markets,
            "GET /book": self._book,
            "GET /stats": self._stats,
            "GET /currencies": self._currencies,
            "GET /funding": self._funding,
            "GET /funding_history": self._funding_history,
        }
        self._private = {
            "POST /orders": self._place,
            "GET /orders": self._order,
            "DELETE /orders": self._cancel,
            "GET /orders/open": self._open_orders,
            "DELETE /orders/open": self._cancel_all,
            "GET /fills": self._fills,
            "GET /positions": self._positions,
            "GET /balances": self._balances,
            "GET /payments": self._payments,
            "GET /leverage": self._leverage,
            "POST /leverage": self._set_leverage,
        }

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        parts = urlsplit(request.url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        route = f"{request.method} {parts.path}"
        try:
            if route in self._private:
                self.authenticate(request.headers, request.method, target, request.body)
            handler = self._private.get(route) or self._routes.get(route)
            if handler is None:
                return _response(404, {"code": "no_such_path"})
            body = json.loads(request.body) if request.body else {}
            await self._rows.learn(self._exchange)
            return _response(200, await handler({**dict(parse_qsl(parts.query)), **body}))
        except ExchangeError as error:
            return _refusal(error)

    def connect(
        self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})
    ) -> AbstractAsyncContextManager[WebSocket]:
        """Open a socket."""

        async def run(socket: VenueSocket) -> None:
            await self._rows.learn(self._exchange)
            await serve(socket, self._ground, self._rows, self.authenticate)

        return served_socket(run)

    def authenticate(self, headers: Mapping[str, str], method: str, target: str, body: bytes = b"") -> None:
        """Refuse what is not signed, or signed at another time than now; raises Rejected."""
        time_ms = headers.get("X-Time", "0")
        wanted = signature(FAKE_SECRET, time_ms, method, target, body)
        good = hmac.compare_digest(wanted, headers.get("X-Signature", ""))
        if not good or headers.get("X-Key") != FAKE_KEY:
            raise Rejected("the signature does not fit", code="bad_signature")
        if abs(int(time_ms) * MILLISECOND_NS - self._ground.clock.now_ns()) > WINDOW_NS:
            raise Rejected("the time is not near the venue's: set your clock", code="bad_time")

    async def _time(self, asked: Any) -> Any:
        return {"time": self._now_ms()}

    async def _markets(self, asked: Any) -> Any:
        return {"markets": [self._rows.market(one) for one in self._rows.instruments.values()]}

    async def _book(self, asked: Any) -> Any:
        depth = int(asked["depth"])
        book = await self._exchange.market.fetch_order_book(self._listed(asked), depth)
        return self._rows.book(replace(book, bids=book.bids[:depth], asks=book.asks[:depth]), None)

    async def _stats(self, asked: Any) -> Any:
        return {"stats": [self._rows.stats(row) for row in await self._exchange.market.fetch_stats()]}

    async def _currencies(self, asked: Any) -> Any:
        rates = await self._exchange.market.fetch_fx_rates()
        return {"usd": {currency: str(rate) for currency, rate in rates.items()}}

    async def _funding(self, asked: Any) -> Any:
        return {"funding": [self._rows.rate(row) for row in await self._exchange.market.fetch_funding_rates()]}

    async def _funding_history(self, asked: Any) -> Any:
        window = (int(asked["start"]) * MILLISECOND_NS, int(asked["end"]) * MILLISECOND_NS)
        rates = await self._exchange.market.fetch_funding_history(self._listed(asked), *window)
        return _page(asked, [self._rows.rate(rate) for rate in rates])

    async def _place(self, asked: Any) -> Any:
        request = OrderRequest(
            client_order_id=ClientOrderId(asked["client_id"]),
            instrument=self._listed(asked),
            side=Side(asked["side"]),
            quantity=_number(asked["quantity"]),
            price=_number(asked["price"]),
            time_in_force=TimeInForce(asked["time_in_force"]),
            post_only=asked["post_only"],
            reduce_only=asked["reduce_only"],
        )
        trading = self._exchange.trading
        prepared = await trading.prepare_order(request)
        if (prepared.request.quantity, prepared.request.price) != (request.quantity, request.price):
            raise Rejected("price or quantity is no multiple of its step", code="invalid_order")
        return {"order": self._rows.order(await trading.send_order(prepared))}

    async def _order(self, asked: Any) -> Any:
        order = await self._exchange.trading.fetch_order(self._listed(asked), _ours(asked))
        return {"order": self._rows.order(order)}

    async def _cancel(self, asked: Any) -> Any:
        await self._exchange.trading.cancel_order(self._listed(asked), _ours(asked))
        return {}

    async def _cancel_all(self, asked: Any) -> Any:
        await self._exchange.trading.cancel_all(None if asked["symbol"] is None else self._listed(asked))
        return {}

    async def _open_orders(self, asked: Any) -> Any:
        return {"orders": [self._rows.order(each) for each in await self._exchange.trading.fetch_open_orders()]}

    async def _fills(self, asked: Any) -> Any:
        fills = await self._exchange.trading.fetch_fills(int(asked["since"]) * MILLISECOND_NS)
        return _page(asked, [self._rows.fill(each) for each in fills])

    async def _positions(self, asked: Any) -> Any:
        return {"positions": [self._rows.position(each) for each in await self._exchange.trading.fetch_positions()]}

    async def _balances(self, asked: Any) -> Any:
        return {"balances": [self._rows.balance(each) for each in await self._exchange.trading.fetch_balances()]}

    async def _payments(self, asked: Any) -> Any:
        payments = await self._exchange.trading.fetch_funding_payments(int(asked["since"]) * MILLISECOND_NS)
        return _page(asked, [self._rows.payment(each) for each in payments])

    async def _leverage(self, asked: Any) -> Any:
        leverage, mode = await self._exchange.trading.fetch_leverage(self._listed(asked))
        return {"leverage": str(leverage), "mode": mode.value}

    async def _set_leverage(self, asked: Any) -> Any:
        mode = MarginMode(asked["mode"])
        await self._exchange.trading.set_leverage(self._listed(asked), Decimal(asked["leverage"]), mode)
        return {}

    def _listed(self, asked: Mapping[str, Any]) -> InstrumentId:
        if asked.get("symbol") not in self._rows.names:
            raise Rejected("there is no such market", code="unknown_instrument")
        return self._rows.names[asked["symbol"]]

    def _now_ms(self) -> int:
        return self._ground.clock.now_ns() // MILLISECOND_NS


def _number(text: str) -> Decimal:
    """Return a number written as venues want it: no power of ten, no sign."""
    if not _DIGITS.fullmatch(text):
        raise Rejected("a number is written in digits and one point", code="invalid_order")
    return Decimal(text)


def _ours(asked: Mapping[str, Any]) -> ClientOrderId:
    name = str(asked["client_id"])
    if name.startswith(VENUE_PREFIXES):
        raise Rejected("there is no such order", code="unknown_order")
    return ClientOrderId(name)


def _page(asked: Mapping[str, Any], rows: list[Any]) -> dict[str, Any]:
    """Return the rows from the cursor on, a hundred at most."""
    start = int(asked.get("cursor", 0))
    rest = len(rows) - start - _PAGE
    return {"rows": rows[start : start + _PAGE], "next": str(start + _PAGE) if rest > 0 else None}


def _refusal(error: ExchangeError) -> HttpResponse:
    """Return the venue's own words for what the ground raised, or raise what becomes of the connection."""
    broken = transport_failure(error)
    if broken is not None:
        raise broken
    if isinstance(error, RateLimited):
        return _response(429, {"code": "too_many"})
    if isinstance(error, InMaintenance):
        return _response(503, {"code": "maintenance", "message": "back soon"})
    if isinstance(error, BadResponse):
        return HttpResponse(status=200, headers={}, body=b"<html>a proxy is in the way</html>")
    kinds = {kind: code for code, kind in REFUSALS.items() if kind is not Rejected}
    code = error.code if error.code in REFUSALS else kinds.get(type(error), "invalid_order")
    status = 401 if code in ("bad_signature", "bad_time") else 400
    return _response(status, {"code": code, "message": str(error)})


def _response(status: int, answer: Any) -> HttpResponse:
    return HttpResponse(status=status, headers={}, body=json.dumps(answer).encode())
