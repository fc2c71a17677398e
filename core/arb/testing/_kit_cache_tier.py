"""The conformance kit of cache tiers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal

import pytest

from arb.api import CachedBook, CacheTier, CacheTierSpec, Context, LocalCacheTier
from arb.model import DAY_NS, BookLevel, Fresh, InstrumentId, OrderBook

from ._kit import Conformance

Body = Callable[[CacheTier, Context], Awaitable[None]]
Use = Callable[[Body], None]

_BTC = InstrumentId("BTC-PERP.check")
_ETH = InstrumentId("ETH-PERP.check")


def cached(context: Context, instrument: InstrumentId = _BTC, *, age_ns: int = 0, bid: str = "99.5") -> CachedBook:
    """Return a book observed `age_ns` ago."""
    observed_ns = context.clock.now_ns() - age_ns
    book = OrderBook(
        instrument=instrument,
        bids=(BookLevel(Decimal(bid), Decimal("0.00000001")),),
        asks=(BookLevel(Decimal("100.50"), Decimal("123456789.123456789")),),
        sequence=7,
        ts_event_ns=observed_ns,
        ts_init_ns=observed_ns,
    )
    return Fresh(book, "check", observed_ns)


class CacheTierConformance(Conformance):
    """Cases C-001 to C-012."""

    group = "behaviour"
    hook = "arb_cache_tiers"
    spec_type = CacheTierSpec

    @pytest.fixture
    def use(
        self,
        make: Callable[[Context], AbstractAsyncContextManager[CacheTier]],
        context: Callable[[], Context],
        play: Callable[[Callable[[], Awaitable[None]]], None],
    ) -> Use:
        """Return a function that runs a case on an open, empty tier."""

        def run(body: Body) -> None:
            async def case() -> None:
                lent = context()
                async with make(lent) as tier:
                    await tier.drop([_BTC, _ETH])
                    await body(tier, lent)

            play(case)

        return run

    def test_c005_it_is_a_tier_and_absent_books_are_left_out(self, use: Use) -> None:
        """No value stands for nothing."""

        async def body(tier: CacheTier, context: Context) -> None:
            assert isinstance(tier, CacheTier)
            assert dict(await tier.get([_BTC])) == {}
            assert dict(await tier.get([])) == {}

        use(body)

    def test_c006_a_book_comes_back_whole(self, use: Use) -> None:
        """Prices, sizes, times, source and the moment of observation."""

        async def body(tier: CacheTier, context: Context) -> None:
            book = cached(context)
            await tier.put({_BTC: book})
            assert dict(await tier.get([_BTC, _ETH])) == {_BTC: book}

        use(body)

    def test_c007_several_books_at_once(self, use: Use) -> None:
        """One call puts, gets and drops many."""

        async def body(tier: CacheTier, context: Context) -> None:
            books = {name: cached(context, name) for name in (_BTC, _ETH)}
            await tier.put(books)
            assert dict(await tier.get([_ETH, _BTC])) == books
            await tier.drop([_BTC, _ETH])
            assert dict(await tier.get([_ETH, _BTC])) == {}

        use(body)

    def test_c008_an_older_observation_never_replaces_a_later_one(self, use: Use) -> None:
        """A late answer cannot turn the cache back."""

        async def body(tier: CacheTier, context: Context) -> None:
            late, early = cached(context), cached(context, age_ns=5, bid="90")
            await tier.put({_BTC: late})
            await tier.put({_BTC: early})
            assert (await tier.get([_BTC]))[_BTC] == late

        use(body)

    def test_c009_a_later_observation_replaces(self, use: Use) -> None:
        """The newest is what is held."""

        async def body(tier: CacheTier, context: Context) -> None:
            await tier.put({_BTC: cached(context, age_ns=5, bid="90")})
            late = cached(context)
            await tier.put({_BTC: late})
            assert (await tier.get([_BTC]))[_BTC] == late

        use(body)

    def test_c010_age_is_never_hidden(self, use: Use) -> None:
        """A day later the book is gone or the same: no tier makes a book look younger."""

        async def body(tier: CacheTier, context: Context) -> None:
            book = cached(context)
            await tier.put({_BTC: book})
            await context.clock.sleep_until(context.clock.now_ns() + DAY_NS)
            assert (await tier.get([_BTC])).get(_BTC, book) == book

        use(body)

    def test_c011_of_puts_at_once_the_latest_observation_stays(self, use: Use) -> None:
        """Concurrency does not reorder observations."""

        async def body(tier: CacheTier, context: Context) -> None:
            ages = (3, 0, 7, 1, 9)
            await asyncio.gather(*(tier.put({_BTC: cached(context, age_ns=age)}) for age in ages))
            assert (await tier.get([_BTC]))[_BTC] == cached(context)

        use(body)

    def test_c012_a_peek_sees_what_get_sees(self, use: Use) -> None:
        """A tier in this process answers the same with and without await."""

        async def body(tier: CacheTier, context: Context) -> None:
            if not isinstance(tier, LocalCacheTier):
                return
            assert tier.peek(_BTC) is None
            await tier.put({_BTC: cached(context)})
            assert tier.peek(_BTC) == (await tier.get([_BTC]))[_BTC]
            await tier.drop([_BTC])
            assert tier.peek(_BTC) is None

        use(body)
