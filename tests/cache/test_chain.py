from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from arb.api import CachedBook, CacheTier
from arb.cache import Found, TierChain, Verdict
from arb.model import SECOND_NS, BookLevel, Fresh, InstrumentId, OrderBook, instrument_id
from arb.testing import FakeClock

BTC = instrument_id("BTC-PERP", "venue")


class Tier:
    """A remote tier that writes down what is asked of it, in a list shared by all."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self.log = log
        self.books: dict[InstrumentId, CachedBook] = {}
        self.trouble: Callable[[], Awaitable[Any]] | None = None

    async def _begin(self, what: str) -> None:
        self.log.append(f"{self.name}.{what}")
        if self.trouble is not None:
            await self.trouble()

    async def get(self, instruments: Sequence[InstrumentId]) -> Mapping[InstrumentId, CachedBook]:
        await self._begin("get")
        return {name: self.books[name] for name in instruments if name in self.books}

    async def put(self, books: Mapping[InstrumentId, CachedBook]) -> None:
        await self._begin("put")
        self.books.update(books)

    async def drop(self, instruments: Sequence[InstrumentId]) -> None:
        await self._begin("drop")
        for name in instruments:
            self.books.pop(name, None)


class Local(Tier):
    """A local one; it lets an older book replace a newer, which its contract forbids."""

    def peek(self, instrument: InstrumentId) -> CachedBook | None:
        self.log.append(f"{self.name}.peek")
        return self.books.get(instrument)


def cached(observed_ns: int) -> CachedBook:
    book = OrderBook(
        instrument=BTC,
        bids=(BookLevel(Decimal(99), Decimal(1)),),
        asks=(BookLevel(Decimal(100), Decimal(1)),),
        sequence=0,
        ts_event_ns=observed_ns,
        ts_init_ns=observed_ns,
    )
    return Fresh(book, "test", observed_ns)


def serve(book: CachedBook) -> Verdict:
    return Verdict.SERVE


def not_before(observed_ns: int) -> Callable[[CachedBook], Verdict]:
    return lambda book: Verdict.SERVE if book.observed_ns >= observed_ns else Verdict.OLD


class Stack:
    """A remote and two local tiers, configured in that order."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.clock = FakeClock()
        self.far, self.near, self.second = Tier("far", self.log), Local("near", self.log), Local("second", self.log)
        tiers: dict[str, CacheTier] = {"far": self.far, "near": self.near, "second": self.second}
        self.chain = TierChain(self.clock, tiers)

    def fill(self, **observed_ns: int) -> None:
        for name, when_ns in observed_ns.items():
            getattr(self, name).books[BTC] = cached(when_ns)


def test_local_tiers_are_asked_before_remote_ones() -> None:
    async def case() -> None:
        stack = Stack()
        assert await stack.chain.get(BTC, serve) == Found()
        assert stack.log == ["near.peek", "second.peek", "far.get"]

    asyncio.run(case())


def test_a_hit_fills_the_tiers_above_it_and_only_those() -> None:
    async def case() -> None:
        stack = Stack()
        stack.fill(second=5)
        found = await stack.chain.get(BTC, serve)
        assert found.book is stack.near.books[BTC] is stack.second.books[BTC]
        assert BTC not in stack.far.books
        assert stack.chain.counts["second"].hits == 1

    asyncio.run(case())


def test_a_book_too_old_is_passed_over_and_remembered() -> None:
    async def case() -> None:
        stack = Stack()
        stack.fill(near=3, second=4, far=9)
        found = await stack.chain.get(BTC, not_before(9))
        assert found == Found(book=cached(9))
        assert stack.near.books[BTC] == stack.second.books[BTC] == cached(9)
        stack.fill(near=3, second=5, far=4)
        assert await stack.chain.get(BTC, not_before(9)) == Found(last=cached(5))

    asyncio.run(case())


def test_a_book_that_cannot_be_true_is_dropped_where_it_is_held() -> None:
    async def case() -> None:
        stack = Stack()
        stack.fill(near=99, second=4)
        found = await stack.chain.get(BTC, lambda book: Verdict.REFUSED if book.observed_ns == 99 else Verdict.SERVE)
        assert found.book == cached(4)
        assert stack.near.books[BTC] == cached(4)
        assert stack.chain.counts["near"].refused == 1

    asyncio.run(case())


def test_puts_go_everywhere_and_never_back_in_time() -> None:
    async def case() -> None:
        stack = Stack()
        await stack.chain.put(BTC, cached(7))
        assert all(tier.books[BTC] == cached(7) for tier in (stack.near, stack.second, stack.far))
        stack.log.clear()
        await stack.chain.put(BTC, cached(6))
        assert stack.near.books[BTC] == stack.second.books[BTC] == cached(7)
        await stack.chain.put(BTC, cached(8))
        assert stack.near.books[BTC] == cached(8)

    asyncio.run(case())


def test_near_and_far_are_all_tiers_between_them() -> None:
    async def case() -> None:
        stack = Stack()
        await stack.chain.put_near(BTC, cached(1))
        assert [BTC in tier.books for tier in (stack.near, stack.second, stack.far)] == [True, True, False]
        await stack.chain.put_far(BTC, cached(1))
        assert BTC in stack.far.books
        alone = Tier("alone", [])
        chain = TierChain(stack.clock, {"alone": alone})
        await chain.put_near(BTC, cached(1))
        assert BTC in alone.books
        alone.log.clear()
        await chain.put_far(BTC, cached(1))
        assert alone.log == []

    asyncio.run(case())


def test_drop_reaches_every_tier() -> None:
    async def case() -> None:
        stack = Stack()
        stack.fill(near=1, second=1, far=1)
        await stack.chain.drop(BTC)
        assert [tier.books for tier in (stack.near, stack.second, stack.far)] == [{}, {}, {}]

    asyncio.run(case())


async def fails() -> None:
    raise ConnectionError("scripted")


async def hangs() -> None:
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("trouble", [fails, hangs])
def test_a_sick_tier_is_skipped_and_counted(trouble: Callable[[], Awaitable[Any]]) -> None:
    async def case() -> None:
        stack = Stack()
        last = Tier("last", stack.log)
        chain = TierChain(stack.clock, {"far": stack.far, "last": last}, timeout_ns=10)
        stack.far.books[BTC] = last.books[BTC] = cached(5)
        stack.far.trouble = trouble
        for work in (chain.get(BTC, serve), chain.put(BTC, cached(6)), chain.drop(BTC)):
            task: asyncio.Task[Any] = asyncio.create_task(work)
            await stack.clock.run_for(SECOND_NS)
            if isinstance(task.result(), Found):
                assert task.result().book == cached(5)
        counts = chain.counts["far"]
        # get, the filling after the hit below it, put and drop
        assert (counts.errors, counts.late) == ((4, 0) if trouble is fails else (0, 4))
        assert BTC not in last.books

    asyncio.run(case())


def test_a_tier_that_answers_nonsense_is_skipped() -> None:
    class Nonsense(Tier):
        async def get(self, instruments: Sequence[InstrumentId]) -> Mapping[InstrumentId, CachedBook]:
            return None  # type: ignore[return-value]

    async def case() -> None:
        chain = TierChain(FakeClock(), {"nonsense": Nonsense("nonsense", [])})
        assert await chain.get(BTC, serve) == Found()
        assert chain.counts["nonsense"].errors == 1

    asyncio.run(case())


def test_no_tiers_hold_nothing() -> None:
    async def case() -> None:
        chain = TierChain(FakeClock(), {})
        assert chain.peek(BTC) is None
        await chain.put(BTC, cached(1))
        await chain.drop(BTC)
        assert await chain.get(BTC, serve) == Found()
        assert dict(chain.counts) == {}

    asyncio.run(case())
