from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from arb.api import Exchange, ExchangeSpec, FakeVenue, HttpRequest, HttpResponse, Trading, WebSocket
from arb.model import (
    ClientOrderId,
    Instrument,
    OrderRequest,
    Side,
    TimeInForce,
)
from arb.simulation import Faults, SimulatedExchange, VirtualClock, run_virtual
from arb.testing import START_NS, FakeContext, FakeWorld
from arb_exchange_paradex import plugin
from arb_exchange_paradex.fake import fake_settings

SHARED = Path(os.environ.get("ARB_REAL_DATA", Path(__file__).parents[4] / "../shared/data"))
ADDRESS = "http://fake.test"


@pytest.fixture
def wire_data() -> Path:
    """Return the folder of recorded payloads; skips, and says so, where it is absent."""
    folder = SHARED / "wire"
    if not folder.is_dir():
        pytest.skip(f"recorded payloads are not there: {folder} (set ARB_REAL_DATA)")
    return folder


@pytest.fixture
def vector_data() -> Path:
    """Return the file of signing vectors, beside the recorded data; skips, and says so, where it is absent."""
    file = SHARED.parent / "venues" / "vectors" / "paradex.json"
    if not file.is_file():
        pytest.skip(f"signing vectors are not there: {file} (set ARB_REAL_DATA)")
    return file


Answer = Callable[[HttpRequest], HttpResponse | None]


@dataclass
class Line:
    """Between plugin and fake: records what passes and answers instead of the venue where a test says so."""

    venue: FakeVenue | None = None
    answer: Answer = lambda request: None
    requests: list[HttpRequest] = field(default_factory=list)
    sockets: list[Socket] = field(default_factory=list)
    tamper: Callable[[str | bytes], list[str | bytes]] = lambda message: [message]

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        instead = self.answer(request)
        assert self.venue is not None
        return instead if instead is not None else await self.venue.send(request)

    @asynccontextmanager
    async def connect(self, url: str, *, headers: Mapping[str, str] = MappingProxyType({})) -> Any:
        assert self.venue is not None
        async with self.venue.connect(url, headers=headers) as inner:
            socket = Socket(inner, self)
            self.sockets.append(socket)
            yield socket

    def sent(self, method: str, path: str) -> list[HttpRequest]:
        return [each for each in self.requests if each.method == method and path in each.url]


class Socket:
    def __init__(self, inner: WebSocket, line: Line) -> None:
        self._inner = inner
        self._line = line
        self.is_cut = False
        self.sent: list[str | bytes] = []

    async def send(self, message: str | bytes) -> None:
        self.sent.append(message)
        await self._inner.send(message)

    async def messages(self) -> Any:
        async for message in self._inner.messages():
            if self.is_cut:
                return
            for carried in self._line.tamper(message):
                yield carried


@dataclass
class Desk:
    """An open plugin, the truth behind its fake, and the line between."""

    exchange: Exchange
    truth: SimulatedExchange
    line: Line
    world: FakeWorld
    instrument: Instrument
    count: int = 0

    @property
    def trading(self) -> Trading:
        assert self.exchange.trading is not None
        return self.exchange.trading

    @property
    def clock(self) -> VirtualClock:
        return VirtualClock.of_running_loop()

    async def sleep(self, duration_ns: int) -> None:
        await self.clock.sleep_until(self.clock.now_ns() + duration_ns)

    async def request(self, side: Side = Side.BUY, through: str = "0.02", **changes: Any) -> OrderRequest:
        bbo = await self.exchange.market.fetch_bbo(self.instrument.id)
        price = self.instrument.limit_price(side, bbo.price_to(side) * (1 + Decimal(through) * side.sign))
        self.count += 1
        given: dict[str, Any] = {
            "client_order_id": ClientOrderId(f"mine-{self.count}"),
            "instrument": self.instrument.id,
            "side": side,
            "quantity": self.instrument.lot_size * 1000,
            "price": price,
            "time_in_force": TimeInForce.IOC,
        }
        return OrderRequest(**{**given, **changes})

    async def resting(self, **changes: Any) -> OrderRequest:
        return await self.request(through="-0.02", time_in_force=TimeInForce.GTC, **changes)

    async def send(self, request: OrderRequest) -> Any:
        return await self.trading.send_order(await self.trading.prepare_order(request))


Body = Callable[[Desk], Awaitable[None]]
Bench = Callable[..., None]


@pytest.fixture
def spec() -> ExchangeSpec:
    (found,) = plugin.arb_exchanges()
    return found


@pytest.fixture
def bench(spec: ExchangeSpec) -> Bench:
    """Return a function that runs a body on the plugin over its fake, in virtual time."""

    def run(
        body: Body,
        *,
        faults: Faults | None = None,
        world: FakeWorld | None = None,
        answer: Answer = lambda request: None,
        settings: Mapping[str, Any] = MappingProxyType({}),
        without: tuple[str, ...] = (),
    ) -> None:
        async def main() -> None:
            mine, between, clock = world or FakeWorld(), Line(answer=answer), VirtualClock.of_running_loop()
            async with mine.ground(spec, clock, faults=faults) as (truth, venue):
                between.venue = venue
                context = FakeContext(mine.name, clock=clock, http=between, websocket=between, state=mine.client_state)
                given = {k: v for k, v in {**fake_settings(ADDRESS), **settings}.items() if k not in without}
                opening: AbstractAsyncContextManager[Exchange] = spec.open(spec.settings.model_validate(given), context)
                async with opening as exchange:
                    instrument = (await exchange.market.fetch_instruments())[0]
                    await body(Desk(exchange, truth, between, mine, instrument))

        run_virtual(main(), start_ns=START_NS)

    return run
