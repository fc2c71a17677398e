from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal

import pytest

from arb.api import BadResponse, Trading
from arb.execution import AccountLeases, AccountSync, Recorder
from arb.model import DAY_NS, MINUTE_NS, SECOND_NS, ClientOrderId, Fill, OrderRequest, Side, TimeInForce, Transfer
from arb.storage import Journal
from arb.testing import FakeClock, MemoryExchange, MemoryStorage


class Venue:
    """An account whose transfers are pulled into a journal."""

    def __init__(self, journal: Journal, clock: FakeClock) -> None:
        self.clock = clock
        self.exchange = MemoryExchange(clock=clock)
        self.name = self.exchange.name
        leases = AccountLeases(clock, holder="us", is_gone=lambda _holder: False, ttl_ns=DAY_NS)
        self.leases, self.journal = leases, journal
        recorder = Recorder(journal, clock, lambda _event: None, leases)
        self.sync = AccountSync(
            {self.name: self.exchange},
            recorder,
            clock,
            fills_timeout_ns=10 * SECOND_NS,
            payments_timeout_ns=60 * SECOND_NS,
        )

    async def start(self) -> None:
        await self.leases.take(self.journal, (self.name,))
        await self.sync.start(self.clock.now_ns())

    async def pulled(self) -> Sequence[Transfer]:
        return await self.sync.pull_transfers(self.name)


class Renaming:
    """Tells the fills of an account as those of another order."""

    def __init__(self, inner: Trading) -> None:
        self._inner = inner

    async def fetch_fills(self, since_ns: int) -> Sequence[Fill]:
        fills = await self._inner.fetch_fills(since_ns)
        return [replace(fill, client_order_id=ClientOrderId("other")) for fill in fills]


def play(scene: Callable[[Venue], Awaitable[None]]) -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            storage = MemoryStorage()
            stack.callback(storage.close)
            venue = Venue(await Journal.open(storage), FakeClock())
            await venue.start()
            await scene(venue)

    asyncio.run(main())


def test_transfers_are_asked_for_every_five_minutes() -> None:
    async def scene(venue: Venue) -> None:
        assert await venue.pulled() == ()
        venue.exchange.deposit(50)
        await venue.clock.run_for(5 * MINUTE_NS - 1)
        assert await venue.pulled() == ()
        await venue.clock.run_for(1)
        assert [one.amount for one in await venue.pulled()] == [50]

    play(scene)


def test_they_are_asked_for_at_once_before_the_books_are_closed() -> None:
    async def scene(venue: Venue) -> None:
        assert await venue.pulled() == ()
        venue.exchange.deposit(50)
        venue.sync.expect_transfers()
        assert [one.amount for one in await venue.pulled()] == [50]
        venue.sync.expect_transfers()
        assert await venue.pulled() == (), "and each is booked once"

    play(scene)


def test_a_venue_that_tells_a_fill_otherwise_cannot_be_read_and_ends_no_run() -> None:
    """Positions have to be looked after meanwhile, and the fill would be told again after every restart."""

    async def scene(venue: Venue) -> None:
        trading, instrument = venue.exchange.trading, venue.exchange.id_of("BTC")
        assert trading is not None
        request = OrderRequest(
            client_order_id=ClientOrderId("ours"),
            instrument=instrument,
            side=Side.BUY,
            quantity=Decimal(1),
            price=(await venue.exchange.market.fetch_bbo(instrument)).ask,
            time_in_force=TimeInForce.IOC,
        )
        venue.exchange.deposit(10**9)
        await trading.send_order(await trading.prepare_order(request))
        (fill,) = await venue.sync.pull_fills(venue.name)
        assert fill.client_order_id == "ours"
        venue.exchange.trading = Renaming(trading)  # type: ignore[assignment]
        with pytest.raises(BadResponse, match="stored with client_order_id ours and is now reported with other"):
            await venue.sync.pull_fills(venue.name)
        (stored,) = await venue.journal.fills()
        assert stored.client_order_id == "ours"

    play(scene)
