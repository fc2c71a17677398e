"""The executor of a run over two venues of another process and a storage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from arb.api import Dialect, Exchange, HttpRequest, HttpTransport, OrderIntent, Storage, Transaction, Veto
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
    HOUR_NS,
    SECOND_NS,
    ZERO,
    ExchangeName,
    Fresh,
    Hedge,
    HedgePlan,
    Instrument,
    InstrumentId,
    LegPlan,
    MarginMode,
    OrderBook,
    OrderStatus,
    PositionSide,
)
from arb.risk import (
    AccountRisk,
    ApprovedPlan,
    Halts,
    MarginSetting,
    MemoryHaltStore,
    PricedLeg,
    RiskLimits,
    RiskManager,
)
from arb.runtime import WallClock
from arb.storage import Journal
from arb.testing import FakeIds

from ._legs import LEGS, Done, SigningTrading
from ._plugin import RemoteExchange

T = TypeVar("T")

HUGE = Decimal(10**9)
PRICE = Decimal(50_000)
LIMITS = RiskLimits(
    max_hedge_notional_usd=HUGE,
    max_instrument_notional_usd=HUGE,
    max_exchange_notional_usd=HUGE,
    max_pair_notional_usd=HUGE,
    max_total_notional_usd=HUGE,
    max_hedges=10**6,
    max_leverage=HUGE,
    min_liquidation_distance=Decimal("0.0001"),
    min_available_margin=ZERO,
    max_maintenance_ratio=Decimal(1),
    max_mark_divergence_bps=HUGE,
    max_depeg_bps=HUGE,
    max_price_age_ns=5 * SECOND_NS,
    max_account_age_ns=60 * SECOND_NS,
)


class NoObserver:
    """Implements `arb.execution.OrderObserver`."""

    def observe_order(self, exchange: ExchangeName, status: OrderStatus, round_trip_ns: int) -> None:
        """Take no note."""


class BookSource:
    """Reads every book from the venue, as the `rest` price source does."""

    async def fetch_order_book(self, exchange: Exchange, instrument: InstrumentId, depth: int) -> OrderBook:
        """Return the book."""
        return await exchange.market.fetch_order_book(instrument, depth)


class CountedStorage:
    """Counts the transactions of a storage."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.count = 0

    @property
    def dialect(self) -> Dialect:
        """Return the storage's."""
        return self._storage.dialect

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Begin one more."""
        self.count += 1
        async with self._storage.transaction() as transaction:
            yield transaction


@dataclass
class Desk:
    """An executor and its venues.

    Attributes:
        trading: The plugins' private sides, left and right.
        storage: Counts what the executor asks of its storage.
    """

    trading: Sequence[SigningTrading]
    storage: CountedStorage
    instruments: dict[InstrumentId, Instrument]
    risk: RiskManager
    executor: AtomicMultiOrderExecutor
    clock: WallClock
    http: HttpTransport

    @classmethod
    async def open(cls, http: HttpTransport, urls: Sequence[str], storage: Storage) -> Desk:
        """Start on new accounts and an empty storage."""
        clock, counted = WallClock(), CountedStorage(storage)
        for url in urls:
            await http.send(HttpRequest(method="POST", url=f"{url}/reset", body=b"."))
        trading = [SigningTrading(http, url) for url in urls]
        exchanges: dict[ExchangeName, Exchange] = {
            ExchangeName(name): RemoteExchange(name=ExchangeName(name), market=one, trading=one)
            for name, one in zip(LEGS, trading, strict=True)
        }
        journal = await Journal.open(counted)
        leases = AccountLeases(clock, holder="bench", is_gone=lambda holder: False, ttl_ns=HOUR_NS)
        await leases.take(journal, tuple(exchanges))
        recorder = Recorder(journal, clock, lambda event: None, leases)
        sync = AccountSync(
            exchanges, recorder, clock, fills_timeout_ns=10 * SECOND_NS, payments_timeout_ns=10 * SECOND_NS
        )
        await sync.start(clock.now_ns())
        instruments = {one.id: one for each in exchanges.values() for one in await each.market.fetch_instruments()}
        halts = Halts(MemoryHaltStore(), clock)
        risk = RiskManager(LIMITS, halts=halts, veto=_no_veto, clock=clock, instruments=instruments)
        services = ExecutionServices(
            exchanges=exchanges,
            instruments=instruments,
            prices=PriceProvider(clock, exchanges, {}, {"books": BookSource()}),
            recorder=recorder,
            sync=sync,
            leverage=LeverageKeeper(exchanges, {}, clock, timeout_ns=10 * SECOND_NS),
            risk=risk,
            halts=halts,
            observer=NoObserver(),
            clock=clock,
            ids=FakeIds("h"),
            usd_rate=lambda currency: Decimal(1),
            max_price_age_ns=5 * SECOND_NS,
            order_timeout_ns=10 * SECOND_NS,
            policy=ExecutionPolicy(),
        )
        executor = AtomicMultiOrderExecutor(services)
        desk = cls(trading, counted, instruments, risk, executor, clock, http)
        for each in trading:
            each.done = desk.done
        return desk

    def done(self) -> Done:
        """Return the venue calls, orders left out, and the transactions so far."""
        return Done(sum(each.calls for each in self.trading), self.storage.count)

    async def starve(self) -> None:
        """Let the right venue cancel its next order with nothing filled."""
        await self.http.send(HttpRequest(method="POST", url=f"{self.trading[1].url}/starve", body=b"."))

    async def enter(self, quantity: Decimal) -> Hedge:
        """Open a hedge and return it as it stands; raise RuntimeError when it was refused."""
        hedge = await self.executor.open(self._approved(quantity), strategy="bench")
        if hedge is None:
            raise RuntimeError("the executor refused an entry of the benchmark")
        return hedge

    def _approved(self, quantity: Decimal) -> ApprovedPlan:
        now_ns = self.clock.now_ns()
        legs = [
            LegPlan(instrument=instrument, side=side, quantity=quantity)
            for instrument, side in zip(self.instruments, PositionSide, strict=True)
        ]
        plan = HedgePlan(base="BTC", legs=tuple(legs), max_slippage_bps=Decimal(20), reason="benchmark")
        price, one = Fresh(PRICE, "bench", now_ns), Fresh(Decimal(1), "bench", now_ns)
        rich = Fresh(HUGE, "bench", now_ns)
        priced = [
            PricedLeg(
                instrument=self.instruments[leg.instrument],
                base_quantity=leg.quantity * (1 if leg.side is PositionSide.LONG else -1),
                quantity=leg.quantity,
                mid_usd=price,
                mark_usd=price,
                quote_usd=one,
                margin=Fresh(MarginSetting(Decimal(20), MarginMode.CROSS), "bench", now_ns),
            )
            for leg in legs
        ]
        accounts = {
            name: AccountRisk(exchange=name, equity_usd=rich, available_usd=rich, maintenance_usd=ZERO, positions=())
            for name in map(ExchangeName, LEGS)
        }
        approved = self.risk.approve(plan, priced, accounts, hedges=())
        if not isinstance(approved, ApprovedPlan):
            raise RuntimeError(f"the gate refused an entry of the benchmark: {approved}")
        return approved


def _no_veto(intent: OrderIntent) -> Veto | None:
    return None
