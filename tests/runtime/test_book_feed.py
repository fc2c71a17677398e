from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal as D

from arb.api import CachedBook, CacheTier, Exchange
from arb.marketdata import PriceProvider
from arb.model import (
    HOUR_NS,
    MILLISECOND_NS,
    MINUTE_NS,
    SECOND_NS,
    BookGap,
    BookLevel,
    BookUpdate,
    Fill,
    Fresh,
    FundingPayment,
    InstrumentId,
    Order,
    OrderBook,
    Trade,
)
from arb.runtime._book_feed import BookFeed
from arb.simulation import VirtualClock, run_virtual
from arb.testing import START_NS, Fault, MemoryExchange


class Shelf:
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


class Asking:
    """A source that asks the exchange."""

    async def fetch_order_book(self, exchange: Exchange, instrument: InstrumentId, depth: int) -> OrderBook:
        return await exchange.market.fetch_order_book(instrument, depth)


class Bench:
    """A feed and a provider over one exchange whose fetches are counted."""

    def __init__(self, wrap: Callable[[MemoryExchange], Exchange]) -> None:
        self.clock = VirtualClock.of_running_loop()
        self.exchange = MemoryExchange(clock=self.clock, prices={"BTC": 50_000})
        self.btc = self.exchange.id_of("BTC")
        self.opened = wrap(self.exchange)
        exchanges = {self.opened.name: self.opened}
        self.feed = BookFeed(exchanges, self.clock)
        tiers: dict[str, CacheTier] = {"near": Shelf()}
        self.prices = PriceProvider(self.clock, exchanges, tiers, {"rest": Asking()}, on_fetch=self.feed.want)

    async def sleep(self, ns: int) -> None:
        await self.clock.sleep_until(self.clock.now_ns() + ns)

    @property
    def fetches(self) -> int:
        return self.prices.statistics().fetches


@asynccontextmanager
async def bench(wrap: Callable[[MemoryExchange], Exchange] = lambda exchange: exchange) -> AsyncIterator[Bench]:
    made = Bench(wrap)
    running = asyncio.create_task(made.feed.run(made.prices))
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await made.prices.close()


def test_a_book_that_was_fetched_is_streamed_from_then_on() -> None:
    async def case() -> None:
        async with bench() as b:
            await b.prices.get_bbo(b.btc, SECOND_NS)
            await b.sleep(SECOND_NS)
            for step in range(5):
                b.exchange.set_price(b.btc, 50_000 + step)
                await b.sleep(SECOND_NS)
                bbo = await b.prices.get_bbo(b.btc, 2 * SECOND_NS)
                assert abs(bbo.value.mid_price - (50_000 + step)) < 1
            assert b.fetches == 1
            assert b.feed.counts.snapshots >= 5

    run_virtual(case(), start_ns=START_NS)


def test_a_silent_stream_makes_no_price_younger_than_it_is() -> None:
    async def case() -> None:
        async with bench() as b:
            await b.prices.get_bbo(b.btc, SECOND_NS)
            await b.sleep(SECOND_NS)
            b.exchange.set_price(b.btc, 51_000)
            await b.sleep(MINUTE_NS)
            await b.prices.get_bbo(b.btc, 2 * SECOND_NS)
            assert b.fetches == 2

    run_virtual(case(), start_ns=START_NS)


def test_a_book_nobody_fetches_any_more_is_given_up() -> None:
    async def case() -> None:
        async with bench() as b:
            await b.prices.get_bbo(b.btc, SECOND_NS)
            await b.sleep(11 * MINUTE_NS)
            b.exchange.set_price(b.btc, 51_000)
            await b.sleep(SECOND_NS)
            told = b.feed.counts.snapshots
            b.exchange.set_price(b.btc, 52_000)
            await b.sleep(SECOND_NS)
            assert b.feed.counts.snapshots == told

    run_virtual(case(), start_ns=START_NS)


def test_a_crossed_book_ends_its_stream_and_is_never_served() -> None:
    async def case() -> None:
        async with bench() as b:
            await b.prices.get_bbo(b.btc, SECOND_NS)
            await b.sleep(SECOND_NS)
            b.exchange.set_book(b.btc, [(D(50_010), D(1))], [(D(50_000), D(1))])
            await b.sleep(SECOND_NS)
            assert b.feed.counts.wrong == 1
            b.exchange.set_price(b.btc, 50_500)
            await b.sleep(10 * SECOND_NS)
            assert (await b.prices.get_bbo(b.btc, SECOND_NS)).value.mid_price == 50_500

    run_virtual(case(), start_ns=START_NS)


def test_an_exchange_without_the_stream_is_left_alone() -> None:
    async def case() -> None:
        clock = VirtualClock.of_running_loop()
        exchange = MemoryExchange(clock=clock)
        mute = MemoryExchange("mute", clock=clock, capabilities=frozenset())
        feed = BookFeed({exchange.name: exchange, mute.name: mute}, clock)
        feed.want(mute.id_of("BTC"))
        feed.want(InstrumentId("BTC-PERP.nowhere"))
        running = asyncio.create_task(feed.run(PriceProvider(clock, {}, {}, {})))
        await clock.sleep_until(clock.now_ns() + SECOND_NS)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert feed.counts.broken == feed.counts.snapshots == 0

    run_virtual(case(), start_ns=START_NS)


class Told:
    """An exchange whose stream of books says what the test puts in."""

    def __init__(self, inner: MemoryExchange) -> None:
        self._inner = inner
        self.updates: asyncio.Queue[BookUpdate] = asyncio.Queue()
        self.name, self.capabilities, self.traits = inner.name, inner.capabilities, inner.traits
        self.market, self.trading, self.streams = inner.market, inner.trading, self

    async def watch_order_book(self, instrument: InstrumentId) -> AsyncGenerator[BookUpdate, None]:
        while True:
            yield await self.updates.get()

    def watch_trades(self, instrument: InstrumentId) -> AsyncIterator[Trade]:
        return self._inner.streams.watch_trades(instrument)

    def watch_account(self) -> AsyncIterator[Order | Fill | FundingPayment]:
        return self._inner.streams.watch_account()


def test_nothing_of_a_book_that_is_lost_is_served_until_the_next_snapshot() -> None:
    async def case() -> None:
        async with bench(Told) as b:
            told = b.opened
            assert isinstance(told, Told)
            await b.prices.get_bbo(b.btc, SECOND_NS)
            told.updates.put_nowait(await b.exchange.market.fetch_order_book(b.btc, 5))
            await b.sleep(1)
            assert isinstance(await b.prices.read_bbo(b.btc, SECOND_NS), Fresh)
            b.exchange.faults.always("fetch_order_book", Fault.not_sent())
            told.updates.put_nowait(BookGap(instrument=b.btc, reason="one is missing"))
            await b.sleep(1)
            assert not isinstance(await b.prices.read_bbo(b.btc, MINUTE_NS), Fresh)
            b.exchange.faults.always("fetch_order_book", None)
            told.updates.put_nowait(await b.exchange.market.fetch_order_book(b.btc, 5))
            await b.sleep(1)
            assert isinstance(await b.prices.read_bbo(b.btc, SECOND_NS), Fresh)
            assert (b.feed.counts.gaps, b.feed.counts.snapshots, b.feed.counts.wrong) == (1, 2, 0)

    run_virtual(case(), start_ns=START_NS)


def test_what_comes_long_after_it_happened_is_not_served_as_a_price() -> None:
    async def case() -> None:
        async with bench(Told) as b:
            told = b.opened
            assert isinstance(told, Told)
            await b.prices.get_bbo(b.btc, SECOND_NS)
            b.exchange.faults.always("fetch_order_book", Fault.not_sent())
            first = await b.exchange.market.fetch_bbo(b.btc)

            async def comes(way_ns: int) -> bool:
                """Whether a book is served that is read `way_ns` after it happened; the clocks are an hour apart."""
                await b.sleep(10 * SECOND_NS)
                now_ns = b.clock.now_ns()
                told.updates.put_nowait(
                    OrderBook(
                        instrument=b.btc,
                        bids=(BookLevel(first.bid, D(1)),),
                        asks=(BookLevel(first.ask, D(1)),),
                        sequence=1,
                        ts_event_ns=now_ns - HOUR_NS - way_ns,
                        ts_init_ns=now_ns,
                    )
                )
                await b.sleep(1)
                return isinstance(await b.prices.read_bbo(b.btc, SECOND_NS), Fresh)

            assert [await comes(each * MILLISECOND_NS) for each in (60_000, 30, 500, 1_900)] == [True] * 4
            assert [await comes(each * MILLISECOND_NS) for each in (2_100, 60_000)] == [False] * 2
            assert await comes(0)
            told.updates.put_nowait(BookGap(instrument=b.btc, reason="one is missing"))
            assert await comes(60_000 * MILLISECOND_NS)
            assert (b.feed.counts.late, b.feed.counts.wrong) == (2, 0)

    run_virtual(case(), start_ns=START_NS)
