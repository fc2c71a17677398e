"""A read is answered by what is young and deep enough, or by one fetch that all who wait share."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from tests.marketdata.conftest import World, play

from arb.api import ExchangeError, StaleData
from arb.marketdata import PriceProvider
from arb.model import MILLISECOND_NS, SECOND_NS, Fresh, InstrumentId, OrderBook, Side, Unknown, instrument_id
from arb.testing import settle


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
