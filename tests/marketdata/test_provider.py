from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from arb.api import BadResponse, CachedBook, Exchange, ExchangeError, LocalCacheTier, RateLimited, StaleData
from arb.marketdata import PriceProvider
from arb.model import (
    MILLISECOND_NS,
    SECOND_NS,
    BookLevel,
    ExchangeName,
    Fresh,
    InstrumentId,
    OrderBook,
    Side,
    Stale,
    Unknown,
    instrument_id,
)
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


def test_a_miss_fetches_and_a_hit_does_not() -> None:
    async def case() -> None:
        world = World()
        first = await world.wait_for(world.prices.get_bbo(world.btc, SECOND_NS))
        assert isinstance(first, Fresh)
        assert (first.source, first.observed_ns) == ("rest", world.clock.now_ns())
        world.clock.advance(SECOND_NS)
        assert await world.prices.get_bbo(world.btc, SECOND_NS) is first
        assert (await world.prices.get_book(world.btc, SECOND_NS)).value.bbo() == first.value
        assert world.source.calls == [(world.btc, 20)]

    play(case())


def test_one_nanosecond_too_old_is_too_old() -> None:
    async def case() -> None:
        world = World()
        await world.wait_for(world.prices.get_bbo(world.btc, SECOND_NS))
        world.clock.advance(SECOND_NS + 1)
        again = await world.wait_for(world.prices.get_bbo(world.btc, SECOND_NS))
        assert again.observed_ns == world.clock.now_ns()
        assert len(world.source.calls) == 2

    play(case())


def test_age_runs_from_before_the_request_not_from_the_answer() -> None:
    async def case() -> None:
        world = World(latency_ns=300 * MILLISECOND_NS)
        asked_ns = world.clock.now_ns()
        got = await world.wait_for(world.prices.get_bbo(world.btc, SECOND_NS))
        assert (got.observed_ns, world.clock.now_ns()) == (asked_ns, asked_ns + 300 * MILLISECOND_NS)
        with pytest.raises(StaleData, match=r"longer to arrive.*0\.3 s old"):
            await world.wait_for(world.prices.get_bbo(world.btc, 299 * MILLISECOND_NS))

    play(case())


def test_a_two_leg_opening_asks_each_venue_once() -> None:
    """Liquidity check, sizing and order pricing of both legs at once: one fetch a leg."""

    async def open_leg(world: World, instrument: InstrumentId, side: Side) -> Decimal:
        book = await world.prices.get_book(instrument, 2 * SECOND_NS)  # liquidity check
        assert book.value.walk(side, Decimal(1)).quantity == 1
        sized = await world.prices.get_book(instrument, 2 * SECOND_NS, depth=5)  # sizing
        priced = await world.prices.get_bbo(instrument, 2 * SECOND_NS)  # order pricing
        assert sized.value is book.value
        return priced.value.price_to(side)

    async def case() -> None:
        world = World(latency_ns=50 * MILLISECOND_NS)
        legs = [(venue.id_of("BTC"), side) for venue, side in zip(world.venues, Side, strict=True)]
        both = asyncio.gather(*(open_leg(world, *leg) for leg in legs), *(open_leg(world, *leg) for leg in legs))

        async def opening() -> list[Decimal]:
            return await both

        assert len(await world.wait_for(opening())) == 4
        assert [venue.faults.calls["fetch_order_book"] for venue in world.venues] == [1, 1]
        assert world.prices.statistics().fetches == 2

    play(case())


def test_concurrent_misses_share_one_fetch_and_one_book() -> None:
    async def case() -> None:
        world = World(latency_ns=100 * MILLISECOND_NS)

        async def many() -> list[Fresh[OrderBook]]:
            return list(await asyncio.gather(*(world.prices.get_book(world.btc, SECOND_NS, n) for n in range(1, 21))))

        books = await world.wait_for(many())
        assert len({id(book) for book in books}) == 1
        assert len(world.source.calls) == 1
        statistics = world.prices.statistics()
        assert (statistics.hits, statistics.misses, statistics.joined, statistics.served) == (0, 20, 19, 20)

    play(case())


def test_cancelling_one_who_waits_leaves_the_others_alone() -> None:
    async def case() -> None:
        world = World(latency_ns=100 * MILLISECOND_NS)
        reads = [asyncio.create_task(world.prices.get_bbo(world.btc, SECOND_NS)) for _ in range(3)]
        await settle()
        reads[0].cancel()  # the one who began the fetch
        await world.clock.run_for(SECOND_NS)
        assert reads[0].cancelled()
        assert reads[1].result() is reads[2].result()
        assert len(world.source.calls) == 1

    play(case())


def test_when_all_who_wait_are_cancelled_the_book_is_still_kept() -> None:
    async def case() -> None:
        world = World(latency_ns=100 * MILLISECOND_NS)
        read = asyncio.create_task(world.prices.get_bbo(world.btc, SECOND_NS))
        await settle()
        read.cancel()
        await world.clock.run_for(200 * MILLISECOND_NS)
        await world.prices.get_bbo(world.btc, SECOND_NS)
        assert len(world.source.calls) == 1

    play(case())


def test_who_joins_a_fetch_too_old_for_him_waits_for_a_new_one() -> None:
    async def case() -> None:
        world = World(latency_ns=300 * MILLISECOND_NS)
        patient = asyncio.create_task(world.prices.get_bbo(world.btc, SECOND_NS))
        await world.clock.run_for(290 * MILLISECOND_NS)
        world.set_latency(10 * MILLISECOND_NS)
        hasty = asyncio.create_task(world.prices.get_bbo(world.btc, 100 * MILLISECOND_NS))
        await world.clock.run_for(SECOND_NS)
        assert hasty.result().observed_ns - patient.result().observed_ns == 300 * MILLISECOND_NS
        assert len(world.source.calls) == 2

    play(case())


def test_a_fetch_begun_before_the_read_serves_it_when_young_enough() -> None:
    async def case() -> None:
        world = World(latency_ns=300 * MILLISECOND_NS)
        first = asyncio.create_task(world.prices.get_bbo(world.btc, SECOND_NS))
        await world.clock.run_for(200 * MILLISECOND_NS)
        second = asyncio.create_task(world.prices.get_bbo(world.btc, 300 * MILLISECOND_NS))
        await world.clock.run_for(SECOND_NS)
        assert first.result() is second.result()
        assert len(world.source.calls) == 1

    play(case())


def test_a_deeper_read_is_not_answered_with_a_shallow_book() -> None:
    async def case() -> None:
        world = World()
        world.venue.set_price(world.btc, 50_000, levels=60)
        await world.wait_for(world.prices.get_bbo(world.btc, SECOND_NS))
        deep = await world.wait_for(world.prices.get_book(world.btc, SECOND_NS, 50))
        assert len(deep.value.bids) == 50
        assert await world.prices.get_book(world.btc, SECOND_NS, 30) is deep
        assert [depth for _, depth in world.source.calls] == [20, 50]

    play(case())


def test_a_venue_with_few_levels_is_not_asked_again_and_again() -> None:
    async def case() -> None:
        world = World()
        world.venue.set_price(world.btc, 50_000, levels=2)
        for _ in range(3):
            book = await world.wait_for(world.prices.get_book(world.btc, SECOND_NS, 10))
            assert len(book.value.bids) == 2
        assert len(world.source.calls) == 1

    play(case())


CROSSED = {"bids": levels(102, 2, -1), "asks": levels(101, 2, 1)}
BAD_BOOKS: dict[str, dict[str, Any]] = {
    "crossed": CROSSED,
    "crossed: bid 101, ask 101": {"bids": levels(101, 2, -1)},
    "bid side is empty": {"bids": ()},
    "ask side is empty": {"asks": ()},
    "both sides are empty": {"bids": (), "asks": ()},
    "out of order": {"bids": levels(100, 2, 1), "asks": levels(200, 2, 1)},
    "not positive": {"bids": (BookLevel(Decimal(100), Decimal(0)),)},
    "not a number": {"asks": (BookLevel(Decimal("NaN"), Decimal(1)),)},
    "book of ETH-PERP.one": {"instrument": instrument_id("ETH-PERP", "one")},
}


@pytest.mark.parametrize("reason", BAD_BOOKS)
def test_a_book_that_cannot_be_believed_is_never_served(reason: str) -> None:
    async def case() -> None:
        world = World()
        good = await world.wait_for(world.prices.get_bbo(world.btc, SECOND_NS))
        world.clock.advance(2 * SECOND_NS)
        bad = replace(book_of(world.btc, world.clock.now_ns()), **BAD_BOOKS[reason])
        world.venue.faults.always("fetch_order_book", Fault(book=bad))
        with pytest.raises(StaleData, match=reason):
            await world.wait_for(world.prices.get_book(world.btc, SECOND_NS))
        unknown = await world.wait_for(world.prices.read_bbo(world.btc, SECOND_NS))
        assert isinstance(unknown, Unknown)
        assert reason in unknown.reason
        with pytest.raises(BadResponse, match=reason):
            await world.prices.put_book(world.btc, bad, "stream")
        assert world.tier.books[world.btc].value.bbo() == good.value
        assert world.prices.statistics().refused == 3

    play(case())


def test_errors_of_all_sources_are_told_and_the_last_known_value_is_stale() -> None:
    async def case() -> None:
        world = World()
        known = await world.wait_for(world.prices.get_book(world.btc, SECOND_NS))
        world.clock.advance(3 * SECOND_NS)
        limited = RateLimited("slow down", exchange="one", code="429", retry_after_ns=7)
        world.venue.faults.always("fetch_order_book", Fault(error=limited))
        with pytest.raises(ExchangeError, match=r"BTC-PERP\.one.*slow down.*3 s old") as caught:
            await world.wait_for(world.prices.get_bbo(world.btc, SECOND_NS))
        assert (caught.value.code, caught.value.retry_after_ns) == ("429", 7)
        assert caught.value.__cause__ is limited
        assert await world.wait_for(world.prices.read_book(world.btc, SECOND_NS)) == Stale(
            known.value, "rest", known.observed_ns
        )
        stale = await world.wait_for(world.prices.read_bbo(world.btc, SECOND_NS))
        assert isinstance(stale, Stale)
        assert stale.value == known.value.bbo()

    play(case())


def test_nothing_known_is_unknown() -> None:
    async def case() -> None:
        world = World()
        world.venue.faults.always("fetch_order_book", Fault.not_sent())
        assert isinstance(await world.wait_for(world.prices.read_book(world.btc, SECOND_NS)), Unknown)

    play(case())


def test_the_next_source_is_asked_when_one_fails_or_lies() -> None:
    class Broken:
        def __init__(self, what: object) -> None:
            self.what = what

        async def fetch_order_book(self, exchange: Exchange, instrument: InstrumentId, depth: int) -> OrderBook:
            if isinstance(self.what, BaseException):
                raise self.what
            return self.what  # type: ignore[return-value]

    async def case() -> None:
        failures: list[object] = [ConnectionError("x"), KeyError("bug"), asyncio.CancelledError(), None, {"bids": []}]
        for what in failures:
            clock = FakeClock()
            venue = MemoryExchange("one", clock=clock)
            prices = PriceProvider(
                clock, {venue.name: venue}, {"memory": DictTier()}, {"bad": Broken(what), "good": ExchangeSource()}
            )
            assert (await prices.get_bbo(venue.id_of("BTC"), SECOND_NS)).source == "good"
            alone = PriceProvider(clock, {venue.name: venue}, {}, {"bad": Broken(what)})
            assert isinstance(await alone.read_bbo(venue.id_of("BTC"), SECOND_NS), Unknown)

    play(case())


def test_a_source_that_never_answers_is_given_up() -> None:
    class Stubborn:
        async def fetch_order_book(self, exchange: Exchange, instrument: InstrumentId, depth: int) -> OrderBook:
            while True:
                try:
                    await asyncio.get_running_loop().create_future()
                except asyncio.CancelledError:
                    await gone.wait()
                    raise

    gone = asyncio.Event()

    async def case() -> None:
        world = World(timeout_ns=2 * SECOND_NS)
        prices = PriceProvider(
            world.clock, {world.venue.name: world.venue}, {}, {"stuck": Stubborn(), "rest": world.source}
        )
        read = asyncio.create_task(prices.get_bbo(world.btc, SECOND_NS))
        await world.clock.run_for(5 * SECOND_NS)
        assert read.result().source == "rest"
        gone.set()
        world.venue.faults.always("fetch_order_book", Fault(delay_ns=3600 * SECOND_NS))
        with pytest.raises(ExchangeError, match="rest gave no answer within 2 s"):
            await world.wait_for(world.prices.get_bbo(world.btc, SECOND_NS))

    play(case())


def test_after_a_drop_nothing_older_is_served_wherever_it_turns_up() -> None:
    class Elephant(DictTier):
        async def drop(self, instruments: Sequence[InstrumentId]) -> None:
            raise ConnectionError("cannot forget")

    async def case() -> None:
        tier = Elephant()
        world = World(tiers={"elephant": tier})
        first = await world.wait_for(world.prices.get_bbo(world.btc, 9 * SECOND_NS))
        world.clock.advance(SECOND_NS)
        await world.prices.drop(world.btc)
        assert tier.peek(world.btc) is not None
        second = await world.wait_for(world.prices.get_bbo(world.btc, 9 * SECOND_NS))
        assert second.observed_ns == first.observed_ns + SECOND_NS

    play(case())


def test_a_fetch_overtaken_by_a_drop_is_repeated() -> None:
    async def case() -> None:
        world = World(latency_ns=500 * MILLISECOND_NS)
        read = asyncio.create_task(world.prices.get_bbo(world.btc, 9 * SECOND_NS))
        await world.clock.run_for(100 * MILLISECOND_NS)
        dropped_ns = world.clock.now_ns()
        await world.prices.drop(world.btc)
        late = asyncio.create_task(world.prices.get_bbo(world.btc, 9 * SECOND_NS))
        await world.clock.run_for(2 * SECOND_NS)
        assert read.result().observed_ns >= dropped_ns
        assert late.result().observed_ns >= dropped_ns
        assert world.tier.books[world.btc].observed_ns >= dropped_ns
        assert len(world.source.calls) <= 3

    play(case())


def test_a_drop_in_the_nanosecond_in_which_a_fetch_began_still_voids_it() -> None:
    async def case() -> None:
        world = World(latency_ns=500 * MILLISECOND_NS)
        read = asyncio.create_task(world.prices.get_bbo(world.btc, 9 * SECOND_NS))
        await settle()
        await world.prices.drop(world.btc)
        await world.clock.run_for(500 * MILLISECOND_NS)
        assert world.tier.peek(world.btc) is None
        await world.clock.run_for(SECOND_NS)
        assert len(world.source.calls) == 2
        assert read.result().observed_ns == world.tier.books[world.btc].observed_ns

    play(case())


def test_endless_drops_do_not_hold_a_read_for_ever() -> None:
    async def case() -> None:
        world = World(latency_ns=500 * MILLISECOND_NS)
        read = asyncio.create_task(world.prices.read_bbo(world.btc, 9 * SECOND_NS))
        for _ in range(20):
            await world.clock.run_for(300 * MILLISECOND_NS)
            await world.prices.drop(world.btc)
        assert isinstance(read.result(), Unknown)
        await world.clock.run_for(5 * SECOND_NS)

    play(case())


def test_a_book_put_by_somebody_else_is_served_with_its_source() -> None:
    async def case() -> None:
        world = World()
        book = book_of(world.btc, world.clock.now_ns())
        await world.prices.put_book(world.btc, book, "liquidity_check")
        got = await world.prices.get_bbo(world.btc, SECOND_NS)
        assert (got.source, got.value.bid) == ("liquidity_check", Decimal(100))
        assert world.source.calls == []
        older = replace(book_of(world.btc, world.clock.now_ns() - 5, bid=90))
        await world.prices.put_book(world.btc, older, "late answer")
        assert await world.prices.get_bbo(world.btc, SECOND_NS) is got

    play(case())


def test_a_put_is_dated_by_its_request_and_never_from_the_future() -> None:
    async def case() -> None:
        world = World()
        now_ns = world.clock.now_ns()
        book = book_of(world.btc, now_ns)
        await world.prices.put_book(world.btc, book, "stream", observed_ns=now_ns - 7)
        assert (await world.prices.get_bbo(world.btc, 7)).observed_ns == now_ns - 7
        await world.prices.put_book(world.btc, book, "stream", observed_ns=now_ns + 7)
        assert (await world.prices.get_bbo(world.btc, 0)).observed_ns == now_ns
        with pytest.raises(BadResponse, match="future"):
            await world.prices.put_book(world.btc, book_of(world.btc, now_ns + 1), "venue clock")

    play(case())


@pytest.mark.parametrize("shift_ns", [1, 3600 * SECOND_NS, -1])
def test_a_tier_that_makes_a_book_look_younger_is_not_believed(shift_ns: int) -> None:
    async def case() -> None:
        world = World()
        await world.wait_for(world.prices.get_bbo(world.btc, SECOND_NS))
        held = world.tier.books[world.btc]
        world.clock.advance(5 * SECOND_NS)
        world.tier.books[world.btc] = replace(held, observed_ns=world.clock.now_ns() + shift_ns)
        got = await world.wait_for(world.prices.get_bbo(world.btc, SECOND_NS))
        assert got.observed_ns == world.clock.now_ns()
        # and the next newer book gets into that tier again
        assert await world.prices.get_bbo(world.btc, 0) is got
        assert world.prices.tier_counts()["memory"].refused == 1

    play(case())


def test_rubbish_in_a_tier_is_not_served() -> None:
    async def case() -> None:
        world = World()
        now_ns = world.clock.now_ns()
        other = book_of(world.venues[1].id_of("BTC"), now_ns)
        rubbish: list[Any] = [b"pickled", Fresh(None, "x", now_ns), Fresh(other, "x", now_ns)]
        for number, what in enumerate(rubbish, 1):
            world.tier.books[world.btc] = what
            world.clock.advance(SECOND_NS)
            got = await world.wait_for(world.prices.get_bbo(world.btc, 0))
            assert got.source == "rest"
            assert len(world.source.calls) == number

    play(case())


def test_a_remote_tier_answers_and_fills_the_local_one() -> None:
    async def case() -> None:
        remote, local = RemoteTier(), DictTier()
        world = World(tiers={"far": remote, "near": local})
        now_ns = world.clock.now_ns()
        await remote.put({world.btc: Fresh(book_of(world.btc, now_ns, count=20), "rest", now_ns)})

        async def five() -> list[Any]:
            return list(await asyncio.gather(*(world.prices.get_bbo(world.btc, SECOND_NS) for _ in range(5))))

        await world.wait_for(five())
        await world.prices.get_bbo(world.btc, SECOND_NS)
        assert (remote.gets, world.source.calls) == (1, [])
        assert local.peek(world.btc) is remote.inner.peek(world.btc)
        statistics = world.prices.statistics()
        assert (statistics.tier_hits, statistics.hits, statistics.served) == (1, 1, 6)

    play(case())


def test_who_joins_makes_the_lookup_as_demanding_as_he_is() -> None:
    class Slow(RemoteTier):
        async def get(self, instruments: Sequence[InstrumentId]) -> Mapping[InstrumentId, CachedBook]:
            await world.clock.sleep_until(world.clock.now_ns() + 10 * MILLISECOND_NS)
            return await super().get(instruments)

    remote = Slow()
    world = World(tiers={"far": remote, "near": DictTier()})

    async def case() -> None:
        old_ns = world.clock.now_ns() - 5 * SECOND_NS
        await remote.put({world.btc: Fresh(book_of(world.btc, old_ns, count=20), "rest", old_ns)})
        patient = asyncio.create_task(world.prices.get_bbo(world.btc, 9 * SECOND_NS))
        await settle()
        hasty = asyncio.create_task(world.prices.get_bbo(world.btc, SECOND_NS))
        await world.clock.run_for(SECOND_NS)
        assert patient.result() is hasty.result()
        assert (remote.gets, len(world.source.calls)) == (1, 1)

    play(case())


def test_who_joins_late_gets_the_depth_he_needs() -> None:
    class Slow(DictTier):
        async def put(self, books: Mapping[InstrumentId, CachedBook]) -> None:
            await world.clock.sleep_until(world.clock.now_ns() + 10 * MILLISECOND_NS)
            await super().put(books)

    remote = RemoteTier()
    world = World(tiers={"far": remote, "near": Slow()})
    world.venue.set_price(world.btc, 50_000, levels=20)

    async def case() -> None:
        now_ns = world.clock.now_ns()
        await remote.put({world.btc: Fresh(book_of(world.btc, now_ns, count=5), "rest", now_ns)})
        top = asyncio.create_task(world.prices.get_bbo(world.btc, SECOND_NS))
        await settle()  # the remote tier has answered; its book is on the way into the local one
        deep = asyncio.create_task(world.prices.get_book(world.btc, SECOND_NS, 20))
        await world.clock.run_for(SECOND_NS)
        assert top.result().value.bid == Decimal(100)
        assert len(deep.result().value.bids) == 20

    play(case())


def test_a_tiers_book_that_grows_too_old_on_its_way_is_replaced_by_a_fetch() -> None:
    class Stuck(DictTier):
        async def put(self, books: Mapping[InstrumentId, CachedBook]) -> None:
            await asyncio.get_running_loop().create_future()

    async def case() -> None:
        remote = RemoteTier()
        world = World(tiers={"far": remote, "near": Stuck()})
        held_ns = world.clock.now_ns() - 990 * MILLISECOND_NS
        await remote.put({world.btc: Fresh(book_of(world.btc, held_ns), "rest", held_ns)})
        got = await world.wait_for(world.prices.get_bbo(world.btc, SECOND_NS))
        assert got.observed_ns > held_ns
        assert len(world.source.calls) == 1

    play(case())


def test_a_fetch_is_seen_by_every_tier_before_or_soon_after_it_is_served() -> None:
    async def case() -> None:
        remote = RemoteTier()
        world = World(tiers={"far": remote})
        got = await world.wait_for(world.prices.get_bbo(world.btc, SECOND_NS))
        held = remote.inner.peek(world.btc)
        assert held is not None
        assert held.observed_ns == got.observed_ns
        await world.wait_for(world.prices.get_bbo(world.btc, SECOND_NS))
        assert len(world.source.calls) == 1

    play(case())


def test_without_tiers_every_read_fetches() -> None:
    async def case() -> None:
        world = World(tiers={})
        for _ in range(3):
            await world.wait_for(world.prices.get_bbo(world.btc, SECOND_NS))
        assert len(world.source.calls) == 3

    play(case())


def test_a_sick_tier_costs_time_but_no_read() -> None:
    class Sick(DictTier):
        def peek(self, instrument: InstrumentId) -> CachedBook | None:
            raise OSError("peek")

        async def put(self, books: Mapping[InstrumentId, CachedBook]) -> None:
            await asyncio.get_running_loop().create_future()

    async def case() -> None:
        world = World(tiers={"sick": Sick()})
        assert isinstance(Sick(), LocalCacheTier)
        got = await world.wait_for(world.prices.get_bbo(world.btc, SECOND_NS))
        assert got.source == "rest"
        counts = world.prices.tier_counts()["sick"]
        assert counts.errors >= 1
        assert counts.late == 1

    play(case())


def test_the_memory_of_believed_books_is_bounded() -> None:
    async def case() -> None:
        world = World()
        now_ns = world.clock.now_ns()
        for number in range(5_000):
            name = instrument_id(f"X{number}-PERP", "one")
            world.tier.books[name] = Fresh(book_of(name, now_ns, count=1), "x", now_ns)
            await world.prices.get_bbo(name, SECOND_NS)
        assert world.source.calls == []
        await world.prices.get_bbo(instrument_id("X0-PERP", "one"), SECOND_NS)
        assert world.source.calls == []

    play(case())


def test_what_is_asked_for_must_make_sense() -> None:
    async def case() -> None:
        world = World()
        with pytest.raises(ValueError, match="max_age_ns"):
            await world.prices.get_bbo(world.btc, -1)
        with pytest.raises(ValueError, match="depth"):
            await world.prices.read_book(world.btc, 1, 0)
        with pytest.raises(ExchangeError, match="'nowhere' is not open; open are: one, two"):
            await world.prices.get_bbo(instrument_id("BTC-PERP", "nowhere"), SECOND_NS)
        assert isinstance(await world.prices.read_bbo(InstrumentId("rubbish"), SECOND_NS), Unknown)
        nothing = PriceProvider(world.clock, {world.venue.name: world.venue}, {}, {})
        with pytest.raises(ExchangeError, match="no price source"):
            await nothing.get_bbo(world.btc, SECOND_NS)

    play(case())


def test_closing_ends_fetches_and_those_who_wait() -> None:
    async def case() -> None:
        world = World(latency_ns=SECOND_NS)
        read = asyncio.create_task(world.prices.get_bbo(world.btc, SECOND_NS))
        await settle()
        await world.prices.close()
        with pytest.raises(ExchangeError, match="closed"):
            await read
        await settle()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    play(case())


def test_closing_with_nothing_under_way_needs_no_loop() -> None:
    """What a killed run left behind is closed by the garbage collector, where no loop runs."""
    asyncio.set_event_loop(None)
    closing = PriceProvider(FakeClock(), {}, {}, {}).close()
    with pytest.raises(StopIteration):
        closing.send(None)


def test_ages_and_counts_add_up() -> None:
    async def case() -> None:
        world = World()
        await world.wait_for(world.prices.get_bbo(world.btc, SECOND_NS))
        for _ in range(3):
            world.clock.advance(10)
            await world.prices.get_bbo(world.btc, SECOND_NS)
        world.clock.advance(10)
        await world.prices.read_book(world.btc, SECOND_NS)
        statistics = world.prices.statistics()
        assert (statistics.hits, statistics.misses, statistics.fetches, statistics.errors) == (4, 1, 1, 0)
        assert (statistics.served, statistics.age_total_ns) == (5, 10 + 20 + 30 + 40)

    play(case())
