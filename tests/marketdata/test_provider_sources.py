"""No book that cannot be believed is served; a source that fails, lies or hangs is told of, and closing ends all."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.marketdata.conftest import DictTier, ExchangeSource, World, book_of, levels, play

from arb.api import BadResponse, Exchange, ExchangeError, RateLimited, StaleData
from arb.marketdata import PriceProvider
from arb.model import SECOND_NS, BookLevel, InstrumentId, OrderBook, Stale, Unknown, instrument_id
from arb.testing import FakeClock, Fault, MemoryExchange, settle

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
