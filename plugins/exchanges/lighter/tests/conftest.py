"""What the tests of this plugin share."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

import pytest

from arb.api import (
    ConnectFailed,
    Exchange,
    ExchangeSpec,
    FakeVenue,
    HttpRequest,
    HttpResponse,
    Streams,
    Trading,
    WebSocket,
)
from arb.model import ClientOrderId, FeeSchedule, Instrument, Order, OrderRequest, Side, TimeInForce
from arb.simulation import Faults, SimulatedExchange, VirtualClock, run_virtual
from arb.testing import START_NS, FakeContext, FakeWorld
from arb_exchange_lighter import plugin
from arb_exchange_lighter._markets import Market, markets_of
from arb_exchange_lighter.fake import fake_settings

ADDRESS = "http://fake.test"
DATA = Path(os.environ.get("ARB_REAL_DATA", Path(__file__).parents[4] / "../shared/data"))


@pytest.fixture
def recorded_text() -> Callable[[str], str]:
    """Return a function that reads a recording as it is."""

    def read(name: str) -> str:
        path = DATA / "wire" / name
        if not path.is_file():
            pytest.skip(f"recorded payloads are not there: {path} (set ARB_REAL_DATA)")
        return path.read_text(encoding="utf-8")

    return read


@pytest.fixture
def recorded(recorded_text: Callable[[str], str]) -> Callable[[str], Any]:
    """Return a function that reads a recorded payload; its fractions are Decimals, as in production."""
    return lambda name: json.loads(recorded_text(name), parse_float=Decimal)


@pytest.fixture
def frame(recorded_text: Callable[[str], str]) -> Callable[[str], Any]:
    """Return a function that finds a frame captured from the main network on 2026-07-28 by how its name begins."""

    def find(name: str) -> Any:
        for line in recorded_text("captured-frames/lighter_mainnet_20260728.jsonl").splitlines():
            found = json.loads(line, parse_float=Decimal)
            if found["name"].startswith(name):
                return found["raw"]
        raise AssertionError(f"no frame {name}")

    return find


@pytest.fixture
def vectors() -> Any:
    """Return the signing vectors."""
    path = DATA.parent / "venues/vectors/lighter.json"
    if not path.is_file():
        pytest.skip(f"signing vectors are not there: {path} (set ARB_REAL_DATA)")
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def eth() -> Market:
    """Return the ETH market as the venue had it in 2026."""
    row = {
        "symbol": "ETH",
        "market_id": 0,
        "market_type": "perp",
        "status": "active",
        "taker_fee": "0.0000",
        "maker_fee": "0.0000",
        "min_base_amount": "0.0050",
        "min_quote_amount": "10.000000",
        "order_quote_limit": "281474976.710655",
        "size_decimals": 4,
        "price_decimals": 2,
        "default_initial_margin_fraction": 500,
        "min_initial_margin_fraction": 200,
        "maintenance_margin_fraction": 120,
    }
    fees = FeeSchedule(maker=Decimal("0.000028"), taker=Decimal("0.000196"))
    return markets_of({"order_book_details": [row]}, "lt", account_fees=fees, asset_classes={})[0]


class Line:
    """Between plugin and fake: keeps what passes, and answers in the venue's place where a test says so."""

    def __init__(self) -> None:
        self.venue: FakeVenue | None = None
        self.requests: list[HttpRequest] = []
        self.sockets: list[Socket] = []
        self.answer: Callable[[HttpRequest], HttpResponse | None] = lambda _: None
        self.change: Callable[[HttpRequest, Any], Any] = lambda _, body: body
        self.has_sockets = True

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        instead = self.answer(request)
        if instead is not None:
            return instead
        assert self.venue is not None
        found = await self.venue.send(request)
        body = self.change(request, json.loads(found.body))
        return HttpResponse(status=found.status, headers=found.headers, body=json.dumps(body).encode())

    @asynccontextmanager
    async def connect(self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})) -> AsyncIterator[WebSocket]:
        if not self.has_sockets:
            raise ConnectFailed("no sockets today", code="no_connection")
        assert self.venue is not None
        async with self.venue.connect(url, headers=headers) as inner:
            self.sockets.append(Socket(inner))
            yield self.sockets[-1]

    def asked(self, path: str) -> list[HttpRequest]:
        """Return the requests of a path."""
        return [each for each in self.requests if each.url.partition("?")[0].endswith(path)]

    @property
    def transactions(self) -> list[dict[str, Any]]:
        """Return the transactions that left, as the venue reads them."""
        forms = [dict(parse_qsl(each.body.decode())) for each in self.asked("/sendTx")]
        return [json.loads(form["tx_info"]) for form in forms]


class Socket:
    """One socket, with what was said on it."""

    def __init__(self, inner: WebSocket) -> None:
        self._inner = inner
        self.said: list[Any] = []

    async def send(self, message: str | bytes) -> None:
        self.said.append(json.loads(message))
        await self._inner.send(message)

    async def messages(self) -> AsyncIterator[str | bytes]:
        async for message in self._inner.messages():
            yield message


@dataclass
class Desk:
    """An open plugin, the truth behind its fake, and the line between them."""

    exchange: Exchange
    truth: SimulatedExchange
    line: Line
    instrument: Instrument
    names: list[str] = field(default_factory=list)

    @property
    def trading(self) -> Trading:
        assert self.exchange.trading is not None
        return self.exchange.trading

    @property
    def streams(self) -> Streams:
        assert self.exchange.streams is not None
        return self.exchange.streams

    @property
    def clock(self) -> VirtualClock:
        return VirtualClock.of_running_loop()

    async def sleep(self, duration_ns: int) -> None:
        await self.clock.sleep_until(self.clock.now_ns() + duration_ns)

    async def request(self, side: Side = Side.BUY, through: str = "0.02", **changes: Any) -> OrderRequest:
        bbo = await self.truth.market.fetch_bbo(self.instrument.id)
        self.names.append(f"mine-{len(self.names) + 1}")
        given: dict[str, Any] = {
            "client_order_id": ClientOrderId(self.names[-1]),
            "instrument": self.instrument.id,
            "side": side,
            "quantity": self.instrument.lot_size * 1_000,
            "price": self.instrument.limit_price(side, bbo.price_to(side) * (1 + Decimal(through) * side.sign)),
        }
        return OrderRequest(**{**given, **changes})

    async def resting(self, **changes: Any) -> OrderRequest:
        return await self.request(through="-0.02", time_in_force=TimeInForce.GTC, **changes)

    async def send(self, request: OrderRequest) -> Order:
        return await self.trading.send_order(await self.trading.prepare_order(request))


Body = Callable[[Desk], Awaitable[None]]


@asynccontextmanager
async def opened(
    line: Line, world: FakeWorld, changes: Mapping[str, Any], faults: Faults | None, ahead_ns: int
) -> AsyncIterator[tuple[Exchange, SimulatedExchange]]:
    (spec,) = plugin.arb_exchanges()
    assert isinstance(spec, ExchangeSpec)
    clock = VirtualClock.of_running_loop()
    async with world.ground(spec, clock, faults=faults) as (truth, fake):
        line.venue = fake
        context = FakeContext(
            world.name,
            clock=Ahead(clock, ahead_ns) if ahead_ns else clock,
            http=line,
            websocket=line,
            state=world.client_state,
        )
        settings = spec.settings.model_validate({**fake_settings(ADDRESS), **changes})
        async with spec.open(settings, context) as exchange:
            yield exchange, truth


class Ahead:
    """A clock that is wrong."""

    def __init__(self, clock: VirtualClock, ahead_ns: int) -> None:
        self._clock = clock
        self._ahead_ns = ahead_ns

    def now_ns(self) -> int:
        return self._clock.now_ns() + self._ahead_ns

    async def sleep_until(self, ts_ns: int) -> None:
        await self._clock.sleep_until(ts_ns - self._ahead_ns)


@pytest.fixture
def play() -> Callable[..., None]:
    """Return a function that runs a body on an open plugin over its fake, in virtual time."""

    def run(
        body: Body,
        *,
        line: Line | None = None,
        settings: Mapping[str, Any] = MappingProxyType({}),
        faults: Faults | None = None,
        ahead_ns: int = 0,
    ) -> None:
        async def case() -> None:
            wire = line or Line()
            async with opened(wire, FakeWorld(), settings, faults, ahead_ns) as (exchange, truth):
                instrument = (await truth.market.fetch_instruments())[0]
                await body(Desk(exchange, truth, wire, instrument))

        run_virtual(case(), start_ns=START_NS)

    return run


@pytest.fixture
def line() -> Line:
    """Return a line that a test prepares before the plugin is opened."""
    return Line()
