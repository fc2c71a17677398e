"""One episode: a world is made, a run is started and restarted in it, the faults end, and all is judged."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from arb.model import MINUTE_NS, SECOND_NS, HedgeStatus, InstrumentId
from arb.risk import Halts
from arb.simulation import SimulatedVenue, VenueRules, VirtualTimeLoop
from arb.storage import Journal

from ._adapters import fake_of
from ._audit_end import Books, check_journal, check_rest
from ._auditor import Auditor, AuditRules, Sight
from ._chance import Chance
from ._composing import compose_episode
from ._counter import Counter
from ._ends import wrong_end
from ._fate import CalmFates, Fates
from ._kinds import Code, FaultKind
from ._listings import drawn_listings, fitted_listings
from ._market import EpisodeMarket, Tide
from ._plan import Plan
from ._process import Process
from ._result import EpisodeResult
from ._trouble import Troubles
from ._world import World

_QUIET_NS: Final = 60 * SECOND_NS
_LOOK_NS: Final = 5 * SECOND_NS
_LONGEST_END_NS: Final = 5 * MINUTE_NS


class Episode:
    """Drives one world from its start to its judgement.

    Attributes:
        troubles: Makes things happen in the world; a director tells it what and when.
    """

    def __init__(self, plan: Plan, loop: VirtualTimeLoop, fates: Fates, *, keep: bool) -> None:
        self.plan = plan
        self.world = world = World(plan, loop, compose_episode(plan.names, plan.document), fates, keep=keep)
        world.enter(copy_context())
        tide = Tide(plan.flips_ns)
        for index, name in enumerate(plan.names):
            world.counters[name] = self._counter(name, index, tide)
        halts = Halts(world.halts, world.clock)
        sight = Sight(
            now_ns=world.now_ns,
            instrument=self._instrument,
            usd_per_base=self._usd_per_base,
            halts=halts.history,
            readable_since_ns=lambda name: world.counters[name].readable_since_ns(world.now_ns()),
        )
        world.auditor = Auditor(plan.seed, plan.start_ns, sight, AuditRules(max_naked_seconds=plan.max_naked_seconds))
        world.auditor.on_violation = lambda violation: world.log.add("auditor", f"VIOLATION {violation}")
        world.on_process_over = self._process_over
        self.troubles = Troubles(world, tide, plan.faults_end_ns)
        self._finishing = False

    async def run(self, judge: Callable[[Episode], None] | None = None) -> EpisodeResult:
        """Run to the end, let `judge` look at it, and return what happened.

        Raises:
            Exception: the world itself broke: a script asked for what cannot be, or the simulator is wrong.
        """
        world, plan = self.world, self.plan
        self.start_process()
        await world.wait_until(plan.faults_end_ns)
        world.end_faults()
        world.fates = CalmFates(plan.seed)
        quiet_ns = await self._quiet()
        check_rest(world.auditor, world.moving_since, quiet_ns)
        await self._finish()
        await check_journal(world.auditor, Journal(world.database), self._venue_books(), plan.adapters)
        if judge is not None:
            judge(self)
        if world.error is not None:
            raise world.error
        return self._result()

    def outcomes(self) -> Mapping[str, int]:
        """Return hedges by how they ended: their status, or `moving`."""
        found: Tally[str] = Tally()
        for hedge in self.world.auditor.truth.hedges.values():
            at_rest = hedge.status.is_final or hedge.status in (HedgeStatus.OPEN, HedgeStatus.HALTED)
            found[str(hedge.status) if at_rest else "moving"] += 1
        return dict(sorted(found.items()))

    def start_process(self) -> Process:
        """Start another process, with a clock of its own and perhaps a moment at which it dies."""
        plan, number = self.plan, len(self.world.processes) + 1
        skew_ns = plan.profile.skew_s * SECOND_NS
        offset_ns = Chance(plan.seed, "clock", number).between(-skew_ns, skew_ns)
        crash = plan.crash_of(number) if self.world.faults_are_on else None
        return self.world.start_process(offset_ns=offset_ns, crash=crash)

    def start_second(self) -> None:
        """Start a process beside the one that runs."""
        self.world.fault(FaultKind.SECOND_PROCESS, "supervisor", "starts a second process")
        self.start_process()

    def _counter(self, name: str, index: int, tide: Tide) -> Counter:
        plan, world = self.plan, self.world
        frame = (plan.seed, name, index, plan.bases, plan.profile.thin_ppm)
        plugin = plan.adapters.get(name)
        drawn = drawn_listings(*frame) if plugin is None else fitted_listings(*frame, fake_of(plugin))
        rules = plan.rules.get(name, {})
        listings = [replace(one, instrument=replace(one.instrument, **rules)) for one in drawn]
        market = EpisodeMarket(plan.seed, name, listings, tide, plan.start_ns)
        venue = SimulatedVenue(
            market,
            VenueRules(leverage=Decimal(5)),
            name=listings[0].instrument.exchange,
            deposits=dict.fromkeys(sorted({one.quote for one in market.instruments()}), plan.deposit),
            start_ns=plan.start_ns,
        )
        counter = Counter(venue, market, plan.traits[name], world.clock, world.records)
        counter.tells_liquidation_price = name not in plan.no_liquidation_price
        return counter

    def _instrument(self, instrument: InstrumentId) -> Any:
        return self.world.counter_of(instrument).venue.instruments[instrument]

    def _usd_per_base(self, instrument: InstrumentId) -> Decimal:
        counter = self.world.counter_of(instrument)
        listed = counter.venue.instruments[instrument]
        return counter.market.mid(instrument, self.world.now_ns()) / listed.multiplier

    def _process_over(self, process: Process) -> None:
        """Start the next process, as a supervisor would."""
        problem = wrong_end(process)
        if problem:
            self.world.auditor.found(Code.ENGINE_FAILED, problem, problem)
        if not self._finishing and not self.world.alive:
            chance = Chance(self.plan.seed, "supervisor", process.number)
            delay_ns = chance.between(500, 8_000) * SECOND_NS // 1000
            self.world.at(self.world.now_ns() + delay_ns, self._restart)

    def _restart(self) -> None:
        if not self._finishing and not self.world.alive:
            self.start_process()

    async def _quiet(self) -> int:
        """Wait until a process has had its quiet minute, and what still moves then its time; return when that began.

        A planned death may come after the end of the faults, also in that time: the next process has all of it anew.
        """
        for _ in range(4):
            quiet_ns = self._quiet_since_ns()
            await self.world.wait_until(quiet_ns + _QUIET_NS + self.plan.settle_ns)
            await self._settled(quiet_ns)
            if self._quiet_since_ns() == quiet_ns:
                break
        return quiet_ns

    def _quiet_since_ns(self) -> int:
        latest_ns = max((process.started_ns for process in self.world.alive), default=self.world.now_ns())
        return max(self.plan.faults_end_ns, latest_ns)

    async def _settled(self, quiet_ns: int) -> None:
        """Give what still moves the time that plugins say an order may take to come."""
        world = self.world
        told = (each.told_traits for each in world.counters.values())
        end_ns = quiet_ns + _QUIET_NS + max(one.read_after_write_ns + one.order_validity_ns for one in told)
        while world.auditor.truth.moving and world.now_ns() < end_ns:
            await world.wait_until(min(end_ns, world.now_ns() + _LOOK_NS))

    async def _finish(self) -> None:
        """Stop the run in order, at a moment at which no hedge moves where there is one."""
        world = self.world
        self._finishing = True
        patience_ns = world.now_ns() + _QUIET_NS
        while world.auditor.truth.moving and world.now_ns() < patience_ns:
            await world.wait_until(world.now_ns() + SECOND_NS)
        for process in world.alive:
            process.ask_to_stop("the episode is over")
        end_ns = world.now_ns() + _LONGEST_END_NS
        while world.alive and world.now_ns() < end_ns:
            await world.wait_until(world.now_ns() + SECOND_NS)
        for process in world.alive:
            text = f"{process.name} does not stop; the last thing it did was {process.tally.last}"
            world.auditor.found(Code.ENGINE_FAILED, process.name, text)
            process.kill()
        while not all(process.is_over for process in world.processes):
            await world.wait_until(world.now_ns())

    def _venue_books(self) -> Books:
        counters = self.world.counters.values()
        for counter in counters:
            counter.advance()
        return Books(
            fills={(str(each.name), str(row.fill_id)): row for each in counters for row in each.venue.fills(0)},
            payments={
                (str(each.name), str(row.payment_id)): row for each in counters for row in each.venue.payments(0)
            },
            positions={row.instrument: row.quantity for each in counters for row in each.venue.positions()},
        )

    def _result(self) -> EpisodeResult:
        world = self.world
        return EpisodeResult(
            seed=self.plan.seed,
            title=self.plan.title,
            outcomes=self.outcomes(),
            faults=dict(sorted(world.faults.items())),
            crashes=world.crashes,
            naked=tuple(world.auditor.exposure.times()),
            violations=tuple(world.auditor.violations),
            simulated_seconds=(world.now_ns() - world.start_ns) / SECOND_NS,
            log_sha256=world.log.sha256(),
            died_as_planned=frozenset(one.number for one in world.processes if one.died_as_planned),
            commits=world.commits,
            steps=sum(process.tally.steps for process in world.processes),
            turns=world.turns,
            orders=sum(world.auditor.truth.arrivals.values()),
            log=tuple(world.log.lines),
        )
