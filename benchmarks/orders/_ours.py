"""One of our exchange plugins over its fake venue, and what of its orders is measured."""

from __future__ import annotations

import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Final, Self

import aiohttp

from arb.api import Exchange, ExchangeSpec, HttpRequest, HttpResponse, HttpTransport, PreparedOrder, Trading
from arb.kernel import Family, load_spec
from arb.model import ClientOrderId, Instrument, Order, OrderRequest, Side, TimeInForce
from arb.net import open_transports
from arb.runtime import WallClock
from arb.testing import FakeContext

PREPARED: Final = "prepared"
ORDER: Final = "order"
SEND: Final = "send"
BARE: Final = "bare"
FILLS: Final = 100
_REACH: Final = Decimal("0.02")
_VALUE: Final = 200


class Keeping:
    """A transport that keeps the last answer of each kind of question."""

    def __init__(self, http: HttpTransport) -> None:
        self._http = http
        self.bodies: dict[str, bytes] = {}

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send; a question is known by its path and, where it has one, the `type` in its body."""
        response = await self._http.send(request)
        path = request.url.partition("://")[2].partition("/")[2].partition("?")[0]
        kind = request.body.replace(b": ", b":").partition(b'"type":"')[2].partition(b'"')[0].decode()
        self.bodies[f"{path} {kind}".strip()] = response.body
        return response


@dataclass(frozen=True, slots=True)
class Sample:
    """An order to buy or sell a little of one instrument, whichever its number is, so that it fills at once."""

    instrument: Instrument
    quantity: Decimal
    buy: Decimal
    sell: Decimal

    def request(self, number: int) -> OrderRequest:
        """Return the order of a number; numbers may not repeat."""
        side = Side.SELL if number % 2 else Side.BUY
        return OrderRequest(
            client_order_id=ClientOrderId(f"bench-{number}"),
            instrument=self.instrument.id,
            side=side,
            quantity=self.quantity,
            price=self.sell if side is Side.SELL else self.buy,
            time_in_force=TimeInForce.IOC,
        )


class Ours(ABC):
    """An exchange plugin over its served fake."""

    name: ClassVar[str]
    paths: ClassVar[Mapping[str, str]]
    """Of the answers to an order, with fills, and with positions."""

    def __init__(self, exchange: Exchange, keeping: Keeping, session: aiohttp.ClientSession, address: str) -> None:
        assert exchange.trading is not None
        self.exchange = exchange
        self.trading: Trading = exchange.trading
        self.keeping = keeping
        self.address = address
        self._session = session
        self._numbers = itertools.count(1)
        self._listed: dict[str, Instrument] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, fake: Mapping[str, Any]) -> AsyncIterator[Self]:
        """Open the plugin over the transports that are used live."""
        spec = load_spec(Family.EXCHANGES, cls.name)
        assert isinstance(spec, ExchangeSpec)
        assert spec.fake is not None
        async with open_transports() as (http, websocket), aiohttp.ClientSession() as session:
            keeping = Keeping(http)
            context = FakeContext(cls.name, clock=WallClock(), http=keeping, websocket=websocket)
            async with spec.open(
                spec.settings.model_validate(spec.fake.settings(fake["address"])), context
            ) as exchange:
                yield cls(exchange, keeping, session, fake["address"])

    @abstractmethod
    async def signed(self, request: OrderRequest) -> object:
        """Turn a request into what leaves, signature and all."""

    @abstractmethod
    async def parts(self, sample: Sample) -> Mapping[str, Callable[[], object]]:
        """Return what `signed` consists of, each to be called on its own."""

    @abstractmethod
    async def bare(self, requests: list[OrderRequest]) -> list[tuple[str, Mapping[str, str], bytes]]:
        """Return the path, headers and body with which anybody could send these orders now, in their order."""

    @abstractmethod
    async def parse(self, what: str, body: bytes) -> list[object]:
        """Turn an answer into values of the model."""

    def sdk_order(self, sample: Sample) -> Mapping[str, Any]:
        """Return the same order as the SDK wants to be told."""
        return {
            "symbol": sample.instrument.symbol,
            "quantity": f"{sample.quantity:f}",
            "buy": f"{sample.buy:f}",
            "sell": f"{sample.sell:f}",
        }

    async def sample(self, base: str = "ETH") -> Sample:
        """Return an order that fills at the present prices, on the venue's steps."""
        if base not in self._listed:
            self._listed = {one.base: one for one in await self.exchange.market.fetch_instruments()}
        instrument = self._listed[base]
        bbo = await self.exchange.market.fetch_bbo(instrument.id)
        assert bbo.ask is not None
        assert bbo.bid is not None
        buy = instrument.limit_price(Side.BUY, self.round(bbo.ask * (1 + _REACH)))
        sell = instrument.limit_price(Side.SELL, self.round(bbo.bid * (1 - _REACH)))
        return Sample(instrument, instrument.floor_quantity(_VALUE / buy), buy, sell)

    def round(self, price: Decimal) -> Decimal:
        """Return a price near this one with as few digits as every client takes."""
        return Decimal(f"{price:.3g}")

    async def filled(self, sample: Sample) -> Order:
        """Buy or sell in turn."""
        order = await self.trading.send_order(await self.trading.prepare_order(sample.request(next(self._numbers))))
        assert order.filled_quantity, order
        return order

    async def captured(self) -> dict[str, bytes]:
        """Trade, and return the venue's own answers to an order, with many fills and with every position."""
        for base in ("BTC", "SOL", "XRP", "HYPE"):
            next(self._numbers)  # every other order sells: these all buy
            await self.filled(await self.sample(base))
        sample = await self.sample()
        for _ in range(FILLS + 1):
            await self.filled(sample)
        assert len(await self.trading.fetch_fills(0)) >= FILLS
        assert len(await self.trading.fetch_positions()) == 5
        return {what: self.keeping.bodies[path] for what, path in self.paths.items()}

    async def measure(self, what: str, count: int, sample: Sample, bodies: Mapping[str, bytes]) -> list[float]:
        """Do something so many times; return the microseconds of each."""
        if what in bodies:
            return await timed(lambda: self.parse(what, bodies[what]), count)
        if what == PREPARED:
            return [await took(self.signed(sample.request(next(self._numbers)))) for _ in range(count)]
        if what == ORDER:
            return [await took(self.filled(sample)) for _ in range(count)]
        if what == SEND:
            return [await took(self.trading.send_order(each)) for each in await self._prepared(sample, count)]
        if what == BARE:
            requests = [sample.request(next(self._numbers)) for _ in range(count)]
            return [await took(self._post(*each)) for each in await self.bare(requests)]
        part = (await self.parts(sample))[what]
        found = []
        for _ in range(count):
            began = time.perf_counter_ns()
            part()
            found.append((time.perf_counter_ns() - began) / 1e3)
        return found

    async def _prepared(self, sample: Sample, count: int) -> list[PreparedOrder]:
        return [await self.trading.prepare_order(sample.request(next(self._numbers))) for _ in range(count)]

    async def _post(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        async with self._session.post(self.address + path, headers=headers, data=body) as response:
            assert response.status in (200, 201), await response.text()
            await response.read()


async def took(work: Awaitable[object]) -> float:
    """Return the microseconds that something takes."""
    began = time.perf_counter_ns()
    await work
    return (time.perf_counter_ns() - began) / 1e3


async def timed(work: Callable[[], Awaitable[object]], count: int) -> list[float]:
    """Return the microseconds of each call."""
    return [await took(work()) for _ in range(count)]
