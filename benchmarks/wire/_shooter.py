"""Every way to send two orders at once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Final, NamedTuple

import aiohttp

from arb.api import Exchange, HttpRequest
from arb.execution import AccountLeases
from arb.execution._gateway import OrderGateway, ReadyOrder
from arb.model import (
    HOUR_NS,
    SECOND_NS,
    ClientOrderId,
    ExchangeName,
    HedgeId,
    Order,
    OrderPurpose,
    OrderRecord,
    OrderRequest,
    OrderStatus,
    Side,
    instrument_id,
)
from arb.net import AiohttpTransport
from arb.risk import Halts, MemoryHaltStore, RiskManager
from arb.runtime import WallClock
from arb.storage import Journal
from arb.testing import MemoryStorage

from ._desk import NoObserver
from ._legs import LEGS, RawLine, SigningTrading, order_body, spin
from ._plugin import RemoteExchange

PRICE: Final = Decimal(50_000)
QUANTITY: Final = Decimal("0.1")


class Shot(NamedTuple):
    """When two orders were decided, and when each arrived."""

    decided_ns: int
    left_ns: int
    right_ns: int


class Shooter:
    """Every way to send two orders."""

    def __init__(self, lines: Sequence[RawLine], session: aiohttp.ClientSession, urls: Sequence[str]) -> None:
        self._lines = lines
        self._session = session
        self._urls = urls
        self._clock = WallClock()
        self._http = AiohttpTransport()
        self._trading = [SigningTrading(self._http, url) for url in urls]
        self._count = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, ports: Sequence[int]) -> AsyncIterator[Shooter]:
        """Connect every way to both venues."""
        lines = [await RawLine.open(port) for port in ports]
        async with aiohttp.ClientSession() as session:
            shooter = cls(lines, session, [f"http://127.0.0.1:{port}/quick" for port in ports])
            await shooter._begin()
            yield shooter
        await shooter._http.close()
        for line in lines:
            await line.close()

    async def _begin(self) -> None:
        exchanges: dict[ExchangeName, Exchange] = {
            ExchangeName(name): RemoteExchange(name=ExchangeName(name), market=trading, trading=trading)
            for name, trading in zip(LEGS, self._trading, strict=True)
        }
        leases = AccountLeases(self._clock, holder="bench", is_gone=lambda holder: False, ttl_ns=HOUR_NS)
        await leases.take(await Journal.open(MemoryStorage()), tuple(exchanges))
        self._gateway = OrderGateway(
            exchanges,
            self._clock,
            leases,
            NoObserver(),
            Halts(MemoryHaltStore(), self._clock),
            timeout_ns=10 * SECOND_NS,
        )

    def ways(self) -> Mapping[str, Callable[[int], Awaitable[Shot]]]:
        """Return the contenders; each spends so many nanoseconds on each signature."""
        return {
            "floor": self._floor,
            "bare": self._bare,
            "arb.net alone": self._transport,
            "ours": self._ours,
            "sign in gather": self._hazard,
        }

    async def _floor(self, sign_ns: int) -> Shot:
        decided_ns = time.monotonic_ns()
        requests = [RawLine.request(self._signed(sign_ns)) for _ in LEGS]
        for line, request in zip(self._lines, requests, strict=True):
            line.write(request)
        left, right = [(await line.answer())["arrived_ns"] for line in self._lines]
        return Shot(decided_ns, left, right)

    async def _bare(self, sign_ns: int) -> Shot:
        decided_ns = time.monotonic_ns()
        bodies = [self._signed(sign_ns) for _ in LEGS]
        left, right = await asyncio.gather(*map(self._post, self._urls, bodies))
        return Shot(decided_ns, left, right)

    async def _transport(self, sign_ns: int) -> Shot:
        decided_ns = time.monotonic_ns()
        bodies = [self._signed(sign_ns) for _ in LEGS]
        left, right = await asyncio.gather(*map(self._sent, self._urls, bodies))
        return Shot(decided_ns, left, right)

    async def _ours(self, sign_ns: int) -> Shot:
        decided_ns = time.monotonic_ns()
        orders = [self._record(name, side) for name, side in zip(LEGS, Side, strict=True)]
        for trading in self._trading:
            trading.sign_ns = sign_ns
        cleared = [(order, RiskManager.clear_closing(order.order.request)) for order in orders]
        prepared = await self._gateway.prepare(cleared)
        sent = await self._gateway.send([one for one in prepared if isinstance(one, ReadyOrder)])
        if [one.order.status for one in sent] != [OrderStatus.FILLED] * 2:
            raise RuntimeError(f"the gateway did not send both orders: {sent}")
        left, right = [trading.sent[-1].arrived_ns for trading in self._trading]
        return Shot(decided_ns, left, right)

    async def _hazard(self, sign_ns: int) -> Shot:
        async def leg(url: str) -> int:
            return await self._post(url, self._signed(sign_ns))

        decided_ns = time.monotonic_ns()
        left, right = await asyncio.gather(*map(leg, self._urls))
        return Shot(decided_ns, left, right)

    def _signed(self, sign_ns: int) -> bytes:
        body = order_body(
            client_id=self._next_id(),
            instrument="BTC-PERP.left",
            side="buy",
            quantity=QUANTITY,
            price=PRICE,
            reduce_only=True,
        )
        spin(sign_ns)
        return body

    async def _post(self, url: str, body: bytes) -> int:
        async with self._session.post(f"{url}/order", data=body) as response:
            arrived_ns: int = json.loads(await response.read())["arrived_ns"]
        return arrived_ns

    async def _sent(self, url: str, body: bytes) -> int:
        answer = await self._http.send(HttpRequest(method="POST", url=f"{url}/order", body=body))
        arrived_ns: int = json.loads(answer.body)["arrived_ns"]
        return arrived_ns

    def _record(self, name: str, side: Side) -> OrderRecord:
        now_ns = self._clock.now_ns()
        request = OrderRequest(
            client_order_id=self._next_id(),
            instrument=instrument_id("BTC-PERP", name),
            side=side,
            quantity=QUANTITY,
            price=PRICE,
            reduce_only=True,
        )
        return OrderRecord(
            order=Order(request=request, status=OrderStatus.SUBMITTED, ts_event_ns=now_ns),
            hedge_id=HedgeId("bench"),
            leg_index=0,
            purpose=OrderPurpose.EXIT,
            attempt=0,
            arrival_price=PRICE,
            created_ns=now_ns,
        )

    def _next_id(self) -> ClientOrderId:
        self._count += 1
        return ClientOrderId(f"bench-{self._count}")
