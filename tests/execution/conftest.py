"""Venues, a database and a halt file that outlive processes, and the process that trades over them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

import pytest
from tests.storage.conftest import TABLES

from arb.api import CachedBook, Dialect, Exchange, ExchangeTraits, OrderIntent, Storage, StorageError, Transaction, Veto
from arb.execution import (
    AccountLeases,
    AccountSync,
    AtomicMultiOrderExecutor,
    ExecutionPolicy,
    ExecutionServices,
    LeverageKeeper,
    Recorder,
)
from arb.marketdata import PriceProvider
from arb.model import (
    SECOND_NS,
    ZERO,
    ClientOrderId,
    CloseHedge,
    EntryPolicy,
    Event,
    EventKind,
    ExchangeName,
    Fresh,
    Hedge,
    HedgePlan,
    Instrument,
    InstrumentId,
    LegPlan,
    MarginMode,
    OrderBook,
    OrderRecord,
    OrderRequest,
    OrderStatus,
    PositionSide,
    Severity,
    Side,
)
from arb.risk import (
    AccountRisk,
    ApprovedPlan,
    Halts,
    MarginSetting,
    MemoryHaltStore,
    PricedLeg,
    Refusal,
    RiskLimits,
    RiskManager,
)
from arb.simulation import VirtualClock, run_virtual
from arb.storage import Journal
from arb.testing import START_NS, FakeIds, MemoryExchange, MemoryStorage

HUGE = Decimal(10**9)
LIMITS = RiskLimits(
    max_hedge_notional_usd=HUGE,
    max_instrument_notional_usd=HUGE,
    max_exchange_notional_usd=HUGE,
    max_pair_notional_usd=HUGE,
    max_total_notional_usd=HUGE,
    max_hedges=100,
    max_leverage=HUGE,
    min_liquidation_distance=Decimal("0.0001"),
    min_available_margin=ZERO,
    max_maintenance_ratio=Decimal(1),
    max_mark_divergence_bps=HUGE,
    max_depeg_bps=HUGE,
    max_price_age_ns=5 * SECOND_NS,
    max_account_age_ns=60 * SECOND_NS,
)
SPIN_TURNS = 4_000
"""So many turns of the loop without time passing are a loop that waits for nothing."""


class BookSource:
    """Reads every book from the exchange."""

    async def fetch_order_book(self, exchange: Exchange, instrument: InstrumentId, depth: int) -> OrderBook:
        return await exchange.market.fetch_order_book(instrument, depth)


class DictTier:
    """Keeps every book."""

    def __init__(self) -> None:
        self._books: dict[InstrumentId, CachedBook] = {}

    def peek(self, instrument: InstrumentId) -> CachedBook | None:
        return self._books.get(instrument)

    async def get(self, instruments: Sequence[InstrumentId]) -> Mapping[InstrumentId, CachedBook]:
        return {one: self._books[one] for one in instruments if one in self._books}

    async def put(self, books: Mapping[InstrumentId, CachedBook]) -> None:
        self._books.update(books)

    async def drop(self, instruments: Sequence[InstrumentId]) -> None:
        for one in instruments:
            self._books.pop(one, None)


class SlowStorage:
    """A storage whose commits take as long, and fail, as a test says."""

    def __init__(self, inner: Storage, clock: VirtualClock) -> None:
        self._inner = inner
        self._clock = clock
        self.delay_ns = 0
        self.refuses = False

    @property
    def dialect(self) -> Dialect:
        return self._inner.dialect

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._inner.transaction() as transaction:
            yield transaction
            if self.refuses:
                raise StorageError("the disk is full")
        if self.delay_ns:
            await self._clock.sleep_until(self._clock.now_ns() + self.delay_ns)


class Observed:
    """Implements `arb.execution.OrderObserver`: remembers what it was told."""

    def __init__(self) -> None:
        self.orders: list[tuple[ExchangeName, OrderStatus, int]] = []

    def observe_order(self, exchange: ExchangeName, status: OrderStatus, round_trip_ns: int) -> None:
        self.orders.append((exchange, status, round_trip_ns))


@dataclass
class World:
    """What outlives a process.

    Attributes:
        gone: Holders whose process is known to have ended.
        usd: Dollars per unit of a currency; one that is missing is not known.
    """

    clock: VirtualClock
    venues: tuple[MemoryExchange, ...]
    storage: Storage
    halt_store: MemoryHaltStore = field(default_factory=MemoryHaltStore)
    gone: set[str] = field(default_factory=set)
    usd: dict[str, Decimal] = field(default_factory=lambda: {"USDC": Decimal(1)})
    processes: int = 0

    async def start(
        self,
        *,
        policy: ExecutionPolicy | None = None,
        storage: Storage | None = None,
        patience_ns: int = 60 * SECOND_NS,
        lease_ns: int = 30 * SECOND_NS,
    ) -> Desk:
        """Start a process over the venues and a storage that may have a past."""
        clock = self.clock
        self.processes += 1
        holder = f"host:{self.processes}:0"
        exchanges: dict[ExchangeName, Exchange] = {one.name: one for one in self.venues}
        slow = SlowStorage(storage or self.storage, clock)
        journal = await Journal.open(slow)
        events: list[Event] = []
        vetoes: list[Veto] = []

        def veto(intent: OrderIntent) -> Veto | None:
            return vetoes[0] if vetoes else None

        leases = AccountLeases(clock, holder=holder, is_gone=lambda name: name in self.gone, ttl_ns=lease_ns)
        await leases.take(journal, tuple(exchanges))
        recorder = Recorder(journal, clock, events.append, leases)
        sync = AccountSync(
            exchanges, recorder, clock, fills_timeout_ns=10 * SECOND_NS, payments_timeout_ns=60 * SECOND_NS
        )
        await sync.start(clock.now_ns())
        listed = [one for venue in self.venues for one in await venue.market.fetch_instruments()]
        instruments = {one.id: one for one in listed}
        halts = Halts(self.halt_store, clock)
        observed = Observed()
        services = ExecutionServices(
            exchanges=exchanges,
            instruments=instruments,
            prices=PriceProvider(clock, exchanges, {"dict": DictTier()}, {"books": BookSource()}),
            recorder=recorder,
            sync=sync,
            leverage=LeverageKeeper(exchanges, {}, clock, timeout_ns=10 * SECOND_NS),
            risk=RiskManager(LIMITS, halts=halts, veto=veto, clock=clock, instruments=instruments),
            halts=halts,
            observer=observed,
            clock=clock,
            ids=FakeIds(f"p{self.processes}h"),
            usd_rate=self.usd.get,
            max_price_age_ns=5 * SECOND_NS,
            order_timeout_ns=10 * SECOND_NS,
            policy=policy or ExecutionPolicy(),
            patience_ns=patience_ns,
        )
        desk = Desk(
            world=self,
            holder=holder,
            storage=slow,
            journal=journal,
            events=events,
            vetoes=vetoes,
            halts=halts,
            leases=leases,
            observed=observed,
            instruments=instruments,
            services=services,
            executor=AtomicMultiOrderExecutor(services),
        )
        desk.watching = asyncio.ensure_future(desk.watch())
        return desk


@dataclass
class Desk:
    """One process: its executor and what it told.

    Attributes:
        vetoes: The first one answers every order that opens risk.
        failures: What ended the work on a hedge.
        instruments: The rules the process knows; a test may change them.
    """

    world: World
    holder: str
    storage: SlowStorage
    journal: Journal
    events: list[Event]
    vetoes: list[Veto]
    halts: Halts
    leases: AccountLeases
    observed: Observed
    instruments: dict[InstrumentId, Instrument]
    services: ExecutionServices
    executor: AtomicMultiOrderExecutor
    failures: list[BaseException] = field(default_factory=list)
    watching: asyncio.Task[None] | None = None

    async def watch(self) -> None:
        """Hear of failures, as the engine does."""
        try:
            await self.executor.watch()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.failures.append(error)

    @property
    def left(self) -> MemoryExchange:
        return self.world.venues[0]

    @property
    def right(self) -> MemoryExchange:
        return self.world.venues[1]

    @property
    def now_ns(self) -> int:
        return self.world.clock.now_ns()

    async def sleep(self, seconds: float) -> None:
        await self.world.clock.sleep_until(self.now_ns + int(seconds * SECOND_NS))

    async def open(
        self, quantity: str = "0.1", *, entry: EntryPolicy | None = None, legs: Mapping[str, str] | None = None
    ) -> Hedge:
        """Open a hedge that is not refused; see :meth:`decided`."""
        hedge = await self.executor.open(self.approved(quantity, entry=entry, legs=legs), strategy="test")
        assert hedge is not None, self.events[-1].message
        return hedge

    async def refused(self) -> str:
        """Try to open and return why execution refused."""
        assert await self.executor.open(self.approved(), strategy="test") is None
        assert self.kinds()[-1] is EventKind.ORDER_VETOED
        return self.events[-1].message

    async def close(self, hedge: Hedge) -> Hedge:
        wish = CloseHedge(hedge_id=hedge.id, max_slippage_bps=Decimal(20), reason="the test is over")
        return await self.executor.close(wish)

    def approved(
        self, quantity: str = "0.1", *, entry: EntryPolicy | None = None, legs: Mapping[str, str] | None = None
    ) -> ApprovedPlan:
        """Return the approval of a plan that keeps every limit."""
        decided = self.decided(quantity, entry=entry, legs=legs)
        assert isinstance(decided, ApprovedPlan), decided
        return decided

    def decided(
        self, quantity: str = "0.1", *, entry: EntryPolicy | None = None, legs: Mapping[str, str] | None = None
    ) -> ApprovedPlan | tuple[Refusal, ...]:
        """Let risk decide on a plan: long on the first venue and short on the second, or signed `legs` by venue."""
        signed = legs or {self.left.name: quantity, self.right.name: f"-{quantity}"}
        named = {venue.name: venue.id_of("BTC") for venue in self.world.venues}
        sizes = {named[ExchangeName(venue)]: Decimal(size) for venue, size in signed.items()}
        plan = HedgePlan(
            base="BTC",
            legs=tuple(
                LegPlan(instrument=name, side=PositionSide.LONG if size > 0 else PositionSide.SHORT, quantity=abs(size))
                for name, size in sizes.items()
            ),
            max_slippage_bps=Decimal(20),
            reason="test",
            entry=entry,
        )
        priced = [self._priced(self.instruments[name], size) for name, size in sizes.items()]
        rich = Fresh(Decimal(10**6), "test", self.now_ns)
        accounts = {
            name: AccountRisk(exchange=name, equity_usd=rich, available_usd=rich, maintenance_usd=ZERO, positions=())
            for name in named
        }
        return self.services.risk.approve(plan, priced, accounts, hedges=())

    def _priced(self, instrument: Instrument, size: Decimal) -> PricedLeg:
        price = Fresh(50_000 * instrument.multiplier, "test", self.now_ns)
        return PricedLeg(
            instrument=instrument,
            base_quantity=size * instrument.multiplier,
            quantity=abs(size),
            mid_usd=price,
            mark_usd=price,
            quote_usd=Fresh(Decimal(1), "test", self.now_ns),
            margin=Fresh(MarginSetting(Decimal(20), MarginMode.CROSS), "test", self.now_ns),
        )

    async def wait(self, hedge: Hedge, seconds: float = 600) -> Hedge:
        """Wait until a hedge is at rest and return it; at most so many seconds."""
        end_ns = self.now_ns + int(seconds * SECOND_NS)
        while True:
            found = await self.stored(hedge)
            if not found.status.is_moving:
                await self.sleep(0.001)  # a look that was asked for has to begin, and its task to end
                found = await self.stored(hedge)
            if self.failures:
                raise self.failures[0]
            if not found.status.is_moving:
                return found
            assert self.now_ns < end_ns, f"{found.status} after {seconds} s: {self.kinds()}"
            await self.sleep(0.05)

    async def taken_up(self, *hedges: Hedge, seconds: float = 600) -> Hedge:
        """Take hedges up and return the first as it is at rest."""
        self.executor.take_up(hedges)
        await self.sleep(0)
        found = [await self.wait(one, seconds) for one in hedges]
        return found[0]

    async def stored(self, hedge: Hedge) -> Hedge:
        """Return a hedge as it is on record, read beside the process."""
        found = await Journal(self.world.storage).hedge(hedge.id)
        assert found is not None
        return found

    async def orders(self, hedge: Hedge, leg_index: int | None = None) -> list[OrderRecord]:
        """Return the orders of a hedge, or of one leg, oldest first."""
        found = await self.journal.orders(hedge_id=hedge.id)
        return [one for one in found if leg_index in (None, one.leg_index)]

    async def held(self) -> tuple[Decimal, ...]:
        """Return what the venues say we hold, whatever they are scripted to answer."""
        return tuple(venue._account.quantity(venue.id_of("BTC")) for venue in self.world.venues)

    async def trade_beside(self, venue: MemoryExchange, signed: str, name: str = "person-1") -> None:
        """Trade on the account as a person or the venue does: by an order that is not ours."""
        quantity = Decimal(signed)
        side = Side.BUY if quantity > 0 else Side.SELL
        bbo = venue._market.book(venue.id_of("BTC")).bbo()
        assert bbo is not None
        request = OrderRequest(
            client_order_id=ClientOrderId(name),
            instrument=venue.id_of("BTC"),
            side=side,
            quantity=abs(quantity),
            price=bbo.price_to(side),
        )
        assert venue._orders.place(request).filled_quantity == abs(quantity)

    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.events]

    def alarms(self) -> list[EventKind]:
        return [event.kind for event in self.events if event.severity is Severity.ALARM]

    def orders_sent(self) -> int:
        return sum(venue.faults.calls["send_order"] for venue in self.world.venues)

    def crash(self) -> None:
        """Let everybody know that this process has ended. What it left running is the test's to end."""
        self.world.gone.add(self.holder)


class SpinGuard:
    """Ends a run whose tasks go round and round while time stands still: in real time they would race."""

    def __init__(self) -> None:
        self._at_ns = 0
        self._turns = 0

    def __call__(self) -> None:
        now_ns = VirtualClock.of_running_loop().now_ns()
        self._turns = self._turns + 1 if now_ns == self._at_ns else 0
        self._at_ns = now_ns
        assert self._turns < SPIN_TURNS, "the loop goes round without waiting"


class OnWorld(Protocol):
    """Runs a check in virtual time over new venues."""

    def __call__(
        self,
        check: Callable[[World], Awaitable[Any]],
        *,
        venues: Sequence[str] = ("left", "right"),
        traits: ExchangeTraits | None = None,
        storage: Storage | None = None,
    ) -> Any: ...


class OnDesk(Protocol):
    """Runs a check in virtual time with one process over new venues."""

    def __call__(
        self,
        check: Callable[[Desk], Awaitable[Any]],
        *,
        venues: Sequence[str] = ("left", "right"),
        traits: ExchangeTraits | None = None,
        policy: ExecutionPolicy | None = None,
        patience_ns: int = 60 * SECOND_NS,
    ) -> Any: ...


@pytest.fixture(scope="session")
def on_world() -> OnWorld:
    """Return a function that runs a check over venues, a database and a halt file."""

    def run(
        check: Callable[[World], Awaitable[Any]],
        *,
        venues: Sequence[str] = ("left", "right"),
        traits: ExchangeTraits | None = None,
        storage: Storage | None = None,
    ) -> Any:
        async def main() -> Any:
            clock = VirtualClock.of_running_loop()
            made = tuple(MemoryExchange(name, clock=clock, traits=traits) for name in venues)
            return await check(World(clock, made, storage or MemoryStorage(TABLES)))

        return run_virtual(main(), start_ns=START_NS, on_turn=SpinGuard())

    return run


@pytest.fixture(scope="session")
def on_desk(on_world: OnWorld) -> OnDesk:
    """Return a function that runs a check with one process over two venues."""

    def run(
        check: Callable[[Desk], Awaitable[Any]],
        *,
        venues: Sequence[str] = ("left", "right"),
        traits: ExchangeTraits | None = None,
        policy: ExecutionPolicy | None = None,
        patience_ns: int = 60 * SECOND_NS,
    ) -> Any:
        async def main(world: World) -> Any:
            desk = await world.start(policy=policy, patience_ns=patience_ns)
            return await check(desk)

        return on_world(main, venues=venues, traits=traits)

    return run
