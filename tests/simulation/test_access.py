"""Another wire in the place of the desk: market data, trading and streams need nothing more of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal as D

import pytest

from arb.api import Clock, ConnectFailed, Exchange, OutcomeUnknown, UnknownOrder
from arb.model import (
    MINUTE_NS,
    SECOND_NS,
    ClientOrderId,
    ExchangeName,
    InstrumentId,
    Order,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
)
from arb.simulation import (
    ScriptedMarket,
    SimulatedExchange,
    SimulatedMarketData,
    SimulatedStreams,
    SimulatedTrading,
    SimulatedVenue,
    VenueAccess,
    VenueRules,
    VirtualClock,
    run_virtual,
)
from arb.testing import sample_instrument

BTC = InstrumentId("BTC-PERP.v")
BUY = OrderRequest(client_order_id=ClientOrderId("a"), instrument=BTC, side=Side.BUY, quantity=D(1), price=D(101))


class Wire:
    """Brings calls to a venue, unless its script says that one of them is lost on the way there or back."""

    def __init__(self, venue: SimulatedVenue, clock: Clock) -> None:
        self._venue = venue
        self._clock = clock
        self._changed = asyncio.Event()
        self.lost: list[str] = []
        self.calls: list[str] = []

    @property
    def venue(self) -> SimulatedVenue:
        return self._venue

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def changed(self) -> asyncio.Event:
        return self._changed

    @property
    def acknowledged(self) -> int:
        return self._venue.record_count()

    @asynccontextmanager
    async def call(self, operation: str, subject: object = None) -> AsyncIterator[int]:
        self.calls.append(operation)
        if self._take("there"):
            raise ConnectFailed("lost on the way there")
        before = self._venue.version
        yield self._clock.now_ns()
        if self._venue.version != before:
            self._changed.set()
            self._changed = asyncio.Event()
        if self._take("back"):
            raise OutcomeUnknown("lost on the way back")

    @asynccontextmanager
    async def public(self, operation: str, subject: object = None) -> AsyncIterator[int]:
        self.calls.append(operation)
        yield self._clock.now_ns()

    def _take(self, way: str) -> bool:
        if way in self.lost:
            self.lost.remove(way)
            return True
        return False


def run(body: Callable[[Wire], Awaitable[None]]) -> None:
    async def main() -> None:
        market = ScriptedMarket(sample_instrument("v", "BTC", tick_size=D("0.1"), lot_size=D("0.01")))
        market.show(BTC, [(99, 10)], [(101, 10)])
        market.mark(BTC, 100)
        venue = SimulatedVenue(market, VenueRules(), name=ExchangeName("v"), deposits={"USDC": D(1000)})
        await body(Wire(venue, VirtualClock.of_running_loop()))

    run_virtual(main(), start_ns=0)


async def send(trading: SimulatedTrading, request: OrderRequest = BUY) -> Order:
    return await trading.send_order(await trading.prepare_order(request))


def test_an_exchange_stands_behind_any_access() -> None:
    async def body(wire: Wire) -> None:
        access: VenueAccess = wire
        exchange = SimulatedExchange(access)
        assert isinstance(exchange, Exchange)
        assert (await exchange.market.fetch_bbo(BTC)).ask == 101
        assert (await send(exchange.trading)).status is OrderStatus.FILLED
        assert wire.calls == ["fetch_order_book", "send_order"]

    run(body)


def test_its_faults_are_seen_by_the_trading_side() -> None:
    async def body(wire: Wire) -> None:
        trading = SimulatedTrading(wire)
        wire.lost.append("there")
        with pytest.raises(ConnectFailed):
            await send(trading)
        with pytest.raises(UnknownOrder):
            await trading.fetch_order(BTC, BUY.client_order_id)
        wire.lost.append("back")
        with pytest.raises(OutcomeUnknown):
            await send(trading)
        assert (await trading.fetch_order(BTC, BUY.client_order_id)).status is OrderStatus.FILLED

    run(body)


def test_public_data_and_streams_need_no_more_of_it() -> None:
    async def body(wire: Wire) -> None:
        assert [row.instrument for row in await SimulatedMarketData(wire).fetch_stats()] == [BTC]
        streams, trading = SimulatedStreams(wire), SimulatedTrading(wire)
        resting = OrderRequest(
            client_order_id=ClientOrderId("low"),
            instrument=BTC,
            side=Side.BUY,
            quantity=D(1),
            price=D(90),
            time_in_force=TimeInForce.GTC,
        )
        told: list[object] = []

        async def listen() -> None:
            async for change in streams.watch_account():
                told.append(change)

        listening = asyncio.create_task(listen())
        await wire.clock.sleep_until(SECOND_NS)
        placed = await send(trading, resting)
        await wire.clock.sleep_until(MINUTE_NS)
        assert told == [placed]
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    run(body)
