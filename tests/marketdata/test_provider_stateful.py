"""Whatever happens in whatever order, nobody receives a value older than he accepts."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from arb.api import BadResponse, CachedBook, Exchange, ExchangeError, OutcomeUnknown, StaleData
from arb.marketdata import PriceProvider
from arb.model import (
    MILLISECOND_NS,
    SECOND_NS,
    Bbo,
    BookLevel,
    Fresh,
    InstrumentId,
    OrderBook,
    Stale,
    Unknown,
    instrument_id,
)
from arb.testing import FakeClock, MemoryExchange, settle

INSTRUMENTS: Final = (instrument_id("BTC-PERP", "venue"), instrument_id("ETH-PERP", "venue"))
SOURCE_TIMEOUT_NS: Final = 2 * SECOND_NS
LONGEST_NS: Final = 3 * (2 * SOURCE_TIMEOUT_NS + SECOND_NS)
"""No read takes longer, jumps of the clock aside: three rounds of two sources and the tiers."""

KINDS: Final = st.sampled_from(["get_bbo", "get_book", "read_bbo", "read_book"])
AGES: Final = st.sampled_from([0, 1, 40 * MILLISECOND_NS, 500 * MILLISECOND_NS, SECOND_NS, 10 * SECOND_NS])
STEPS: Final = st.sampled_from([1, 10 * MILLISECOND_NS, 49 * MILLISECOND_NS, 300 * MILLISECOND_NS, 3 * SECOND_NS])


class Truth:
    """Makes books, and knows of each when its request was sent: the sequence is the key."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.sent_ns: dict[int, int] = {}
        self.received_ns: dict[int, int] = {}
        self.bad: set[int] = set()
        self.redated: set[int] = set()
        """Books that a tier has handed out with a later observation."""

    def begin(self) -> int:
        sequence = len(self.sent_ns) + 1
        self.sent_ns[sequence] = self._clock.now_ns()
        return sequence

    def book(self, instrument: InstrumentId, sequence: int, depth: int, kind: str) -> OrderBook:
        now_ns = self._clock.now_ns()
        self.received_ns[sequence] = now_ns
        book = OrderBook(
            instrument=instrument,
            bids=tuple(BookLevel(Decimal(100 - n), Decimal(1)) for n in range(min(depth, 5))),
            asks=tuple(BookLevel(Decimal(101 + n), Decimal(1)) for n in range(min(depth, 5))),
            sequence=sequence,
            ts_event_ns=now_ns,
            ts_init_ns=now_ns,
        )
        if kind == "good":
            return book
        self.bad.add(sequence)
        changes: dict[str, dict[str, Any]] = {
            "crossed": {"bids": book.asks, "asks": book.bids},
            "empty": {"bids": ()},
            "mistaken": {"instrument": INSTRUMENTS[instrument == INSTRUMENTS[0]]},
        }
        return replace(book, **changes[kind])


class Source:
    """Answers after a while with a good or a bad book, or fails."""

    def __init__(self, clock: FakeClock, truth: Truth) -> None:
        self._clock = clock
        self._truth = truth
        self.mode = "good"
        self.latency_ns = 0

    async def fetch_order_book(self, exchange: Exchange, instrument: InstrumentId, depth: int) -> OrderBook:
        mode, sequence = self.mode, self._truth.begin()
        if self.latency_ns:
            await self._clock.sleep_until(self._clock.now_ns() + self.latency_ns)
        if mode == "fails":
            raise OutcomeUnknown("scripted")
        if mode == "breaks":
            raise ZeroDivisionError("scripted")
        if mode == "hangs":
            await asyncio.get_running_loop().create_future()
        return self._truth.book(instrument, sequence, depth, mode)


class Tier:
    """A careless tier: an older book replaces a newer one; it fails, hangs or lies on demand."""

    def __init__(self, clock: FakeClock, truth: Truth) -> None:
        self._clock = clock
        self._truth = truth
        self._books: dict[InstrumentId, CachedBook] = {}
        self.mode = "good"

    def _answer(self, instrument: InstrumentId) -> CachedBook | None:
        held = self._books.get(instrument)
        if held is None or self.mode not in ("now", "future", "mixed up", "copies"):
            return held
        if self.mode == "copies":
            return replace(held)
        if self.mode == "mixed up":
            return self._books.get(INSTRUMENTS[instrument == INSTRUMENTS[0]])
        self._truth.redated.add(held.value.sequence)
        return replace(held, observed_ns=self._clock.now_ns() + (SECOND_NS if self.mode == "future" else 0))

    async def _trouble(self) -> None:
        if self.mode == "fails":
            raise ConnectionError("scripted")
        if self.mode == "slow":
            await self._clock.sleep_until(self._clock.now_ns() + SECOND_NS)
        if self.mode == "hangs":
            await asyncio.get_running_loop().create_future()

    async def get(self, instruments: Sequence[InstrumentId]) -> Mapping[InstrumentId, CachedBook]:
        await self._trouble()
        found = {name: self._answer(name) for name in instruments}
        return {name: book for name, book in found.items() if book is not None}

    async def put(self, books: Mapping[InstrumentId, CachedBook]) -> None:
        await self._trouble()
        self._books.update(books)

    async def drop(self, instruments: Sequence[InstrumentId]) -> None:
        await self._trouble()
        for name in instruments:
            self._books.pop(name, None)


class LocalTier(Tier):
    """The same in this process."""

    def peek(self, instrument: InstrumentId) -> CachedBook | None:
        if self.mode == "fails":
            raise ConnectionError("scripted")
        return self._answer(instrument)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a read asked for, and the world as it was then."""

    instrument: InstrumentId
    max_age_ns: int
    called_ns: int
    jumped_ns: int
    dropped_ns: int


class Prices(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = FakeClock()
        self.truth = Truth(self.clock)
        self.sources = [Source(self.clock, self.truth) for _ in range(2)]
        self.tiers = [LocalTier(self.clock, self.truth), Tier(self.clock, self.truth)]
        venue = MemoryExchange("venue", clock=self.clock)
        self.prices = PriceProvider(
            self.clock,
            {venue.name: venue},
            {"local": self.tiers[0], "remote": self.tiers[1]},
            {"first": self.sources[0], "second": self.sources[1]},
            depth=5,
            timeout_ns=SOURCE_TIMEOUT_NS,
        )
        self.reads: list[asyncio.Task[None]] = []
        self.faults: list[BaseException] = []
        self.cancelled: set[asyncio.Task[None]] = set()
        self.dropped_ns = dict.fromkeys(INSTRUMENTS, 0)
        self.jumped_ns = 0

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @rule(
        instrument=st.sampled_from(INSTRUMENTS),
        max_age_ns=AGES,
        kind=KINDS,
        depth=st.sampled_from([None, 1, 3, 9]),
        count=st.integers(1, 3),
    )
    def read(self, instrument: InstrumentId, max_age_ns: int, kind: str, depth: int | None, count: int) -> None:
        async def begin() -> None:
            wish = Wish(instrument, max_age_ns, self.clock.now_ns(), self.jumped_ns, self.dropped_ns[instrument])
            self.reads += [asyncio.create_task(self.one_read(wish, kind, depth)) for _ in range(count)]
            await settle()

        self.do(begin())

    async def one_read(self, wish: Wish, kind: str, depth: int | None) -> None:
        arguments = (wish.instrument, wish.max_age_ns) + ((depth,) if kind.endswith("book") else ())
        try:
            self.check(wish, await getattr(self.prices, kind)(*arguments))
        except (StaleData, ExchangeError):
            if kind.startswith("read"):
                self.faults.append(AssertionError(f"{kind} raised"))
        except Exception as error:
            self.faults.append(error)
        jumped_ns = self.jumped_ns - wish.jumped_ns
        if self.clock.now_ns() - wish.called_ns - jumped_ns > LONGEST_NS:
            self.faults.append(AssertionError(f"{wish} took too long"))

    def check(self, wish: Wish, got: Fresh[Bbo | OrderBook] | Stale[Bbo | OrderBook] | Unknown) -> None:
        if isinstance(got, Unknown):
            assert got.reason
            return
        value = got.value
        assert value.instrument == wish.instrument
        assert value.sequence not in self.truth.bad
        if isinstance(got, Stale):
            return
        now_ns = self.clock.now_ns()
        assert 0 <= now_ns - got.observed_ns <= wish.max_age_ns
        # A tier that dates a book from its request to its receipt cannot be found out; no more than that.
        known = self.truth.received_ns if value.sequence in self.truth.redated else self.truth.sent_ns
        true_ns = known[value.sequence]
        assert now_ns - true_ns <= wish.max_age_ns
        assert true_ns >= wish.dropped_ns

    @rule(step_ns=STEPS)
    def time_passes(self, step_ns: int) -> None:
        self.do(self.clock.run_for(step_ns))

    @rule(step_ns=STEPS)
    def time_jumps(self, step_ns: int) -> None:
        self.jumped_ns += step_ns
        self.clock.advance(step_ns)

    @rule(instrument=st.sampled_from(INSTRUMENTS), age_ns=AGES, kind=st.sampled_from(["good", "good", "crossed"]))
    def put(self, instrument: InstrumentId, age_ns: int, kind: str) -> None:
        async def work() -> None:
            sequence = self.truth.begin()
            self.truth.sent_ns[sequence] = self.truth.received_ns[sequence] = observed_ns = now_ns - age_ns
            book = self.truth.book(instrument, sequence, 5, kind)
            self.truth.received_ns[sequence] = observed_ns
            putting = asyncio.create_task(
                self.prices.put_book(instrument, replace(book, ts_init_ns=observed_ns), "stream")
            )
            self.reads.append(asyncio.create_task(self.finish(putting, refused=kind != "good")))
            await settle()

        now_ns = self.clock.now_ns()
        self.do(work())

    async def finish(self, putting: asyncio.Task[None], *, refused: bool) -> None:
        try:
            await putting
            if refused:
                self.faults.append(AssertionError("a bad book was kept"))
        except BadResponse:
            pass

    @rule(instrument=st.sampled_from(INSTRUMENTS))
    def drop(self, instrument: InstrumentId) -> None:
        async def work() -> None:
            self.dropped_ns[instrument] = self.clock.now_ns()
            self.reads.append(asyncio.create_task(self.prices.drop(instrument)))
            await settle()

        self.do(work())

    @rule(number=st.integers(0, 9))
    def cancel(self, number: int) -> None:
        pending = [read for read in self.reads if not read.done()]
        if pending:
            read = pending[number % len(pending)]
            self.cancelled.add(read)
            read.cancel()
            self.do(settle())

    @rule(
        which=st.integers(0, 1),
        mode=st.sampled_from(["good", "fails", "breaks", "hangs", "crossed", "empty", "mistaken"]),
        latency_ns=st.sampled_from([0, 1, 100 * MILLISECOND_NS, SECOND_NS]),
    )
    def change_source(self, which: int, mode: str, latency_ns: int) -> None:
        self.sources[which].mode = mode
        self.sources[which].latency_ns = latency_ns

    @rule(which=st.integers(0, 1), mode=st.sampled_from(["copies", "fails", "slow", "hangs"]))
    def trouble_a_tier(self, which: int, mode: str) -> None:
        self.tiers[which].mode = mode

    @rule(
        which=st.integers(0, 1),
        mode=st.sampled_from(["now", "future", "mixed up"]),
        instrument=st.sampled_from(INSTRUMENTS),
        kind=KINDS,
        max_age_ns=AGES,
        step_ns=STEPS,
    )
    def let_a_tier_lie(
        self, which: int, mode: str, instrument: InstrumentId, kind: str, max_age_ns: int, step_ns: int
    ) -> None:
        self.tiers[which].mode = mode
        self.time_jumps(step_ns)
        self.read(instrument=instrument, max_age_ns=max_age_ns, kind=kind, depth=1, count=1)

    @rule()
    def heal(self) -> None:
        for source in self.sources:
            source.mode = "good"
        for tier in self.tiers:
            tier.mode = "good"

    @invariant()
    def nothing_went_wrong(self) -> None:
        assert not self.faults, self.faults[0]

    def teardown(self) -> None:
        async def end() -> None:
            await self.clock.run_for(LONGEST_NS)
            assert all(read.done() for read in self.reads), "a read never ended"
            assert all(read in self.cancelled for read in self.reads if read.cancelled()), "cancelled with another"
            await self.prices.close()

        try:
            self.do(end())
            assert not self.faults, self.faults[0]
            statistics = self.prices.statistics()
            assert statistics.served <= statistics.hits + statistics.misses
            assert statistics.joined <= 3 * statistics.misses
        finally:
            self.runner.close()


Prices.TestCase.settings = settings(
    max_examples=200, stateful_step_count=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestPrices = Prices.TestCase
