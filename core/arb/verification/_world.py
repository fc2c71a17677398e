"""The world that outlives every process: venues, database, halts, time, and the one who sees everything."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from arb.api import ArbError
from arb.kernel import Composition
from arb.model import Event, Fill, FundingPayment, InstrumentId, Order
from arb.risk import Halts, MemoryHaltStore
from arb.simulation import VirtualClock, VirtualTimeLoop
from arb.testing import MemoryStorage

from ._auditor import Auditor
from ._chance import Chance
from ._counter import Counter, Record
from ._database import Changes
from ._fate import Fates
from ._kinds import FaultKind
from ._log import EventLog
from ._plan import Plan
from ._process import CrashPlan, Killed, Process, task_factory


class World:
    """Everything of one episode.

    Attributes:
        seed: Everything is drawn from it.
        counters: The venues by their names.
        fates: Decides what becomes of calls; calm again once the faults are over.
        faults: How often each fault happened.
        crashes: How often a process was killed.
        error: What broke the world itself, if anything: the episode ends with it.
        on_event: Told of every event that is durable.
        commit_faults: What is to become of commits by their number, where a scenario says it.
        moving_since: When each hedge began its present phase.
        hung: Tells those who wait for an answer that never comes.
        replaced: Holders whose lease another process took after it had run out by that one's clock.
    """

    def __init__(
        self, plan: Plan, loop: VirtualTimeLoop, composition: Composition, fates: Fates, *, keep: bool
    ) -> None:
        self.plan = plan
        self.seed = plan.seed
        self.profile = plan.profile
        self.loop = loop
        self.clock = VirtualClock(loop)
        self.composition = composition
        self.fates = fates
        self.start_ns = loop.now_ns()
        self.log = EventLog(loop.now_ns, self.start_ns, keep=keep)
        self.counters: dict[str, Counter] = {}
        self.database = MemoryStorage()
        self.error: Exception | None = None
        self._waiting: asyncio.Future[None] | None = None
        self.halts = MemoryHaltStore()
        self.auditor: Auditor
        self.faults: Tally[str] = Tally()
        self.crashes = 0
        self.commits = 0
        self.turns = 0
        self.last_event_id = 0
        self.moving_since: dict[str, int] = {}
        self.hung: list[Callable[[], None]] = []
        self.faults_are_on = True
        self.disk_is_full = False
        self.replaced: set[str] = set()
        self.processes: list[Process] = []
        self.on_event: Callable[[Event], None] = lambda _event: None
        self.commit_faults: dict[int, FaultKind] = {}
        self.on_process_over: Callable[[Process], None] = lambda _process: None
        self._tasks: set[asyncio.Task[None]] = set()
        self._armed: list[tuple[int, Callable[[], None]]] = []
        loop.set_task_factory(task_factory)
        loop.set_exception_handler(self._on_failure)

    def now_ns(self) -> int:
        """Return the time of the world, which is that of the venues."""
        return self.loop.now_ns()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that belongs to no process."""
        task = self.loop.create_task(work, context=self._outside())
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.broke(error)

    def _on_failure(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Keep what breaks in the world; what a dead process leaves behind is nobody's failure."""
        error = context.get("exception")
        if "handle" in context and error is not None and not isinstance(error, Killed):
            self.broke(error)

    def broke(self, error: BaseException) -> None:
        """Keep the first error of the world itself, and end the episode with it."""
        failure = error if isinstance(error, Exception) else RuntimeError(f"a part of the world ended by {error!r}")
        self.error = self.error or failure
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    @contextmanager
    def own_work(self) -> Iterator[None]:
        """Let what breaks in here break the world, though a process asked for it and may swallow the error."""
        try:
            yield
        except ArbError:
            raise  # an answer for the process
        except Exception as error:
            self.broke(error)
            raise

    async def wait_until(self, ts_ns: int) -> None:
        """Return at a time, for the one who drives the episode; raises at once what breaks the world."""
        waiting = self._waiting = self.loop.create_future()
        timer = self.loop.call_at_ns(ts_ns, _wake, waiting)
        try:
            if self.error is None:
                await waiting
        finally:
            timer.cancel()
        if self.error is not None:
            raise self.error

    def at(self, ts_ns: int, work: Callable[..., object], *arguments: object) -> None:
        """Do something at a time."""
        self.loop.call_at_ns(ts_ns, work, *arguments)

    def fault(self, kind: FaultKind, who: str, what: str) -> None:
        """Count and log a fault."""
        self.faults[kind.value] += 1
        self.log.add(who, f"FAULT {kind}: {what}")

    @property
    def alive(self) -> list[Process]:
        """Return the processes that live."""
        return [process for process in self.processes if process.is_alive]

    def start_process(self, *, offset_ns: int = 0, crash: CrashPlan | None = None) -> Process:
        """Start another process."""
        process = Process(self, len(self.processes) + 1, offset_ns=offset_ns, crash=crash or CrashPlan())
        self.processes.append(process)
        self.log.add(process.name, f"starts, its clock {offset_ns / 1e9:+.3f} s")
        if offset_ns:
            self.fault(FaultKind.CLOCK_SKEW, process.name, f"{offset_ns / 1e9:+.3f} s")
        self.auditor.process_started(process.holder)
        process.start()
        return process

    def turn(self) -> None:
        """Count a turn of the loop; kill whoever is to die at it."""
        self.turns += 1
        for process in self.processes:
            if process.is_alive and process.turn_begins():
                process.die(FaultKind.CRASH_AT_TURN, f"at turn {process.tally.turns}")

    def crash(self, process: Process, kind: FaultKind, where: str) -> None:
        """Kill a process."""
        self.crashes += 1
        if not process.is_ready and process.number > 1:
            self.faults[FaultKind.CRASH_IN_RECOVERY.value] += 1
        self.fault(kind, process.name, f"killed {where}")
        with self.own_work():
            self.auditor.process_ended(process.holder)
        process.kill()

    def process_ended(self, process: Process) -> None:
        """Note that a process ended by itself."""
        self.log.add(process.name, f"ends: {process.failure or 'in order'}")
        self.auditor.process_ended(process.holder)

    def process_gone(self, process: Process) -> None:
        """Note that nothing of a process is left."""
        self.on_process_over(process)

    def is_gone(self, holder: str) -> bool:
        """Whether the process of a lease has ended."""
        return all(process.holder != holder for process in self.alive)

    def end_faults(self) -> None:
        """Let nothing go wrong any more; who waits for an answer that never comes is told so."""
        self.faults_are_on = False
        self.log.add("world", "the faults are over")
        hung, self.hung = self.hung, []
        for tell in hung:
            tell()

    def begin_commit(self, process: Process) -> FaultKind | None:
        """Count a commit that is about to take effect; return what becomes of it."""
        self.commits += 1
        process.tally.commits += 1
        if process.tally.commits == process.crash.at_commit and not process.crash.after_commit:
            process.die(FaultKind.CRASH_BEFORE_COMMIT, f"before commit {process.tally.commits}")
            process.require_alive()
        fault = self._commit_fault() if self.faults_are_on else None
        if fault is not None:
            process.storage_failed_ns = self.now_ns()
            self.fault(fault, process.name, f"commit {self.commits}")
        return fault

    def _commit_fault(self) -> FaultKind | None:
        chance = Chance(self.seed, "commit", self.commits)
        if not chance.happens(self.profile.storage_ppm):
            return self.commit_faults.pop(self.commits, None)
        return FaultKind.COMMIT_UNCONFIRMED if chance.below(2) else FaultKind.STORAGE_ERROR

    def committed(self, process: Process, changes: Changes) -> None:
        """Take note of what a commit changed."""
        self.last_event_id = changes.last_event_id
        self.log.add(process.name, f"commit {self.commits} {','.join(changes.tables)}")
        for hedge in changes.hedges:
            legs = " ".join(f"{leg.entry_quantity}/{leg.exit_quantity} {leg.instrument}" for leg in hedge.legs)
            before = self.auditor.truth.hedges.get(hedge.id)
            if hedge.status.is_moving and (before is None or before.phase_ns != hedge.phase_ns):
                self.moving_since[hedge.id] = self.now_ns()
            self.log.add(process.name, f"  hedge {hedge.id} {hedge.base} {hedge.status} {legs}")
        for record in changes.orders:
            order = record.order
            what = f"{record.purpose} {order.request.client_order_id} {order.status} filled {order.filled_quantity}"
            self.log.add(process.name, f"  order {what}")
        for event in changes.events:
            self.log.add(process.name, f"  event {event.severity} {event.kind} {event.subject}: {event.message}")
        self._note_leases(process, changes)
        self.auditor.committed(process.holder, changes)
        for event in changes.events:
            self.on_event(event)
        if "plugin_state" in changes.tables:
            self._decided(process)
        if any(event.kind == "run.started" for event in changes.events):
            process.is_ready = True
            self.auditor.process_ready(process.holder)
        if process.tally.commits == process.crash.at_commit and process.crash.after_commit:
            process.die(FaultKind.CRASH_AFTER_COMMIT, f"after commit {process.tally.commits}")

    def _note_leases(self, process: Process, changes: Changes) -> None:
        for lease in changes.leases:
            before = self.auditor.truth.leases.get(lease.account)
            if before is not None and before.holder != lease.holder and before.expires_ns <= process.clock.now_ns():
                self.replaced.add(before.holder)

    def halts_change(self, process: Process) -> None:
        """Take note of a new text of halts that a process is about to write."""
        self.log.add(process.name, "writes the halts")
        self.auditor.halts_change()
        if self.plan.resume_ns is not None:
            self.at(self.now_ns() + self.plan.resume_ns, self.resume)

    def arm(self, steps: int, deed: Callable[[], None]) -> None:
        """Do something so many calls of ports after the strategy's next decision is stored."""
        self._armed.append((steps, deed))

    def _decided(self, process: Process) -> None:
        if self._armed:
            process.light(*self._armed.pop(0))

    def resume(self) -> bool:
        """Let a person lift the halts while faults are on; return whether any stood."""
        if not self.faults_are_on:
            return False
        halts = Halts(self.halts, self.clock)
        standing = halts.active()
        if standing:
            self.auditor.halts_lift(standing)
            halts.lift(by="somebody", reason="looked at it")
            self.log.add("person", "lifts the halts")
        return bool(standing)

    def halt(self, scope: str) -> None:
        """A person halts trading."""
        self.fault(FaultKind.HALT_BY_HAND, "person", f"halts {scope}")
        self.auditor.halts_change()
        Halts(self.halts, self.clock).halt(scope, "somebody has a bad feeling", by="somebody")
        if self.plan.resume_ns is not None:
            self.at(self.now_ns() + self.plan.resume_ns, self.resume)

    def records(self, counter: Counter, records: Sequence[Record]) -> None:
        """Take note of what is new at a venue."""
        for record in records:
            self.log.add(counter.name, f"  {_line(record)}")
        self.auditor.records(counter.name, records)

    def counter_of(self, instrument: InstrumentId) -> Counter:
        """Return the venue of an instrument."""
        return self.counters[instrument.rpartition(".")[2]]

    def _outside(self) -> Any:
        return self._context

    def enter(self, context: Any) -> None:
        """Remember the context that belongs to no process."""
        self._context = context


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _line(record: Record) -> str:
    if isinstance(record, Fill):
        what = f"{record.side} {record.quantity} {record.instrument} at {record.price} fee {record.fee}"
        return f"fill {record.fill_id} of {record.client_order_id}: {what}"
    if isinstance(record, FundingPayment):
        return f"funding {record.amount} {record.currency} on {record.instrument}"
    assert isinstance(record, Order)
    what = f"{record.status} filled {record.filled_quantity}"
    return f"order {record.request.client_order_id} is {what}"
