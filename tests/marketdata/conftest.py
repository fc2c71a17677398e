"""Two venues, a source and cache tiers around a price provider, over a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from decimal import Decimal
from typing import Any

from arb.api import CachedBook, Exchange
from arb.marketdata import PriceProvider
from arb.model import SECOND_NS, BookLevel, ExchangeName, InstrumentId, OrderBook
from arb.testing import FakeClock, Fault, MemoryExchange, settle


class ExchangeSource:
    """Asks the exchange; `calls` holds instrument and depth of each call."""

    def __init__(self) -> None:
        self.calls: list[tuple[InstrumentId, int]] = []

    async def fetch_order_book(self, exchange: Exchange, instrument: InstrumentId, depth: int) -> OrderBook:
        self.calls.append((instrument, depth))
        return await exchange.market.fetch_order_book(instrument, depth)


class DictTier:
    """A local tier that keeps everything."""

    def __init__(self) -> None:
        self.books: dict[InstrumentId, CachedBook] = {}

    def peek(self, instrument: InstrumentId) -> CachedBook | None:
        return self.books.get(instrument)

    async def get(self, instruments: Sequence[InstrumentId]) -> Mapping[InstrumentId, CachedBook]:
        return {name: self.books[name] for name in instruments if name in self.books}

    async def put(self, books: Mapping[InstrumentId, CachedBook]) -> None:
        self.books.update(books)

    async def drop(self, instruments: Sequence[InstrumentId]) -> None:
        for name in instruments:
            self.books.pop(name, None)


class RemoteTier:
    """The same behind awaits only, such as a server."""

    def __init__(self) -> None:
        self.inner = DictTier()
        self.gets = 0

    async def get(self, instruments: Sequence[InstrumentId]) -> Mapping[InstrumentId, CachedBook]:
        self.gets += 1
        return await self.inner.get(instruments)

    async def put(self, books: Mapping[InstrumentId, CachedBook]) -> None:
        await self.inner.put(books)

    async def drop(self, instruments: Sequence[InstrumentId]) -> None:
        await self.inner.drop(instruments)


class World:
    """Two venues, one local tier, one source."""

    def __init__(self, *, latency_ns: int = 0, **options: Any) -> None:
        self.clock = FakeClock()
        self.venues = [MemoryExchange(name, clock=self.clock, prices={"BTC": 50_000}) for name in ("one", "two")]
        self.source = ExchangeSource()
        self.tier = DictTier()
        self.set_latency(latency_ns)
        exchanges: dict[ExchangeName, Exchange] = {venue.name: venue for venue in self.venues}
        self.prices = PriceProvider(
            self.clock, exchanges, options.pop("tiers", {"memory": self.tier}), {"rest": self.source}, **options
        )
        self.btc = self.venues[0].id_of("BTC")

    @property
    def venue(self) -> MemoryExchange:
        return self.venues[0]

    def set_latency(self, latency_ns: int) -> None:
        for venue in self.venues:
            venue.faults.always("fetch_order_book", Fault(delay_ns=latency_ns) if latency_ns else None)

    async def wait_for(self, work: Coroutine[Any, Any, Any], duration_ns: int = 30 * SECOND_NS) -> Any:
        """Let time pass until `work` is done and return what it returns."""
        task = asyncio.create_task(work)
        await settle()
        end_ns = self.clock.now_ns() + duration_ns
        while not task.done() and (wake_ns := self.clock.next_wake_ns) is not None and wake_ns <= end_ns:
            self.clock.move_to(wake_ns)
            await settle()
        assert task.done(), "still waiting"
        return task.result()


def play(case: Coroutine[Any, Any, None]) -> None:
    asyncio.run(case)


def levels(price: int, count: int, step: int) -> tuple[BookLevel, ...]:
    return tuple(BookLevel(Decimal(price + step * n), Decimal(1)) for n in range(count))


def book_of(instrument: InstrumentId, now_ns: int, *, count: int = 3, bid: int = 100, ask: int = 101) -> OrderBook:
    return OrderBook(
        instrument=instrument,
        bids=levels(bid, count, -1),
        asks=levels(ask, count, 1),
        sequence=1,
        ts_event_ns=now_ns,
        ts_init_ns=now_ns,
    )
