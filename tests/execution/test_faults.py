"""Seeded episodes: every call to both venues may fail in every way, and the process may die at any commit."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, cast

import pytest

from arb.api import (
    AuthenticationFailed,
    BadResponse,
    CachedBook,
    ConnectFailed,
    Dialect,
    Exchange,
    ExchangeTraits,
    InMaintenance,
    InsufficientMargin,
    OutcomeUnknown,
    PreparedOrder,
    RateLimited,
    Rejected,
    Storage,
    Transaction,
)
from arb.execution import (
    AccountSync,
    AtomicMultiOrderExecutor,
    ExecutionServices,
    LeverageKeeper,
    Recorder,
)
from arb.marketdata import PriceProvider
from arb.model import (
    SECOND_NS,
    CloseHedge,
    Event,
    ExchangeName,
    Fresh,
    Hedge,
    HedgePlan,
    HedgeStatus,
    InstrumentId,
    LegPlan,
    Order,
    OrderBook,
    OrderRequest,
    PositionSide,
    Severity,
)
from arb.risk import AccountRisk, ApprovedPlan, PricedLeg, RiskLimits, RiskManager
from arb.simulation._clock import VirtualClock
from arb.simulation._loop import run_virtual
from arb.storage import Journal
from arb.testing import START_NS, FakeIds, Fault, MemoryExchange, sample_instrument
from arb.testing._fakes_storage import MemoryStorage

EPISODES: Final = 400
BATCHES: Final = 8
TARGET: Final = Decimal("0.1")
SMALLEST: Final = sample_instrument("left", "BTC").min_quantity
LIVE: Final = (HedgeStatus.OPENING, HedgeStatus.CLOSING)
HUGE: Final = Decimal(10**9)
LIMITS: Final = RiskLimits(
    max_hedge_notional_usd=HUGE,
    max_exchange_notional_usd=HUGE,
    max_total_notional_usd=HUGE,
    max_hedges=100,
    max_leverage=HUGE,
    min_liquidation_distance=Decimal("0.0001"),
    max_mark_divergence_bps=Decimal(1000),
)
ERRORS: Final[Sequence[Exception]] = (
    ConnectFailed("no connection"),
    RateLimited("too many"),
    InMaintenance("closed"),
    OutcomeUnknown("no answer"),
    BadResponse("not JSON"),
    KeyError("result"),
    TimeoutError(),
    cast("Exception", asyncio.CancelledError()),  # a plugin whose own task was cancelled
)
REFUSALS: Final[Sequence[Exception]] = (
    Rejected("no", code="no"),
    InsufficientMargin("no money"),
    AuthenticationFailed("clock"),
)
READS: Final = ("fetch_order", "fetch_fills", "cancel_order", "fetch_order_book")


class Crashed(BaseException):
    """The process is gone."""


class MortalStorage:
    """Dies at one commit, before it took effect or after; at 0 never."""

    def __init__(self, inner: MemoryStorage, *, at: int, after: bool) -> None:
        self._inner = inner
        self._left = at
        self._after = after
        self._dead = False

    @property
    def dialect(self) -> Dialect:
        return self._inner.dialect

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        if self._dead:
            raise Crashed
        self._left -= 1
        dying = self._left == 0
        async with self._inner.transaction() as transaction:
            yield transaction
            self._die(dying and not self._after)
        self._die(dying)

    def _die(self, now: bool) -> None:
        if now:
            self._dead = True
            raise Crashed


class NoTier:
    """Keeps nothing: every price is read from the venue."""

    def peek(self, instrument: InstrumentId) -> CachedBook | None:
        return None

    async def get(self, instruments: Sequence[InstrumentId]) -> Mapping[InstrumentId, CachedBook]:
        return {}

    async def put(self, books: Mapping[InstrumentId, CachedBook]) -> None:
        return None

    async def drop(self, instruments: Sequence[InstrumentId]) -> None:
        return None


class BookSource:
    """Reads every book from the exchange."""

    async def fetch_order_book(self, exchange: Exchange, instrument: InstrumentId, depth: int) -> OrderBook:
        return await exchange.market.fetch_order_book(instrument, depth)


class Wire:
    """Keeps every request that was sent to a venue."""

    def __init__(self, venue: MemoryExchange) -> None:
        assert venue.trading is not None
        self._inner = venue.trading.send_order
        self.sent: list[OrderRequest] = []
        venue.trading.send_order = self.send  # type: ignore[method-assign]

    async def send(self, prepared: PreparedOrder) -> Order:
        self.sent.append(prepared.request)
        return await self._inner(prepared)


@dataclass
class Desk:
    """The executor between two venues, as one process has it."""

    venues: Sequence[MemoryExchange]
    journal: Journal
    executor: AtomicMultiOrderExecutor
    sync: AccountSync
    events: list[Event]

    @classmethod
    async def start(cls, venues: Sequence[MemoryExchange], storage: Storage, session: int) -> Desk:
        clock = VirtualClock.of_running_loop()
        exchanges: dict[ExchangeName, Exchange] = {one.name: one for one in venues}
        journal = await Journal.open(storage)
        events: list[Event] = []
        recorder = Recorder(journal, clock, events.append)
        sync = AccountSync(exchanges, recorder, clock, timeout_ns=60 * SECOND_NS)
        await sync.start(START_NS)
        services = ExecutionServices(
            exchanges=exchanges,
            instruments={venue.id_of("BTC"): venue._market.instrument(venue.id_of("BTC")) for venue in venues},
            prices=PriceProvider(clock, exchanges, {"none": NoTier()}, {"books": BookSource()}),
            recorder=recorder,
            sync=sync,
            leverage=LeverageKeeper(exchanges, {}, clock, timeout_ns=10 * SECOND_NS),
            clock=clock,
            ids=FakeIds(f"s{session}-"),
            veto=lambda intent: None,
            usd_rate=lambda currency: Decimal(1),
            max_price_age_ns=5 * SECOND_NS,
            order_timeout_ns=10 * SECOND_NS,
        )
        return cls(venues, journal, AtomicMultiOrderExecutor(services), sync, events)

    def approved(self) -> ApprovedPlan:
        ids = [venue.id_of("BTC") for venue in self.venues]
        sides = (PositionSide.LONG, PositionSide.SHORT)
        plan = HedgePlan(
            base="BTC",
            legs=tuple(
                LegPlan(instrument=one, side=side, quantity=TARGET) for one, side in zip(ids, sides, strict=True)
            ),
            max_slippage_bps=Decimal(20),
            reason="test",
        )
        legs = [
            PricedLeg(
                instrument=venue._market.instrument(one),
                base_quantity=TARGET * side.sign,
                quantity=TARGET,
                mid_usd=Fresh(Decimal(50_000), "test", 0),
            )
            for venue, one, side in zip(self.venues, ids, sides, strict=True)
        ]
        accounts = {
            venue.name: AccountRisk(
                exchange=venue.name, equity_usd=Fresh(Decimal(100_000), "test", 0), gross_notional_usd=Decimal(0)
            )
            for venue in self.venues
        }
        approved = RiskManager(LIMITS).approve(plan, legs, accounts, open_hedges=0)
        assert isinstance(approved, ApprovedPlan)
        return approved

    async def close(self, hedge: Hedge) -> Hedge:
        return await self.executor.close(CloseHedge(hedge_id=hedge.id, max_slippage_bps=Decimal(20), reason="over"))

    async def go_on(self) -> None:
        for hedge in await self.journal.hedges(statuses=LIVE):
            await self.executor.reconcile(hedge.id)


def some_fault(chance: random.Random, operation: str, calm: float) -> Fault | None:  # noqa: TID251 - the type
    """Return what happens to one call; nothing bad with the probability `calm`."""
    if chance.random() < calm:
        return None
    kind = chance.uniform(0.45, 1)
    if kind < 0.55:
        return Fault(delay_ns=chance.choice((1, 9, 11, 3600)) * SECOND_NS)
    if operation == "send_order":
        if kind < 0.7:
            return Fault.partial_fill(chance.choice(("0", "0.001", "0.0307", "0.05", "0.0999")))
        if kind < 0.8:
            return Fault(error=chance.choice(REFUSALS))
    error = chance.choice(ERRORS)
    lost = not isinstance(error, (ConnectFailed, RateLimited, InMaintenance))
    return Fault(error=error, after_effect=lost and chance.random() < 0.6)


async def episode(seed: int) -> str:
    """Open and close under faults and one or two crashes, end the faults, go on until settled; return how it ended."""
    chance = random.Random(seed)  # noqa: TID251 - the episode's own
    clock = VirtualClock.of_running_loop()
    traits = ExchangeTraits(read_after_write_ns=chance.choice((0, 0, 2 * SECOND_NS)))
    venues = [MemoryExchange(name, clock=clock, traits=traits) for name in ("left", "right")]
    wires = [Wire(venue) for venue in venues]
    memory = MemoryStorage()
    calm = chance.choice((0.3, 0.6, 0.9))
    for venue in venues:
        for operation in ("send_order", *READS):
            rounds = chance.randint(0, 8)
            venue.faults.once(operation, *[some_fault(chance, operation, calm) for _ in range(rounds)])
    for session in range(chance.randint(1, 3)):
        storage = MortalStorage(memory, at=chance.randint(0, 25), after=chance.random() < 0.5)
        with suppress(Crashed):
            desk = await Desk.start(venues, storage, session)
            await desk.go_on()
            if not await desk.journal.hedges(statuses=(*LIVE, HedgeStatus.OPEN)):
                await desk.executor.open(desk.approved(), strategy="test")
            for hedge in await desk.journal.hedges(statuses=(HedgeStatus.OPEN,)):
                if chance.random() < 0.7:
                    await desk.close(hedge)
    for venue in venues:
        venue.faults._once.clear()
    desk = await Desk.start(venues, memory, 99)
    for _ in range(6):
        await desk.go_on()
    return await judge(desk, wires, memory)


async def judge(desk: Desk, wires: Sequence[Wire], memory: MemoryStorage) -> str:
    hedges = await desk.journal.hedges()
    statuses = Counter(hedge.status for hedge in hedges)
    assert not [hedge for hedge in hedges if hedge.status in LIVE], "a hedge is stuck"
    events = [event for _, event in await desk.journal.events(limit=0)]
    for index, (venue, wire) in enumerate(zip(desk.venues, wires, strict=True)):
        assert venue.trading is not None
        ours = sum((one.legs[index].base_quantity for one in hedges), Decimal(0))
        held = sum((one.quantity for one in await venue.trading.fetch_positions()), Decimal(0))
        assert ours == held, "our record and the venue differ"
        for client_order_id, count in Counter(request.client_order_id for request in wire.sent).items():
            assert count == 1, f"{client_order_id} was sent {count} times"
        venue_fills = {fill.fill_id: fill for fill in await venue.trading.fetch_fills(0)}
        stored = await desk.journal.fills(exchange=venue.name)
        assert {fill.fill_id: fill for fill in stored} == venue_fills
        assert len(stored) == len(venue_fills)
    for hedge in hedges:
        assert all(0 <= leg.exit_quantity <= leg.entry_quantity <= TARGET for leg in hedge.legs)
        alarmed = any(event.subject == hedge.id and event.severity is Severity.ALARM for event in events)
        assert abs(hedge.imbalance) < SMALLEST or hedge.status is HedgeStatus.HALTED
        assert hedge.is_flat or not hedge.status.is_final
        assert alarmed or hedge.status is not HedgeStatus.HALTED
        told = Counter(
            (event.kind, event.message)
            for event in events
            if event.subject == hedge.id and event.severity is Severity.ALARM
        )
        assert all(count <= 5 for count in told.values()), "one alarm for one change of one session"
    memory.close()
    return "+".join(sorted(statuses.elements())) or "nothing"


@pytest.mark.parametrize("batch", range(BATCHES))
def test_faults_and_crashes_end_flat_balanced_or_halted(batch: int) -> None:
    ends: Counter[str] = Counter()
    for seed in range(batch, EPISODES, BATCHES):
        try:
            ends[run_virtual(episode(seed), start_ns=START_NS)] += 1
        except Exception as error:
            error.add_note(f"episode {seed}")
            raise
    # The campaign is worth something only while it reaches every kind of end.
    assert any("open" in end for end in ends)
    assert any("closed" in end for end in ends)
    assert any("abandoned" in end for end in ends)
