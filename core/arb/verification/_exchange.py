"""A venue of the world as the exchange of one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import cast

from arb.api import Capability, ExchangeTraits, PreparedOrder, Rejected
from arb.model import (
    MILLISECOND_NS,
    SECOND_NS,
    Balance,
    Bbo,
    ClientOrderId,
    ExchangeName,
    Fill,
    FundingPayment,
    FundingRate,
    Instrument,
    InstrumentId,
    MarginMode,
    MarketStats,
    Order,
    OrderBook,
    OrderRequest,
    OrderStatus,
    Position,
    Trade,
)
from arb.simulation import SIMULATED_CAPABILITIES, AccountNow

from ._chance import Chance
from ._fate import Answer, Fate, told
from ._kinds import FaultKind
from ._wire import Wire


class WireExchange:
    """Implements :class:`arb.api.Exchange`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._market = WireMarket(wire)
        self._trading = WireTrading(wire)
        self._streams = WireStreams(wire)

    @property
    def name(self) -> ExchangeName:
        """Return its name in the configuration."""
        return self._wire.counter.name

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Return everything that a simulated venue can do."""
        return SIMULATED_CAPABILITIES

    @property
    def traits(self) -> ExchangeTraits:
        """Return the venue's."""
        return self._wire.counter.traits

    @property
    def market(self) -> WireMarket:
        """Return public data."""
        return self._market

    @property
    def trading(self) -> WireTrading:
        """Return the account."""
        return self._trading

    @property
    def streams(self) -> WireStreams:
        """Return live data."""
        return self._streams


class WireMarket:
    """Implements :class:`arb.api.MarketData`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def fetch_instruments(self) -> Sequence[Instrument]:
        """Return what is listed."""
        return cast("Sequence[Instrument]", await self._public("fetch_instruments"))

    async def fetch_order_book(self, instrument: InstrumentId, depth: int) -> OrderBook:
        """Return a book."""
        return cast("OrderBook", await self._public("fetch_order_book", instrument, depth))

    async def fetch_bbo(self, instrument: InstrumentId) -> Bbo:
        """Return the top of a book."""
        return cast("Bbo", await self._public("fetch_bbo", instrument))

    async def fetch_stats(self) -> Sequence[MarketStats]:
        """Return prices and activity."""
        return cast("Sequence[MarketStats]", await self._public("fetch_stats"))

    async def fetch_fx_rates(self) -> Mapping[str, Decimal]:
        """Return dollars per unit."""
        return cast("Mapping[str, Decimal]", await self._public("fetch_fx_rates"))

    async def fetch_funding_rates(self) -> Sequence[FundingRate]:
        """Return predicted rates."""
        return cast("Sequence[FundingRate]", await self._public("fetch_funding_rates"))

    async def fetch_funding_history(
        self, instrument: InstrumentId, start_ns: int, end_ns: int
    ) -> Sequence[FundingRate]:
        """Return settled rates."""
        found = await self._public("fetch_funding_history", instrument, start_ns, end_ns)
        return cast("Sequence[FundingRate]", found)

    async def _public(self, operation: str, *arguments: object) -> object:
        counter = self._wire.counter
        subject = str(arguments[0]) if arguments else ""
        return await self._wire.call(operation, subject, lambda _fate: counter.public(operation, *arguments))


class WireTrading:
    """Implements :class:`arb.api.Trading`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._counter = wire.counter

    async def prepare_order(self, request: OrderRequest) -> PreparedOrder:
        """Round and check; the plugin does this by itself."""
        self._wire.process.step(f"{self._counter.name} prepare_order")
        await self._wire.process.turn()
        with self._wire.process.world.own_work():
            return self._counter.prepare(request)

    async def send_order(self, prepared: PreparedOrder, forbidden: Sequence[str] | None = None) -> Order:
        """Send an order; `forbidden` is what the auditor said when its bytes left, where that was before."""
        request, process = prepared.request, self._wire.process
        process.require_alive()
        auditor = process.world.auditor
        with process.world.own_work():
            auditor.sent(process.holder, request, forbidden)
        process.order_sent()

        def work(fate: Fate) -> object:
            counter, now_ns = self._counter, process.world.now_ns()
            if fate.answer is Answer.LOST:
                return Order(request=request, status=OrderStatus.SUBMITTED, ts_event_ns=now_ns)
            if fate.lots is not None:
                counter.market.patch(request.instrument, now_ns, now_ns + SECOND_NS, fate.lots)
            auditor.arrived(request)
            try:
                order = counter.send_order(prepared)
            except Rejected:
                auditor.refused(request)
                raise
            return told(fate.answer, order)

        what = f"{request.client_order_id} {request.side} {request.quantity} {request.instrument} at {request.price}"
        reducing = " reduce-only" if request.reduce_only else ""
        sent = await self._wire.call("send_order", what + reducing, work)
        return cast("Order", sent)

    async def cancel_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> None:
        """Ask for cancellation."""

        def work(fate: Fate) -> None:
            if fate.race:
                self._counter.fill_resting(client_order_id)
            self._counter.cancel_order(instrument, client_order_id)

        await self._wire.call("cancel_order", client_order_id, work)

    async def cancel_all(self, instrument: InstrumentId | None = None) -> None:
        """Cancel every resting order."""
        await self._wire.call("cancel_all", str(instrument), lambda _fate: self._counter.cancel_all(instrument))

    async def arm_dead_mans_switch(self, timeout_ns: int) -> None:
        """Let the venue cancel every working order unless it is armed again in time."""
        await self._wire.call("arm_dead_mans_switch", "", lambda _fate: self._counter.arm(timeout_ns))

    async def fetch_order(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> Order:
        """Return an order."""
        found = await self._wire.call(
            "fetch_order", client_order_id, lambda fate: self._counter.order(instrument, client_order_id, fate.lag_ns)
        )
        return cast("Order", found)

    async def fetch_open_orders(self) -> Sequence[Order]:
        """Return working orders."""
        found = await self._wire.call("fetch_open_orders", "", lambda fate: self._counter.open_orders(fate.lag_ns))
        return cast("Sequence[Order]", found)

    async def fetch_orders(self, since_ns: int) -> Sequence[Order]:
        """Return every order, open or closed: for fake venues."""
        found = await self._wire.call("fetch_orders", "", lambda fate: self._counter.orders(since_ns, fate))
        return cast("Sequence[Order]", found)

    async def fetch_fills(self, since_ns: int) -> Sequence[Fill]:
        """Return fills."""
        found = await self._wire.call("fetch_fills", "", lambda fate: self._counter.fills(since_ns, fate))
        return cast("Sequence[Fill]", found)

    async def fetch_account(self) -> AccountNow:
        """Return positions and balances of one moment: for fake venues that tell both in one answer."""
        found = await self._wire.call("fetch_account", "", lambda _fate: self._counter.account())
        return cast("AccountNow", found)

    async def fetch_positions(self) -> Sequence[Position]:
        """Return positions."""
        found = await self._wire.call("fetch_positions", "", lambda fate: self._counter.positions(fate.lag_ns))
        return cast("Sequence[Position]", found)

    async def fetch_balances(self) -> Sequence[Balance]:
        """Return balances."""
        found = await self._wire.call("fetch_balances", "", lambda _fate: self._counter.balances())
        return cast("Sequence[Balance]", found)

    async def fetch_funding_payments(self, since_ns: int) -> Sequence[FundingPayment]:
        """Return funding payments."""
        found = await self._wire.call("fetch_funding_payments", "", lambda fate: self._counter.payments(since_ns, fate))
        return cast("Sequence[FundingPayment]", found)

    async def set_leverage(self, instrument: InstrumentId, leverage: Decimal, mode: MarginMode) -> None:
        """Set leverage."""
        await self._wire.call(
            "set_leverage", instrument, lambda _fate: self._counter.set_leverage(instrument, leverage, mode)
        )

    async def fetch_leverage(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return what is set."""
        found = await self._wire.call("fetch_leverage", instrument, lambda _fate: self._counter.leverage(instrument))
        return cast("tuple[Decimal, MarginMode]", found)


class WireStreams:
    """Implements :class:`arb.api.Streams`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._counter = wire.counter

    async def watch_order_book(self, instrument: InstrumentId) -> AsyncIterator[OrderBook]:
        """Yield a snapshot each second."""
        clock = self._wire.process.clock
        while True:
            self._wire.process.step(f"{self._counter.name} watch_order_book")
            with self._wire.process.world.own_work():
                book = self._counter.public("fetch_order_book", instrument, 1)
            yield book
            await clock.sleep_until(clock.now_ns() + SECOND_NS)

    async def watch_trades(self, instrument: InstrumentId) -> AsyncIterator[Trade]:
        """Yield others' trades, each second."""
        process, world = self._wire.process, self._wire.process.world
        seen_ns = world.now_ns()
        while True:
            await process.clock.sleep_until(process.clock.now_ns() + SECOND_NS)
            process.step(f"{self._counter.name} watch_trades")
            since_ns, seen_ns = seen_ns, world.now_ns()
            with world.own_work():
                trades = self._counter.market.trades(instrument, since_ns, seen_ns)
            for trade in trades:
                yield trade

    async def watch_account(self) -> AsyncIterator[Order | Fill | FundingPayment]:
        """Yield changes of the account; some are lost, some come twice."""
        process, counter, venue = self._wire.process, self._counter, self._counter.venue
        process.step(f"{counter.name} watch_account")
        for order in venue.open_orders():
            yield order
        position = venue.record_count()
        while True:
            with process.world.own_work():
                records = venue.records(position)
            for record in records:
                position += 1
                for _ in range(self._times(position)):
                    yield record
            changed: asyncio.Future[None] = process.world.loop.create_future()
            counter.waiting.append(changed)
            await changed
            await process.clock.sleep_until(process.clock.now_ns() + 30 * MILLISECOND_NS)
            process.step(f"{counter.name} watch_account")

    def _times(self, position: int) -> int:
        """Return how often a message arrives."""
        world, name = self._wire.process.world, self._counter.name
        if name in world.plan.silent:
            return 0
        chance = Chance(world.seed, "stream", name, position)
        if world.faults_are_on and chance.happens(world.profile.stream_ppm):
            dropped = bool(chance.below(2))
            kind = FaultKind.STREAM_DROP if dropped else FaultKind.STREAM_DUPLICATE
            world.fault(kind, name, f"account message {position}")
            return 0 if dropped else 2
        return 1
