"""Playing a scenario."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from arb.api import ExchangeTraits
from arb.model import HOUR_NS, MINUTE_NS, SECOND_NS, ZERO, Event, InstrumentId, exchange_of

from ._chance import Chance
from ._composing import RIVAL
from ._counter import Counter
from ._episode import Episode
from ._fate import REFUSALS, CallFacts, CalmFates, Fate, faulty, fits, latencies
from ._kinds import Code, FaultKind
from ._plan import EPOCH_NS, Plan, risk_table, run_table, strategy_settings
from ._process import Process
from ._profile import Profile
from ._result import EpisodeResult
from ._running import run_plan
from ._scenario import CallFault, CommitFault, Crash, Deed, OnEvent, Scenario, Step, Timed

_PROFILE: Final = Profile(about="only what the script says goes wrong")


def run_scenario(scenario: Scenario, *, keep_log: bool = False) -> EpisodeResult:
    """Play a scenario to its end; an end that is not expected is a violation `expectation`.

    Raises:
        ValueError: the script asks for something that cannot happen.
    """
    plan = scenario_plan(scenario)
    stages: list[Stage] = []

    def direct(episode: Episode) -> None:
        stages.append(Stage(scenario, episode))

    fates = ScriptedFates(plan, [step for step in scenario.script if isinstance(step, CallFault)])
    return run_plan(plan, fates, direct, keep_log=keep_log, judge=lambda _episode: stages[0].judge(fates.unmet()))


def run_script(scenario: Scenario, plan: Plan, on_turn: Callable[[Episode], None] | None = None) -> EpisodeResult:
    """Play the script of a scenario in a plan in which more goes wrong; only the invariants are looked at.

    What the script cannot do any more in it is left out.
    """
    fates = ScriptedFates(plan, [step for step in scenario.script if isinstance(step, CallFault)])

    def direct(episode: Episode) -> None:
        Stage(scenario, episode, is_strict=False)

    return run_plan(plan, fates, direct, on_turn=on_turn)


def scenario_plan(scenario: Scenario) -> Plan:
    """Return the frame of a scenario."""
    setup = scenario.setup
    start_ns = EPOCH_NS + setup.start_minute * MINUTE_NS
    return Plan(
        seed=setup.seed,
        title=f"scenario {scenario.name}",
        profile=_PROFILE,
        names=setup.venues,
        bases=setup.bases,
        start_ns=start_ns,
        faults_ns=setup.minutes * MINUTE_NS,
        flips_ns=tuple(start_ns + seconds * SECOND_NS for seconds in setup.flips_s),
        traits={
            name: ExchangeTraits(
                read_after_write_ns=setup.read_delay_s.get(name, 0) * SECOND_NS,
                order_validity_ns=setup.order_validity_s * SECOND_NS,
            )
            for name in setup.venues
        },
        document={
            "run": {**run_table(setup.seed), **setup.run},
            "risk": {**risk_table(), **setup.risk},
            "execution": setup.execution,
            "strategy": {
                **strategy_settings(notional_usd=1200, cycle_s=10, cooldown_s=3600, max_hedges=1),
                **setup.strategy,
            },
            RIVAL: {**strategy_settings(notional_usd=1200, cycle_s=10, cooldown_s=3600, max_hedges=1), **setup.rival}
            if setup.rival
            else {},
        },
        rules=setup.rules,
        deposit=Decimal(setup.deposit),
        silent=setup.silent,
        no_liquidation_price=setup.no_liquidation_price,
        crashes={step.process: step.plan for step in scenario.script if isinstance(step, Crash)},
        resume_ns=None if setup.resume_s is None else setup.resume_s * SECOND_NS,
    )


class ScriptedFates:
    """Calls go well, but for those that the script names."""

    def __init__(self, plan: Plan, steps: list[CallFault]) -> None:
        """Take the plan and the faults; raise ValueError for one that its calls cannot meet."""
        self._seed = plan.seed
        self._calm = CalmFates(plan.seed)
        self._steps = steps
        self._met: set[int] = set()
        for step in steps:
            traits = plan.traits[step.venue]
            call = CallFacts(
                venue=step.venue,
                operation=step.operation,
                count=step.first,
                now_ns=plan.start_ns,
                order_validity_ns=traits.order_validity_ns,
                read_delay_ns=traits.read_after_write_ns,
            )
            if not fits(step.kind, call):
                raise ValueError(f"a call of {step.operation} at {step.venue} cannot meet {step.kind}")

    def unmet(self) -> list[CallFault]:
        """Return the steps that no call has met."""
        return [step for number, step in enumerate(self._steps) if number not in self._met]

    def fate(self, call: CallFacts) -> Fate:
        """Return what becomes of a call."""
        for number, step in enumerate(self._steps):
            here = (step.venue, step.operation) == (call.venue, call.operation)
            if here and step.first <= call.count < step.first + step.count:
                self._met.add(number)
                return self._fate(step, call)
        return self._calm.fate(call)

    def _fate(self, step: CallFault, call: CallFacts) -> Fate:
        chance = Chance(self._seed, "fate", call.venue, call.operation, call.count)
        if step.answer is not None:
            request_ns, answer_ns = latencies(chance)
            return Fate(kind=step.kind, request_ns=request_ns, answer_ns=answer_ns, answer=step.answer)
        drawn = faulty(step.kind, call, chance)
        if step.refusal:
            return replace(drawn, error=REFUSALS[step.refusal])
        if step.value is None:
            return drawn
        if step.kind is FaultKind.STALE_READ:
            return replace(drawn, lag_ns=min(int(step.value * SECOND_NS), call.read_delay_ns))
        if step.kind is FaultKind.LATE_EFFECT:
            late_ns = int(step.value * SECOND_NS)
            return Fate(kind=step.kind, request_ns=late_ns, error=drawn.error, fails_ns=late_ns // 2)
        return Fate(kind=step.kind, request_ns=drawn.request_ns, answer_ns=drawn.answer_ns, lots=int(step.value))


class Stage:
    """A scenario in its episode: makes the script happen and remembers what its expectations ask for."""

    def __init__(self, scenario: Scenario, episode: Episode, *, is_strict: bool = True) -> None:
        """Plan the script in the episode; `is_strict` is whether what it cannot do is an error of the script."""
        self.scenario = scenario
        self._is_strict = is_strict
        self.episode = episode
        self.events: list[Event] = []
        self._seen: Tally[str] = Tally()
        self._done: set[int] = set()
        world = episode.world
        world.on_event = self._event
        for number, step in enumerate(scenario.script):
            if isinstance(step, Timed):
                world.at(world.start_ns + int(step.seconds * SECOND_NS), self._do, number, step.deeds)
            elif isinstance(step, CommitFault):
                world.commit_faults[step.number] = step.kind

    def judge(self, unmet: Sequence[CallFault] = ()) -> None:
        """Compare the end with what is expected; a step that never happened shows nothing."""
        script = enumerate(self.scenario.script)
        for step in (*unmet, *(step for number, step in script if not self._happened(number, step))):
            text = f"{self.scenario.name}: a step of its script never happened: {step}"
            self.episode.world.auditor.found(Code.EXPECTATION, str(step), text)
        for expectation in self.scenario.expect:
            problem = expectation.check(self)
            if problem:
                text = f"{self.scenario.name}: expected that {expectation.text}, but {problem}"
                self.episode.world.auditor.found(Code.EXPECTATION, expectation.text, text)

    def counter(self, venue: str) -> Counter:
        """Return a venue."""
        return self.episode.world.counters[venue]

    def outcomes(self) -> Mapping[str, int]:
        """Return hedges by how they ended."""
        return self.episode.outcomes()

    def arrivals(self, venue: str) -> int:
        """Return how many orders reached a venue."""
        truth = self.episode.world.auditor.truth
        return sum(
            count
            for order_id, count in truth.arrivals.items()
            if order_id in truth.orders and exchange_of(truth.orders[order_id].order.request.instrument) == venue
        )

    def held(self, venue: str) -> Decimal:
        """Return the signed contracts a venue holds."""
        return sum((row.quantity for row in self.counter(venue).venue.positions()), ZERO)

    def _happened(self, number: int, step: Step) -> bool:
        """Whether a step of the script came true; those of calls are known by who decides their fate."""
        world = self.episode.world
        if isinstance(step, Timed | OnEvent):
            return number in self._done
        if isinstance(step, Crash):
            return any(one.number == step.process and one.died_as_planned for one in world.processes)
        return isinstance(step, CallFault) or step.number not in world.commit_faults

    def kill(self) -> None:
        """Kill every process that lives.

        Raises:
            ValueError: none does.
        """
        for process in self._alive():
            self.episode.world.crash(process, FaultKind.CRASH_AT_STEP, "by the script")

    def move(self, clock_s: float) -> None:
        """Kill every process, and start the next one with a clock that is ahead."""
        self.kill()
        self.episode.world.start_process(offset_ns=int(clock_s * SECOND_NS))

    def trade_through(self, venue: str) -> None:
        """Fill half of every resting order.

        Raises:
            ValueError: none rests there.
        """
        resting = self.counter(venue).venue.open_orders()
        if not resting:
            raise ValueError(f"{self.scenario.name}: no order rests at {venue} at that time")
        for order in resting:
            self.counter(venue).fill_resting(order.request.client_order_id)

    def garble_halts(self) -> None:
        """Let nobody read the halts."""
        self.episode.world.log.add("disk", "garbles the halts")
        self.episode.world.halts.write("{")

    def stop(self) -> None:
        """Ask every process that lives to end in order.

        Raises:
            ValueError: none does.
        """
        for process in self._alive():
            self.episode.world.log.add(process.name, "is asked to stop")
            process.ask_to_stop("the script says so")

    def resume(self) -> None:
        """Let a person lift every halt.

        Raises:
            ValueError: none stands.
        """
        if not self.episode.world.resume():
            raise ValueError(f"{self.scenario.name}: no halt stands that could be lifted at that time")

    def change_interval(self, venue: str, hours: int, base: str | None) -> None:
        """Let funding settle at another interval."""
        world, instrument = self.episode.world, self._instrument(venue, base)
        world.fault(FaultKind.INTERVAL_CHANGE, venue, f"{instrument} settles every {hours} h")
        self.counter(venue).market.change_interval(instrument, hours * HOUR_NS, world.now_ns())

    def relist(self, venue: str, rules: Mapping[str, Any], base: str | None) -> None:
        """Change the rules of an instrument."""
        instrument = self._instrument(venue, base)
        self.episode.world.log.add(venue, f"changes {instrument}: {dict(rules)}")
        self.counter(venue).market.change(instrument, **rules)

    def deleverage(self, venue: str, contracts: str | None, base: str | None) -> None:
        """Deleverage what a venue holds."""
        instrument = self._instrument(venue, base)
        lot = self.counter(venue).venue.instruments[instrument].lot_size
        lots = None if contracts is None else int(Decimal(contracts) / lot)
        if not self.episode.troubles.deleverage(self.counter(venue), instrument, lots):
            raise ValueError(f"{self.scenario.name}: {venue} holds nothing to deleverage at that time")

    def liquidate(self, venue: str, base: str | None) -> None:
        """Liquidate what a venue holds."""
        if not self.episode.troubles.liquidate(self.counter(venue), self._instrument(venue, base)):
            raise ValueError(f"{self.scenario.name}: {venue} holds nothing to liquidate at that time")

    def delist(self, venue: str, base: str | None) -> None:
        """Delist an instrument."""
        self.episode.troubles.delist(self.counter(venue), self._instrument(venue, base))

    def patch(self, venue: str, lots: int, seconds: float, spread_bps: int, base: str | None) -> None:
        """Make a book thin, empty or wide for a while."""
        world = self.episode.world
        world.fault(FaultKind.THIN_BOOK, venue, f"{lots} lots a level, {spread_bps} bps wide, for {seconds} s")
        until_ns = world.now_ns() + int(seconds * SECOND_NS)
        instrument = self._instrument(venue, base)
        self.counter(venue).market.patch(instrument, world.now_ns(), until_ns, lots, spread_bps // 2)

    def jump_clocks(self, seconds: float, number: int | None) -> None:
        """Let the clock of every process go ahead, or of one.

        Raises:
            ValueError: that one does not live.
        """
        for process in self._alive(number):
            self.episode.world.fault(FaultKind.CLOCK_JUMP, process.name, f"{seconds:+} s")
            process.clock.jump(int(seconds * SECOND_NS))

    def _alive(self, number: int | None = None) -> Sequence[Process]:
        """Return the processes that live, or the one with that number; raises ValueError when there is none."""
        found = [process for process in self.episode.world.alive if number in (None, process.number)]
        if not found:
            which = "" if number is None else f" {number}"
            raise ValueError(f"{self.scenario.name}: no process{which} lives at that time")
        return found

    def _instrument(self, venue: str, base: str | None) -> InstrumentId:
        base = base or self.scenario.setup.bases[0]
        return next(one.id for one in self.counter(venue).market.instruments() if one.base == base)

    def _event(self, event: Event) -> None:
        self.events.append(event)
        self._seen[event.kind] += 1
        for number, step in enumerate(self.scenario.script):
            if isinstance(step, OnEvent) and step.kind is event.kind and step.nth == self._seen[event.kind]:
                world = self.episode.world
                world.at(world.now_ns() + int(step.after_s * SECOND_NS), self._do, number, step.deeds)

    def _do(self, number: int, deeds: tuple[Deed, ...]) -> None:
        self._done.add(number)
        for deed in deeds:
            try:
                deed(self)
            except ValueError:
                if self._is_strict:
                    raise
