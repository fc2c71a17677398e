"""The run itself: collect, sample, decide, trade, until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from arb.api import ArbError, Clock, Exchange, ExchangeError, InvariantBroken, PluginError, StorageError, Strategy
from arb.cache import within
from arb.execution import AtomicMultiOrderExecutor, Recorder, ask, listed
from arb.funding import CollectionReport, FundingBook, FundingCollector, OpportunityFinder
from arb.marketdata import PriceProvider
from arb.model import (
    CloseHedge,
    Event,
    EventKind,
    ExchangeName,
    Fresh,
    HedgeStatus,
    Instrument,
    InstrumentId,
    Intent,
    OpenHedge,
    PositionSide,
    Reading,
    Severity,
    Unknown,
    exchange_of,
)
from arb.risk import ApprovedPlan, PricedLeg, RiskManager

from ._accounts import Accounts
from ._hedge_money import HedgeMoney
from ._intents import intents_of, opposing
from ._keeper import Keeper
from ._periodic import StopSignal, periodic, sleep_or_stop
from ._view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningStrategy:
    """A strategy and the exchanges it may use."""

    name: str
    strategy: Strategy
    exchanges: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineParts:
    """What the engine drives.

    Attributes:
        answer_timeout_ns: The longest wait for a decision of a strategy, and for a list of instruments.
    """

    clock: Clock
    exchanges: Mapping[ExchangeName, Exchange]
    instruments: dict[InstrumentId, Instrument]
    strategies: Sequence[RunningStrategy]
    recorder: Recorder
    collector: FundingCollector
    funding_book: FundingBook
    finder: OpportunityFinder
    prices: PriceProvider
    accounts: Accounts
    keeper: Keeper
    executor: AtomicMultiOrderExecutor
    risk: RiskManager
    money: HedgeMoney
    collect_every_ns: int
    sample_every_ns: int
    instruments_every_ns: int
    max_price_age_ns: int
    answer_timeout_ns: int


class Engine:
    """Runs the parts on the clock. One decision is carried out at a time."""

    def __init__(self, parts: EngineParts, stop: StopSignal, on_beat: Callable[[], None]) -> None:
        self._p = parts
        self._stop = stop
        self._on_beat = on_beat
        self._turn = asyncio.Lock()
        self._failed_collections: dict[tuple[ExchangeName, str], str] = {}
        self._failed_listings: set[ExchangeName] = set()
        self._failed_decisions: dict[str, str] = {}

    async def run(self, until_ns: int | None) -> None:
        """Work until stopped or `until_ns`; the last sample and clock are stored before it returns.

        Raises:
            StorageError: the journal cannot be written; nothing more is traded.
            InvariantBroken: the books contradict themselves; nothing more is traded.
        """
        p = self._p
        await self._load_instruments()
        await self._collect()
        await p.keeper.start()
        await p.keeper.update()
        await self._event(EventKind.RUN_STARTED, "run", f"{len(p.exchanges)} exchanges, {len(p.strategies)} strategies")
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._every(p.sample_every_ns, self._sample))
                tasks.create_task(self._every(p.instruments_every_ns, self._load_instruments))
                tasks.create_task(self._every(p.collect_every_ns, self._collect))
                for running in p.strategies:
                    tasks.create_task(self._every(running.strategy.cycle_ns, partial(self._cycle, running)))
                if until_ns is not None:
                    tasks.create_task(self._stop_at(until_ns))
        except BaseExceptionGroup as group:
            # The first failure cancelled the others; it is the one to tell.
            raise group.exceptions[0] from None
        await self._finish()

    async def _every(self, every_ns: int, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await periodic(work, every_ns, self._p.clock, self._stop)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Otherwise the group would take it for an orderly end, and the run go on without this work.
            raise PluginError("a plugin cancelled the work that called it") from None

    async def _stop_at(self, until_ns: int) -> None:
        await sleep_or_stop(until_ns, self._p.clock, self._stop)
        self._stop.set("the end time was reached")

    async def _finish(self) -> None:
        await self._sample()
        # What was booked between the last pull and the sample belongs to the books as well.
        await self._p.keeper.update()
        await self._event(EventKind.RUN_STOPPED, "run", self._stop.reason or "stopped")

    async def _load_instruments(self) -> None:
        """Read what is listed; an exchange that cannot be read keeps what it had."""
        p = self._p
        found = await asyncio.gather(*(self._listing(name) for name in p.exchanges))
        changed = [one for listing in found for one in listing if p.instruments.get(one.id) != one]
        p.instruments.update({one.id: one for one in changed})
        if changed:
            async with p.recorder.transaction() as tx:
                await tx.put_instruments(changed, p.clock.now_ns())

    async def _listing(self, name: ExchangeName) -> Sequence[Instrument]:
        market = self._p.exchanges[name].market

        async def read() -> Sequence[Instrument]:
            rows = listed(await market.fetch_instruments(), Instrument)
            foreign = [one.id for one in rows if one.exchange != name]
            if foreign:
                raise ValueError(f"it lists {foreign[0]}, which is not its own")
            return rows

        try:
            rows = await ask(self._p.clock, self._p.answer_timeout_ns, name, "instruments", read)
        except ExchangeError as error:
            if name not in self._failed_listings:
                self._failed_listings.add(name)
                await self._event(EventKind.EXCHANGE_FAILED, name, str(error), Severity.WARNING)
            return ()
        if name in self._failed_listings:
            self._failed_listings.remove(name)
            await self._event(EventKind.EXCHANGE_RECOVERED, name, "instruments can be read again")
        return rows

    async def _collect(self) -> None:
        p = self._p
        now = p.clock.now_ns()
        report = await p.collector.collect(now)
        async with p.recorder.transaction() as tx:
            await tx.add_funding_rates([*report.settled, *report.predicted])
        await p.recorder.events([*report.events, *self._collection_events(report)])
        self._on_beat()

    def _collection_events(self, report: CollectionReport) -> list[Event]:
        failed = {(failure.exchange, failure.what): failure.reason for failure in report.failures}
        news = [
            Event(
                ts_ns=report.ts_ns,
                kind=EventKind.EXCHANGE_FAILED,
                severity=Severity.WARNING,
                subject=exchange,
                message=f"{what}: {reason}",
            )
            for (exchange, what), reason in failed.items()
            if self._failed_collections.get((exchange, what)) != reason
        ]
        news += [
            Event(
                ts_ns=report.ts_ns,
                kind=EventKind.EXCHANGE_RECOVERED,
                subject=exchange,
                message=f"{what} can be read again",
            )
            for exchange, what in self._failed_collections
            if (exchange, what) not in failed
        ]
        self._failed_collections = failed
        return news

    async def _sample(self) -> None:
        async with self._turn:
            p = self._p
            await p.keeper.update()
            rows = p.accounts.samples({one.id: one.quote for one in p.instruments.values()})
            if rows is None:
                return  # an account could not be read: a hole in the curve, not a zero
            async with p.recorder.transaction() as tx:
                await tx.add_equity(rows[0])
                await tx.add_positions(rows[1])

    async def _cycle(self, running: RunningStrategy) -> None:
        async with self._turn:
            p = self._p
            await p.keeper.update()
            intents = await self._decide(running)
            for intent in intents:
                if self._stop.is_set:
                    break
                await self._carry_out(running, intent)
                await p.accounts.refresh()
                await p.keeper.reload()
        self._on_beat()

    async def _decide(self, running: RunningStrategy) -> Sequence[Intent]:
        """Return what a strategy wants; one that breaks or hangs ends its decision, not the run."""
        p = self._p
        try:
            intents = intents_of(
                await within(p.clock, p.answer_timeout_ns, running.strategy.decide(self._view(running)))
            )
        except StorageError:
            raise
        except TimeoutError:
            problem = f"did not decide within {p.answer_timeout_ns // 10**9} s"
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        else:
            self._failed_decisions.pop(running.name, None)
            return intents
        if self._failed_decisions.get(running.name) != problem:
            self._failed_decisions[running.name] = problem
            await self._event(EventKind.PLUGIN_FAILED, running.name, problem, Severity.ALARM)
        return ()

    def _view(self, running: RunningStrategy) -> View:
        p = self._p
        return View(
            now_ns=p.clock.now_ns(),
            instruments={key: one for key, one in p.instruments.items() if one.exchange in running.exchanges},
            hedges=[hedge for hedge in p.keeper.hedges if hedge.strategy == running.name],
            exchanges=running.exchanges,
            accounts=p.accounts,
            funding_book=p.funding_book,
            finder=p.finder,
            prices=p.prices,
            money=p.money,
        )

    async def _carry_out(self, running: RunningStrategy, intent: Intent) -> None:
        try:
            if isinstance(intent, CloseHedge):
                await self._close(running, intent)
            else:
                await self._open(running, intent)
        except (StorageError, InvariantBroken):
            raise
        except ExchangeError as error:
            await self._event(EventKind.EXCHANGE_FAILED, error.exchange or running.name, str(error), Severity.WARNING)
        except ArbError as error:
            await self._refuse(running.name, str(error))

    async def _close(self, running: RunningStrategy, intent: CloseHedge) -> None:
        owned = {hedge.id: hedge for hedge in self._p.keeper.hedges if hedge.strategy == running.name}
        hedge = owned.get(intent.hedge_id)
        if hedge is None:
            await self._refuse(running.name, f"hedge {intent.hedge_id} is not a live hedge of {running.name}")
            return
        if hedge.status is not HedgeStatus.OPEN:
            await self._refuse(running.name, f"hedge {hedge.id} is {hedge.status}, so it cannot be closed now")
            return
        await self._p.executor.close(intent)

    async def _open(self, running: RunningStrategy, intent: OpenHedge) -> None:
        p, plan = self._p, intent.plan
        if p.keeper.differences:
            await self._refuse(
                plan.base, "our books and the venues' differ: " + "; ".join(p.keeper.differences.values())
            )
            return
        if any(leg.instrument not in p.instruments for leg in plan.legs):
            await self._refuse(plan.base, "the plan names an instrument that is not listed")
            return
        if any(exchange_of(leg.instrument) not in running.exchanges for leg in plan.legs):
            await self._refuse(plan.base, f"the plan names an exchange that {running.name} may not use")
            return
        conflict = opposing(plan, p.keeper.hedges)
        if conflict is not None:
            await self._refuse(plan.base, conflict)
            return
        legs = [await self._price(leg.instrument, leg.side, leg.quantity) for leg in plan.legs]
        risks = p.accounts.risks({one.id: one.quote for one in p.instruments.values()})
        approved = p.risk.approve(plan, legs, risks, open_hedges=len(p.keeper.hedges))
        if not isinstance(approved, ApprovedPlan):
            await self._refuse(plan.base, "; ".join(str(refusal) for refusal in approved))
            return
        await p.executor.open(approved, strategy=running.name)

    async def _price(self, instrument_id: InstrumentId, side: PositionSide, quantity: Decimal) -> PricedLeg:
        instrument = self._p.instruments[instrument_id]
        return PricedLeg(
            instrument=instrument,
            base_quantity=quantity * instrument.multiplier * side.sign,
            quantity=quantity,
            mid_usd=await self._mid_usd(instrument),
        )

    async def _mid_usd(self, instrument: Instrument) -> Reading[Decimal]:
        reading = await self._p.prices.read_bbo(instrument.id, self._p.max_price_age_ns)
        rate = self._p.accounts.usd_rate(instrument.quote)
        if rate is None:
            return Unknown(f"what a {instrument.quote} is worth in dollars is not known")
        if not isinstance(reading, Fresh):
            return reading if isinstance(reading, Unknown) else Unknown("the last price is too old")
        return Fresh(reading.value.mid_price * rate, reading.source, reading.observed_ns)

    async def _refuse(self, subject: str, why: str) -> None:
        await self._event(EventKind.ORDER_VETOED, subject, f"not carried out: {why}", Severity.WARNING)

    async def _event(self, kind: EventKind, subject: str, message: str, severity: Severity = Severity.INFO) -> None:
        event = Event(ts_ns=self._p.clock.now_ns(), kind=kind, subject=subject, message=message, severity=severity)
        await self._p.recorder.events([event])
