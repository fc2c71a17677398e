"""Hedges of several legs: opened, repaired and closed, each by a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from arb.api import ArbError, Clock, Exchange, IdSource, InvariantBroken, LeaseLost, StorageError
from arb.marketdata import PriceProvider
from arb.model import (
    SECOND_NS,
    CloseHedge,
    ExchangeName,
    Hedge,
    HedgeId,
    HedgePlan,
    HedgeStatus,
    Instrument,
    InstrumentId,
    LegOrder,
    OrderMode,
)
from arb.risk import ApprovedPlan, Halts, RiskManager

from ._absorbing import FillAbsorber
from ._account_sync import AccountSync
from ._budget import ExposureBudget
from ._building import closing, entry_order, new_hedge, opening, refused
from ._gateway import OrderGateway, OrderObserver
from ._journaling import Recorder
from ._leverage import LeverageKeeper
from ._liquidity import LegLiquidity, LiquidityAnalyzer, less_likely
from ._pace import Wake
from ._policy import ExecutionPolicy
from ._positions import PositionReader
from ._quoting import Quoting
from ._reconciler import Reconciler, ReconcilerParts
from ._resolving import OrderResolver
from ._sending import EntryRefused, OrderExecutor
from ._settling import Settler
from ._sizing import PositionSizer, SizingLeg
from ._steady import SteadyTime
from ._steps import PlannedOrder, Quotes


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionServices:
    """What the executor works with.

    Attributes:
        usd_rate: Dollars per unit of a currency; None while unknown.
        max_price_age_ns: Of books that lead to an entry.
        order_timeout_ns: How long one answer about an order is waited for; after it the order is in doubt.
        patience_ns: How long opening and closing are waited for; the work goes on after that. The caller looks at
            no other hedge meanwhile, so it is short.
    """

    exchanges: Mapping[ExchangeName, Exchange]
    instruments: Mapping[InstrumentId, Instrument]
    prices: PriceProvider
    recorder: Recorder
    sync: AccountSync
    leverage: LeverageKeeper
    risk: RiskManager
    halts: Halts
    observer: OrderObserver
    clock: Clock
    ids: IdSource
    usd_rate: Callable[[str], Decimal | None]
    max_price_age_ns: int
    order_timeout_ns: int
    policy: ExecutionPolicy = field(default_factory=ExecutionPolicy)
    patience_ns: int = 5 * SECOND_NS


class AtomicMultiOrderExecutor:
    """Opens all legs or none, and repairs what came out uneven.

    Each hedge that moves has one task; so one whose venue does not answer delays no other. A failure
    of the storage, or a lost lease, ends every task: :meth:`watch` raises it.
    """

    def __init__(self, services: ExecutionServices) -> None:
        self._s = services
        self._wake = Wake()
        self._steady = SteadyTime(services.clock)
        s = services
        gateway = OrderGateway(
            s.exchanges, s.clock, s.recorder.leases, s.observer, s.halts, timeout_ns=s.order_timeout_ns
        )
        self._quoting = Quoting(s.prices, s.instruments, s.usd_rate, s.clock, max_age_ns=s.max_price_age_ns)
        self._orders = OrderExecutor(gateway, s.recorder, s.risk, self._quoting, s.clock, s.instruments, s.usd_rate)
        positions = PositionReader(s.exchanges, s.recorder, s.sync, s.clock, timeout_ns=s.order_timeout_ns)
        self._reconciler = Reconciler(
            ReconcilerParts(
                recorder=s.recorder,
                resolver=OrderResolver(gateway, s.recorder, s.sync, positions, s.clock, self._steady),
                absorber=FillAbsorber(s.recorder, s.sync, s.clock),
                budget=ExposureBudget(s.policy, s.halts, s.recorder, s.clock, s.instruments),
                quoting=self._quoting,
                orders=self._orders,
                settler=Settler(
                    s.recorder, positions, s.halts, s.policy, s.clock, s.exchanges, s.instruments, s.usd_rate
                ),
                halts=s.halts,
                policy=s.policy,
                clock=s.clock,
                wake=self._wake,
            )
        )
        self._liquidity = LiquidityAnalyzer(
            s.prices,
            s.instruments,
            max_age_ns=s.max_price_age_ns,
            stress_depth=s.policy.stress_depth,
            exit_band_bps=s.policy.max_band_bps,
        )
        self._sizer = PositionSizer()
        self._entry = asyncio.Lock()
        self._tasks: dict[HedgeId, asyncio.Task[Hedge]] = {}
        self._closing: set[HedgeId] = set()
        self._wanted: set[HedgeId] = set()
        self._rested = asyncio.Event()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def watch(self) -> None:
        """Wait for ever; raise what ended the work on a hedge: StorageError, LeaseLost, InvariantBroken."""
        await asyncio.shield(self._failed)

    async def traded(self) -> None:
        """Return when a hedge has come to rest since the last call."""
        await self._rested.wait()
        self._rested.clear()

    async def open(self, approved: ApprovedPlan, *, strategy: str) -> Hedge | None:
        """Open a hedge and return it as it stands; None when it was refused before anything was sent.

        Entries begin one at a time. One that is not at rest after the patience goes on by itself.
        """
        plan = approved.plan
        async with self._entry:
            now = self._s.clock.now_ns()
            hedge = new_hedge(
                plan,
                self._s.instruments,
                self._s.policy,
                hedge_id=HedgeId(self._s.ids.new()),
                strategy=strategy,
                now_ns=now,
            )
            self._steady.begin()
            try:
                await self._begin(hedge, plan)
            except EntryRefused as error:
                await self._s.recorder.events([refused(plan, str(error), self._s.clock.now_ns())])
                return None
            finally:
                self._steady.end()
        return await self._moved(hedge)

    async def close(self, intent: CloseHedge) -> Hedge:
        """Close a hedge with reduce-only orders and return it as it stands; raises ArbError if it is not open."""
        self._closing.add(intent.hedge_id)
        try:
            looking = self._tasks.get(intent.hedge_id)
            if looking is not None:
                await self._wait([looking], self._s.patience_ns)
            hedge = await self._begin_closing(intent)
        finally:
            self._closing.discard(intent.hedge_id)
            self._begin_wanted(intent.hedge_id)
        return await self._moved(hedge)

    async def _begin_closing(self, intent: CloseHedge) -> Hedge:
        hedge = await self._s.recorder.journal.hedge(intent.hedge_id)
        if hedge is None or hedge.status is not HedgeStatus.OPEN or hedge.id in self._tasks:
            raise ArbError(f"hedge {intent.hedge_id} is not open, so it cannot be closed")
        now = self._s.clock.now_ns()
        hedge = replace(
            hedge,
            status=HedgeStatus.CLOSING,
            closing_ns=now,
            exit_reason=intent.reason,
            exit_numbers=intent.numbers,
            max_slippage_bps=intent.max_slippage_bps,
        )
        await self._s.recorder.hedge(hedge, events=[closing(hedge, now)])
        return hedge

    def take_up(self, hedges: Iterable[Hedge]) -> None:
        """Work on hedges that move, that a person released, or whose legs are not what they were.

        After a crash, at every look at the accounts, and whenever something was heard of them: asking
        for one that is at rest costs a read of the record.
        """
        for hedge in hedges:
            # A task that is at work may have had its last look: what was heard since needs another.
            self._wanted.add(hedge.id)
            self._begin_wanted(hedge.id)

    def wake(self) -> None:
        """Look at every moving hedge now: something was heard of an account."""
        self._wake.now()

    async def rest(self, patience_ns: int) -> None:
        """Wait until nothing moves, as long as that may take, then leave the rest for the next process.

        Raises:
            ArbError: what ended the work on a hedge, as :meth:`watch` does.
        """
        end_ns = self._s.clock.now_ns() + patience_ns
        while self._tasks and self._s.clock.now_ns() < end_ns:  # what was heard meanwhile is looked at too
            await self._wait(list(self._tasks.values()), end_ns - self._s.clock.now_ns())
        self._wanted.clear()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._failed.done():
            self._failed.result()

    async def _moved(self, hedge: Hedge) -> Hedge:
        task = self._task(hedge.id)
        await self._wait([task], self._s.patience_ns)
        if task.done():
            return task.result()
        stored = await self._s.recorder.journal.hedge(hedge.id)
        return hedge if stored is None else stored

    async def _wait(self, tasks: Sequence[asyncio.Task[Hedge]], patience_ns: int) -> None:
        clock = self._s.clock
        timer = asyncio.ensure_future(clock.sleep_until(clock.now_ns() + patience_ns))
        everything = asyncio.ensure_future(asyncio.wait(tasks))
        try:
            await asyncio.wait({timer, everything}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            everything.cancel()

    def _task(self, hedge_id: HedgeId) -> asyncio.Task[Hedge]:
        known = self._tasks.get(hedge_id)
        if known is not None:
            return known
        task = asyncio.create_task(self._reconciler.run(hedge_id), name=f"hedge {hedge_id}")
        self._tasks[hedge_id] = task
        self._steady.begin()
        task.add_done_callback(lambda done: self._done(hedge_id, done))
        return task

    def _begin_wanted(self, hedge_id: HedgeId) -> None:
        if hedge_id in self._wanted and hedge_id not in self._closing and hedge_id not in self._tasks:
            self._wanted.discard(hedge_id)
            self._task(hedge_id)

    def _done(self, hedge_id: HedgeId, task: asyncio.Task[Hedge]) -> None:
        self._tasks.pop(hedge_id, None)
        self._steady.end()
        self._rested.set()
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._begin_wanted(hedge_id)
        if error is not None and not self._failed.done():
            self._failed.set_exception(error)
            self._failed.exception()  # a run that ends by something else before it watches reports that alone

    async def _begin(self, hedge: Hedge, plan: HedgePlan) -> None:
        try:
            await self._refuse_churn(plan)
            reports = await self._liquid(plan)
            for leg in plan.legs:
                await self._s.leverage.ensure(leg.instrument)
            quotes = await self._quoting.of(hedge)
            self._refuse_size(hedge, quotes)
            await self._orders.enter(hedge, self._first(hedge, reports), quotes, opening(hedge))
        except (EntryRefused, StorageError, LeaseLost, InvariantBroken):
            raise
        except ArbError as error:  # a venue, a price, the gate: nothing was recorded, nothing was sent
            raise EntryRefused(str(error)) from error

    def _first(self, hedge: Hedge, reports: Sequence[LegLiquidity]) -> list[PlannedOrder]:
        """Return the orders that leave first: all legs, or the one that is less likely to fill."""
        if hedge.entry.leg_order is LegOrder.TOGETHER:
            return [entry_order(hedge, index, OrderMode.MARKET) for index in range(len(hedge.legs))]
        return [entry_order(hedge, less_likely(reports), hedge.entry.mode)]

    async def _liquid(self, plan: HedgePlan) -> Sequence[LegLiquidity]:
        reports = await self._liquidity.check(plan)
        for report in reports:
            if not report.is_enough:
                raise EntryRefused(
                    f"{report.leg.instrument} offers {report.fillable} of {report.leg.quantity} contracts "
                    f"within {plan.max_slippage_bps} bps"
                )
            if not report.can_leave:
                raise EntryRefused(
                    f"{report.leg.instrument} could take back {report.exit_fillable} of {report.leg.quantity} "
                    f"contracts with {self._s.policy.stress_depth:.0%} of its depth"
                )
        return reports

    def _refuse_size(self, hedge: Hedge, quotes: Quotes) -> None:
        """Refuse a size that a venue would not take, now or when it has to be closed after a fall of the price."""
        legs = []
        for index, leg in enumerate(hedge.legs):
            rate = self._s.usd_rate(self._s.instruments[leg.instrument].quote)
            if index not in quotes or not quotes[index].is_fresh or rate is None:
                raise EntryRefused(f"{leg.instrument} has no price in dollars that is young enough")
            legs.append(SizingLeg(instrument=quotes[index].instrument, price=quotes[index].mid_price, usd_rate=rate))
        refusal = self._sizer.check(legs, [leg.target_quantity for leg in hedge.legs])
        if refusal is not None:
            raise EntryRefused(str(refusal))

    async def _refuse_churn(self, plan: HedgePlan) -> None:
        """Refuse a pair that was entered and taken back again and again: each round costs four fees."""
        pair = {leg.instrument for leg in plan.legs}
        since_ns = self._s.clock.now_ns() - self._s.policy.churn_window_ns
        taken_back = [
            hedge
            for hedge in await self._s.recorder.journal.hedges(statuses=(HedgeStatus.ABANDONED,))
            if hedge.created_ns >= since_ns
            and {leg.instrument for leg in hedge.legs} == pair
            and any(leg.entry_quantity for leg in hedge.legs)
        ]
        if len(taken_back) >= self._s.policy.max_churn:
            raise EntryRefused(f"the last {len(taken_back)} entries of this pair were taken back at a cost: churn")
