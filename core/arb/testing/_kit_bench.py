"""The bench for a plugin's own tests: the plugin over its fake venue, in virtual time."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.api import Exchange, ExchangeSpec, Streams, Trading
from arb.model import (
    SECOND_NS,
    BookUpdate,
    ClientOrderId,
    Instrument,
    Order,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
)
from arb.simulation import SimulatedExchange, VirtualClock, run_virtual

from ._fakes_clock import START_NS
from ._fakes_world import FAKE_ADDRESS, FakeWorld
from ._kit_ground import Ground, Script
from ._kit_streams import Listener, applied
from ._kit_wire import Answer, Wire

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})
_UPDATE_NS: Final = 10 * SECOND_NS
"""Within this a stream of books tells something."""


@dataclass(eq=False)
class BenchDesk:
    """An open plugin, what is true at its fake venue, and what lies between.

    Attributes:
        ground: The fake venue, and what of it outlives clients.
        exchange: The plugin, open.
        instrument: The first that it lists; what is traded.
        settings: What the plugin was opened with, before its model read it.
        lots: How many of the instrument's lots an order has.
        numbers: Of the orders of the bench; no client order id comes twice.
    """

    ground: Ground
    exchange: Exchange
    instrument: Instrument
    settings: Mapping[str, Any]
    lots: int
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def trading(self) -> Trading:
        """Return the private side, which is there."""
        assert self.exchange.trading is not None, "`trading` is None"
        return self.exchange.trading

    @property
    def streams(self) -> Streams:
        """Return the live side, which is there."""
        assert self.exchange.streams is not None, "`streams` is None"
        return self.exchange.streams

    @property
    def truth(self) -> SimulatedExchange:
        """Return the simulated exchange behind the fake venue."""
        return self.ground.truth

    @property
    def wire(self) -> Wire:
        """Return the line between the plugin and the venue: what passes, and what happens to it."""
        return self.ground.wire

    @property
    def script(self) -> Script:
        """Return what goes wrong between the venue and the account: `plan` it for the next call of an operation."""
        return self.ground.script

    @property
    def world(self) -> FakeWorld:
        """Return what outlives clients: the account, and the memories of plugin and venue."""
        return self.ground.world

    @property
    def clock(self) -> VirtualClock:
        """Return the venue's clock."""
        return VirtualClock.of_running_loop()

    async def sleep(self, duration_ns: int) -> None:
        """Let time pass."""
        await self.clock.sleep_until(self.clock.now_ns() + duration_ns)

    @asynccontextmanager
    async def open(self, settings: Mapping[str, Any] = _NONE, **context: Any) -> AsyncIterator[BenchDesk]:
        """Open the plugin once more, as after a restart; the account is the same.

        Args:
            settings: Changes of those that the desk's was opened with.
            context: Changes of its context, by the arguments of :class:`FakeContext`: `made={}` is another
                process, `state=MemoryState()` another machine.
        """
        given = {**self.settings, **settings}
        validated = self.ground.spec.settings.model_validate(given)
        async with self.ground.client(self.ground.context(**context), validated) as exchange:
            yield replace(self, exchange=exchange, settings=given)

    async def request(self, side: Side = Side.BUY, through: str = "0.02", **changes: Any) -> OrderRequest:
        """Return an order that fills at once, with anything changed.

        Args:
            side: Of the order.
            through: How far beyond the touch it is priced, as a part of the price; negative stays away from it.
            changes: By the names of :class:`arb.model.OrderRequest`.
        """
        bbo = await self.exchange.market.fetch_bbo(self.instrument.id)
        usual: dict[str, Any] = {
            "client_order_id": ClientOrderId(f"mine-{next(self.numbers)}"),
            "instrument": self.instrument.id,
            "side": side,
            "quantity": self.instrument.lot_size * self.lots,
            "price": self.instrument.limit_price(side, bbo.price_to(side) * (1 + Decimal(through) * side.sign)),
            "time_in_force": TimeInForce.IOC,
        }
        return OrderRequest(**{**usual, **changes})

    async def resting(self, **changes: Any) -> OrderRequest:
        """Return an order that waits in the book, with anything changed."""
        return await self.request(through="-0.02", **{"time_in_force": TimeInForce.GTC, **changes})

    async def send(self, request: OrderRequest) -> Order:
        """Prepare and send."""
        return await self.trading.send_order(await self.trading.prepare_order(request))

    async def check_unlisted(self, unlist: Callable[[], None]) -> None:
        """Assert that a market can still be left when the venue's listing has lost it.

        Args:
            unlist: Makes the listing lose the instrument, or spoils its row.
        """
        waiting = await self.send(await self.resting())
        unlist()
        assert self.instrument.id not in {each.id for each in await self.exchange.market.fetch_instruments()}
        await self.trading.cancel_order(self.instrument.id, waiting.request.client_order_id)
        found = await self.trading.fetch_order(self.instrument.id, waiting.request.client_order_id)
        assert found.status is OrderStatus.CANCELLED
        assert (await self.send(await self.request())).status is OrderStatus.FILLED

    async def check_book(self, listener: Listener[BookUpdate], depth: int) -> None:
        """Assert that a stream's book is the venue's, of `depth` levels, at the moment of its next update."""
        known, until_ns = len(listener.heard), self.clock.now_ns() + _UPDATE_NS
        while len(listener.heard) == known:
            assert self.clock.now_ns() < until_ns, "the stream of the book tells nothing more"
            await self.sleep(SECOND_NS // 20)
        true = await self.truth.market.fetch_order_book(self.ground.true_name(self.instrument), depth)
        assert applied(listener.heard).sides == (dict(true.bids), dict(true.asks))


Body = Callable[[BenchDesk], Awaitable[None]]


class Bench:
    """Runs a test's body on an exchange plugin over its fake venue, in virtual time.

    ```
    @pytest.fixture
    def bench() -> Bench:
        (spec,) = plugin.arb_exchanges()
        return Bench(spec)


    def test_a_venue_in_maintenance_says_nothing_about_orders(bench: Bench) -> None:
        async def body(desk: BenchDesk) -> None:
            order = await desk.send(await desk.resting())
            desk.wire.answer = lambda request: HttpResponse(status=503, headers={}, body=b"<html>")
            with pytest.raises(InMaintenance):
                await desk.trading.fetch_order(desk.instrument.id, order.request.client_order_id)

        bench(body)
    ```

    Attributes:
        spec: Of the plugin; it brings a fake.
        lots: How many of the instrument's lots an order of the desk has.
    """

    def __init__(self, spec: ExchangeSpec, *, lots: int = 100) -> None:
        self.spec = spec
        self.lots = lots

    def __call__(
        self,
        body: Body,
        *,
        settings: Mapping[str, Any] = _NONE,
        without: Collection[str] = (),
        answer: Answer | None = None,
        world: FakeWorld | None = None,
        ahead_ns: int = 0,
    ) -> None:
        """Open the plugin and run the body; raises what opening it raises.

        Args:
            body: Gets the desk.
            settings: Changes of those that the fake wants.
            without: Names of settings that are left out.
            answer: Instead of the venue, from the first request on; None from it lets the request pass.
            world: Give the same one again to come back to the same account.
            ahead_ns: How far the plugin's clock is ahead of the venue's, nanoseconds.
        """
        assert self.spec.fake is not None, f"{self.spec.name} brings no fake venue"
        wanted = {**self.spec.fake.settings(FAKE_ADDRESS), **settings}
        given = {name: value for name, value in wanted.items() if name not in without}
        ground = Ground(self.spec, self.spec.settings.model_validate(given), world=world)
        ground.wire.answer = answer
        ground.ahead_ns = ahead_ns

        async def run() -> None:
            async with ground.client(ground.context()) as exchange:
                (instrument, *_) = await exchange.market.fetch_instruments()
                await body(BenchDesk(ground, exchange, instrument, given, self.lots))

        run_virtual(run(), start_ns=START_NS)
