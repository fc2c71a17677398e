"""The run itself: collect, sample, decide, trade, until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final

from arb.api import Clock, Exchange, PluginError, StorageError
from arb.cache import within
from arb.execution import AtomicMultiOrderExecutor, Recorder
from arb.funding import FundingBook, OpportunityFinder, StatsBook
from arb.marketdata import PriceProvider
from arb.model import SECOND_NS, Event, EventKind, ExchangeName, Instrument, InstrumentId, Intent, Severity
from arb.risk import Breakers

from ._accounts import Accounts
from ._book_feed import BookFeed
from ._collecting import Collecting
from ._halt_watch import HaltWatch
from ._hedge_money import HedgeMoney
from ._hints import AccountHints
from ._intents import intents_of
from ._keeper import Keeper
from ._markouts import Markouts
from ._periodic import StopSignal, periodic, sleep_or_stop
from ._proving import UnitProver
from ._pruning import Pruning
from ._receivables import Receivables
from ._trader import RunningStrategy, Trader
from ._view import View

_SAMPLE_TRIES: Final = 6
_SAMPLE_AGAIN_NS: Final = SECOND_NS
"""A sample beside a fill would count it twice or never: it waits until the account has been still for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineParts:
    """What the engine drives.

    Attributes:
        visitors_finder: The finder of the extensions. A finder keeps what it worked out for one horizon:
            with other horizons than the strategies' they would throw away at every scan what those kept.
        about: Version of the code and digest of the configuration, for `arb explain`.
        watch_every_ns: Between two looks at the accounts while a hedge is live.
        rest_ns: How long moving hedges are waited for at the end.
        decision_timeout_ns: The longest wait for a decision of a strategy.
    """

    clock: Clock
    exchanges: Mapping[ExchangeName, Exchange]
    instruments: Mapping[InstrumentId, Instrument]
    strategies: Sequence[RunningStrategy]
    recorder: Recorder
    collecting: Collecting
    funding_book: FundingBook
    stats_book: StatsBook
    finder: OpportunityFinder
    visitors_finder: OpportunityFinder
    prices: PriceProvider
    book_feed: BookFeed
    accounts: Accounts
    keeper: Keeper
    trader: Trader
    money: HedgeMoney
    receivables: Receivables
    prover: UnitProver
    executor: AtomicMultiOrderExecutor
    hints: AccountHints
    markouts: Markouts
    pruning: Pruning
    halt_watch: HaltWatch
    breakers: Breakers
    about: Mapping[str, str]
    watch_every_ns: int
    rest_ns: int
    collect_every_ns: int
    sample_every_ns: int
    instruments_every_ns: int
    decision_timeout_ns: int


class Engine:
    """Runs the parts on the clock. One decision is carried out at a time."""

    def __init__(self, parts: EngineParts, stop: StopSignal, on_beat: Callable[[], None]) -> None:
        self._p = parts
        self._stop = stop
        self._on_beat = on_beat
        self._turn = asyncio.Lock()
        self._failed_decisions: dict[str, str] = {}

    async def run(self, until_ns: int | None) -> None:
        """Work until stopped or `until_ns`; the last sample and clock are stored before it returns.

        Raises:
            StorageError: the journal cannot be written; nothing more is traded.
            InvariantBroken: the books contradict themselves; nothing more is traded.
            PluginError: a plugin cancelled the work that called it.
        """
        p = self._p
        # What an earlier run left is taken up first: a leg that stands alone waits for nothing.
        await p.halt_watch.update()
        await p.keeper.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                # Work on a hedge that fails ends the run from here on, not only once everything has begun.
                watching = tasks.create_task(p.executor.watch())
                await self._begin()
                tasks.create_task(self._every(p.sample_every_ns, self._sample))
                tasks.create_task(self._every(p.instruments_every_ns, p.collecting.load_instruments))
                tasks.create_task(self._every(p.collect_every_ns, self._collect))
                tasks.create_task(self._every(p.recorder.leases.renew_every_ns, self._renew))
                tasks.create_task(self._watched())
                works = (p.hints.listen(), p.markouts.run(), p.pruning.run(), p.book_feed.run(p.prices))
                background = [watching, *(tasks.create_task(one) for one in works)]
                for running in p.strategies:
                    tasks.create_task(self._every(running.strategy.cycle_ns, partial(self._cycle, running)))
                if until_ns is not None:
                    tasks.create_task(self._stop_at(until_ns))
                await self._stop.wait()
                for task in background:
                    task.cancel()
        except BaseExceptionGroup as group:
            # The first failure cancelled the others; it is the one to tell.
            raise _first(group) from None
        await self._finish()

    async def _begin(self) -> None:
        p = self._p
        await p.collecting.load_instruments()
        await p.prover.start()
        await p.receivables.update((await p.collecting.collect()).settled)
        await p.keeper.load_money()
        await p.keeper.update()
        await p.recorder.events([self._started()])

    def _started(self) -> Event:
        p = self._p
        return Event(
            ts_ns=p.clock.now_ns(),
            kind=EventKind.RUN_STARTED,
            subject="run",
            message=f"{len(p.exchanges)} exchanges, {len(p.strategies)} strategies",
            data=p.about,
        )

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

    async def _watched(self) -> None:
        """Look at the accounts when a stream tells of a fill, and at intervals while a hedge is live."""
        p = self._p
        while True:
            heard = asyncio.ensure_future(p.hints.heard())
            pause = asyncio.ensure_future(sleep_or_stop(p.clock.now_ns() + p.watch_every_ns, p.clock, self._stop))
            await asyncio.wait({heard, pause}, return_when=asyncio.FIRST_COMPLETED)
            was_heard = heard.done()
            heard.cancel()
            pause.cancel()
            if self._stop.is_set:
                return
            await p.halt_watch.update()
            if was_heard or p.keeper.hedges:
                async with self._turn:
                    await self._look()

    async def _finish(self) -> None:
        await self._p.executor.rest(self._p.rest_ns)
        self._p.keeper.expect_transfers()
        await self._sample()
        # What was booked between the last pull and the sample belongs to the books as well.
        await self._p.keeper.update()
        await self._p.receivables.close()
        await self._p.recorder.events([self._stopped()])

    def _stopped(self) -> Event:
        told = {name: str(count) for name, count in asdict(self._p.book_feed.counts).items() if count}
        return Event(
            ts_ns=self._p.clock.now_ns(),
            kind=EventKind.RUN_STOPPED,
            subject="run",
            message=self._stop.reason or "stopped",
            data={f"streamed_{name}": count for name, count in told.items()},
        )

    async def _renew(self) -> None:
        """Keep the leases of the accounts, however long nothing else is recorded."""
        if self._p.recorder.leases.is_due:
            await self._p.recorder.events(())

    async def _collect(self) -> None:
        report = await self._p.collecting.collect()
        await self._p.receivables.update(report.settled)
        await self._p.prover.update()
        self._on_beat()

    async def _sample(self) -> None:
        for _ in range(_SAMPLE_TRIES):
            async with self._turn:
                if await self._sampled():
                    return
            await self._p.clock.sleep_until(self._p.clock.now_ns() + _SAMPLE_AGAIN_NS)

    async def _sampled(self) -> bool:
        """Take a sample; return whether another try would be of no use."""
        p = self._p
        await self._look()
        rows = p.accounts.samples({one.id: one.quote for one in p.instruments.values()})
        if rows is None:
            return True  # an account could not be read: a hole in the curve, not a zero
        if p.keeper.stillness.may_miss_a_fill(rows[0]):
            return False
        async with p.recorder.transaction() as tx:
            await tx.add_equity(rows[0])
            await tx.add_positions(rows[1])
        return True

    async def _look(self) -> None:
        """Bring the books up to date, and let the loss breaker see what the accounts are worth."""
        await self._p.keeper.update()
        self._p.breakers.observe_equity(self._p.accounts.total_equity_usd())

    async def _cycle(self, running: RunningStrategy) -> None:
        async with self._turn:
            p = self._p
            await p.halt_watch.update()
            await self._look()
            for intent in await self._decide(running):
                if self._stop.is_set:
                    break
                await p.trader.carry_out(running, intent)
                await p.accounts.refresh()
                await p.keeper.reload()
        self._on_beat()

    async def _decide(self, running: RunningStrategy) -> Sequence[Intent]:
        """Return what a strategy wants; one that breaks or hangs ends its decision, not the run."""
        p = self._p
        try:
            decision = running.strategy.decide(self._view(running))
            intents = intents_of(await within(p.clock, p.decision_timeout_ns, decision))
        except StorageError:
            raise
        except TimeoutError:
            problem = f"did not decide within {p.decision_timeout_ns // 10**9} s"
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        else:
            self._failed_decisions.pop(running.name, None)
            return intents
        if self._failed_decisions.get(running.name) != problem:
            self._failed_decisions[running.name] = problem
            await p.recorder.event(EventKind.PLUGIN_FAILED, running.name, problem, Severity.ALARM)
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


def _first(error: BaseException) -> BaseException:
    """Return the first failure in a group of groups."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
