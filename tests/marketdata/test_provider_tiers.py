"""Drops, puts and cache tiers: nothing older or younger than it says gets in, and a sick tier costs no read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.marketdata.conftest import DictTier, RemoteTier, World, book_of, play

from arb.api import BadResponse, CachedBook, LocalCacheTier
from arb.model import MILLISECOND_NS, SECOND_NS, Fresh, InstrumentId, Unknown, instrument_id
from arb.testing import settle


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
