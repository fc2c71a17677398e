from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from pydantic import ValidationError

from arb.api import CachedBook, CacheTier, LocalCacheTier
from arb.model import BookLevel, Fresh, InstrumentId, OrderBook, instrument_id
from arb.testing import FakeContext
from arb_cache_tier_memory.plugin import arb_cache_tiers

NAMES = [instrument_id(f"C{number}-PERP", "venue") for number in range(5)]


def cached(instrument: InstrumentId, observed_ns: int = 1) -> CachedBook:
    book = OrderBook(
        instrument=instrument,
        bids=(BookLevel(Decimal(99), Decimal(1)),),
        asks=(BookLevel(Decimal(100), Decimal(1)),),
        sequence=0,
        ts_event_ns=observed_ns,
        ts_init_ns=observed_ns,
    )
    return Fresh(book, "test", observed_ns)


async def open_with(**settings: int) -> tuple[CacheTier, LocalCacheTier]:
    (spec,) = arb_cache_tiers()
    async with spec.open(spec.settings(**settings), FakeContext("memory")) as tier:
        assert isinstance(tier, LocalCacheTier)
        return tier, tier


def held(tier: LocalCacheTier) -> list[InstrumentId]:
    return [name for name in NAMES if tier.peek(name) is not None]


def test_when_full_the_book_written_longest_ago_goes() -> None:
    async def case() -> None:
        tier, local = await open_with(max_instruments=3)
        for name in NAMES[:3]:
            await tier.put({name: cached(name)})
        await tier.put({NAMES[0]: cached(NAMES[0], 2)})
        await tier.put({NAMES[3]: cached(NAMES[3])})
        assert held(local) == [NAMES[0], NAMES[2], NAMES[3]]

    asyncio.run(case())


def test_it_never_holds_more_than_allowed_also_of_one_put() -> None:
    async def case() -> None:
        tier, local = await open_with(max_instruments=2)
        await tier.put({name: cached(name) for name in NAMES})
        assert held(local) == NAMES[3:]

    asyncio.run(case())


def test_an_older_book_refused_is_no_use_of_the_one_held() -> None:
    async def case() -> None:
        tier, local = await open_with(max_instruments=2)
        await tier.put({NAMES[0]: cached(NAMES[0], 5)})
        await tier.put({NAMES[1]: cached(NAMES[1], 6)})
        await tier.put({NAMES[0]: cached(NAMES[0], 4)})
        await tier.put({NAMES[2]: cached(NAMES[2], 7)})
        assert held(local) == NAMES[1:3]

    asyncio.run(case())


def test_a_peek_gives_the_very_object_that_was_put() -> None:
    async def case() -> None:
        tier, local = await open_with()
        book = cached(NAMES[0])
        await tier.put({NAMES[0]: book})
        assert local.peek(NAMES[0]) is book

    asyncio.run(case())


def test_two_tiers_share_nothing() -> None:
    async def case() -> None:
        first, _ = await open_with()
        _, second = await open_with()
        await first.put({NAMES[0]: cached(NAMES[0])})
        assert held(second) == []

    asyncio.run(case())


@pytest.mark.parametrize("number", [0, -1])
def test_room_for_nothing_is_refused(number: int) -> None:
    (spec,) = arb_cache_tiers()
    with pytest.raises(ValidationError, match="max_instruments"):
        spec.settings(max_instruments=number)
