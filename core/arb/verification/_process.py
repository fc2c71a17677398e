"""One life of the process under test: the real runtime over ports that die with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from arb.api import ArbError
from arb.runtime import App, RunOptions, StopSignal, assembled

from ._clock import ProcessClock
from ._composing import compose_process, make_ports
from ._kinds import FaultKind

if TYPE_CHECKING:
    from ._world import World

_current: ContextVar[Process | None] = ContextVar("process", default=None)
_DRAIN_ROUNDS = 500


class Killed(BaseException):
    """Raised at every port of a process that is dead: nothing it still does can have an effect."""


@dataclass(frozen=True, slots=True)
class CrashPlan:
    """When a process is killed; 0 is never.

    Attributes:
        at_step: At this call of a port, counted from the order that `after_orders` names.
        after_orders: After so many orders have been given to the wire.
        at_turn: At this turn of the event loop.
        at_commit: At this commit, before it takes effect, or after it.
    """

    at_step: int = 0
    after_orders: int = 0
    at_turn: int = 0
    at_commit: int = 0
    after_commit: bool = False


@dataclass(slots=True)
class Tally:
    """What a process has done so far."""

    steps: int = 0
    turns: int = 0
    commits: int = 0
    orders: int = 0
    last: str = ""
    errors: list[str] = field(default_factory=list)


class Process:
    """A run from its start to its end, orderly or not.

    Attributes:
        number: Counts the processes of an episode.
        holder: How leases name it.
        is_alive: Whether its ports still work.
        is_ready: Whether it has taken over what an earlier one left and works.
        ended: Why it ended by itself; None while it runs and when it was killed.
        was_asked: Whether it was told to end in order.
        was_killed: Whether it ended as by kill -9.
        died_as_planned: Whether its crash plan did that.
        storage_failed_ns: When its storage last raised an error; None before the first.
    """

    def __init__(self, world: World, number: int, *, offset_ns: int, crash: CrashPlan) -> None:
        self.world = world
        self.number = number
        self.name = f"process-{number}"
        self.holder = f"sim:{number}:{world.now_ns()}"
        self.started_ns = world.now_ns()
        self.is_alive = True
        self.is_ready = False
        self.is_over = False
        self.ended: BaseException | None = None
        self.app: App | None = None
        self.tally = Tally()
        self.crash = crash
        self.died_as_planned = False
        self.was_asked = False
        self.was_killed = False
        self.storage_failed_ns: int | None = None
        self._crash_step = 0 if crash.after_orders else crash.at_step
        self.clock = ProcessClock(self, offset_ns)
        self.stop = StopSignal()
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self._crowd = 64
        self._fuse: tuple[int, Callable[[], None]] | None = None
        self._main: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin the run in a context of its own, by which its tasks are known."""
        context = copy_context()
        context.run(_current.set, self)
        self._main = context.run(self.world.loop.create_task, self._run())
        self._main.add_done_callback(self._on_end)

    def require_alive(self) -> None:
        """Raise Killed after the end."""
        if not self.is_alive:
            raise Killed

    def step(self, what: str) -> None:
        """Count a call of a port; raises Killed when the process is dead or dies here."""
        self.require_alive()
        self.tally.steps += 1
        self.tally.last = what
        if self._fuse is not None and self.tally.steps >= self._fuse[0]:
            deed, self._fuse = self._fuse[1], None
            if self.world.faults_are_on:
                deed()
        if self.tally.steps == self._crash_step:
            self.die(FaultKind.CRASH_AT_STEP, f"at step {self.tally.steps}: {what}")
            raise Killed

    def light(self, steps: int, deed: Callable[[], None]) -> None:
        """Do something so many calls of ports from now."""
        self._fuse = self.tally.steps + steps, deed

    def turn_begins(self) -> bool:
        """Count a turn of the loop; return whether the process is to die at it."""
        self.tally.turns += 1
        return self.tally.turns == self.crash.at_turn

    def order_sent(self) -> None:
        """Count an order that is given to the wire."""
        self.tally.orders += 1
        if self.tally.orders == self.crash.after_orders:
            self._crash_step = self.tally.steps + 1 + self.crash.at_step

    def die(self, kind: FaultKind, where: str) -> None:
        """Be killed as planned."""
        self.died_as_planned = True
        self.world.crash(self, kind, where)

    async def turn(self) -> None:
        """Let others run."""
        await _Turn()
        self.require_alive()

    async def statement(self) -> None:
        """Let others run where the storage is slow."""
        if self.world.plan.slow_storage:
            await _Turn()
        self.require_alive()

    def ask_to_stop(self, reason: str) -> None:
        """Let it end in order."""
        self.was_asked = True
        self.stop.set(reason)

    def kill(self) -> None:
        """Make an end as kill -9 does: no port works from here on; what is left of the tasks is swept up."""
        self.was_killed = True
        self.is_alive = False
        self.world.spawn(self._drain())

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Note a task; those that are done are forgotten now and then."""
        self.tasks[task] = None
        if len(self.tasks) > self._crowd:
            self.tasks = {each: None for each in self.tasks if not each.done()}
            self._crowd = 2 * len(self.tasks) + 64

    async def _run(self) -> None:
        async with assembled(
            compose_process(self),
            make_ports(self),
            RunOptions(),
            self.stop,
            identity=f"simulated with seed {self.world.seed}",
            observe=lambda _app: None,
        ) as app:
            self.app = app
            await app.engine.run(None)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        self.app = None
        if not self.is_alive:
            return
        if task.cancelled():
            self.ended = asyncio.CancelledError()
        else:
            self.ended = task.exception()
        self.is_alive = False
        self.world.process_ended(self)
        self.world.spawn(self._drain())

    async def _drain(self) -> None:
        """Cancel what is left until nothing is; time stands still meanwhile, since each round is ready at once."""
        for _ in range(_DRAIN_ROUNDS):
            left = [task for task in self.tasks if not task.done()]
            if not left:
                break
            for task in left:
                task.cancel()
            await _Turn()
        else:
            raise RuntimeError(f"{self.name}: {len(left)} tasks survive their cancellation")
        self.tasks.clear()
        self.is_over = True
        self.world.process_gone(self)

    @property
    def failure(self) -> str:
        """Return the error it ended with, in one line."""
        if self.ended is None:
            return ""
        text = str(self.ended) if isinstance(self.ended, ArbError) else repr(self.ended)
        return f"{type(self.ended).__name__}: {' '.join(text.split())}"


class _Turn:
    """Waits for one turn of the loop."""

    def __await__(self) -> Generator[None, None, None]:
        yield


def task_factory(
    loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any] | Generator[Any, None, Any], **options: Any
) -> asyncio.Task[Any]:
    """Make a task and note to which process it belongs."""
    task = asyncio.Task(work, loop=loop, **options)
    context = options.get("context")
    process = _current.get() if context is None else context.get(_current)
    if process is not None:
        process.adopt(task)
    return task
