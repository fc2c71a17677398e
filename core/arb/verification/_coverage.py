"""Crash coverage: every await and every commit of execution, found in the source and reached by episodes."""

from __future__ import annotations

import ast
import asyncio
import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import resources
from importlib.resources.abc import Traversable
from types import CodeType, FrameType
from typing import Any, Final

from ._auditor import Violation
from ._chance import Chance
from ._episode import Episode
from ._interrupts import heard_interrupts
from ._plan import Plan, drawn_plan
from ._process import CrashPlan
from ._result import EpisodeResult
from ._running import direct_seeded, guarded, run_episode, run_plan, seeded_fates
from ._scenarios import SCENARIOS
from ._stage import run_script, scenario_plan

PACKAGE: Final = "arb.execution"
RECORDED: Final = (("calm", 3), ("mixed", 36), ("maker", 12), ("venue", 12), ("wire", 16), ("storage", 6), ("two", 4))
"""Profiles, and how many seeds of each are watched to find who waits where."""

_DEEPEST: Final = 60


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """An `await`, `async for` or `async with` in the source."""

    module: str
    line: int
    column: int
    function: str
    kind: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.function} ({self.kind})"


@dataclass(slots=True)
class Coverage:
    """What was reached and what was found there.

    Attributes:
        points: Every point of the source and how often a process died there.
        commits: Boundaries of commits in a calm episode, before and after each.
        episodes: Runs with a crash.
        is_interrupted: Whether Ctrl-C ended it before all crashes were tried.
    """

    points: dict[Point, int] = field(default_factory=dict)
    commits: int = 0
    episodes: int = 0
    violations: list[Violation] = field(default_factory=list)
    is_interrupted: bool = False

    @property
    def reached(self) -> int:
        """Return how many points a process died at."""
        return sum(count > 0 for count in self.points.values())

    @property
    def missed(self) -> list[Point]:
        """Return the points that no episode reached."""
        return sorted(point for point, count in self.points.items() if not count)


def await_points(package: str = PACKAGE) -> list[Point]:
    """Return every point of a package at which a coroutine may wait."""
    found: list[Point] = []
    for file in sorted(resources.files(package).iterdir(), key=lambda each: each.name):
        if file.name.endswith(".py"):
            found += _points_of(file)
    return found


def _points_of(file: Traversable) -> Iterator[Point]:
    def visit(node: ast.AST, function: str) -> Iterator[Point]:
        inside = node.name if isinstance(node, ast.AsyncFunctionDef) else function
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            kind = {ast.Await: "await", ast.AsyncFor: "async for", ast.AsyncWith: "async with"}[type(node)]
            yield Point(file.name, node.lineno, node.col_offset, function, kind)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside)

    yield from visit(ast.parse(file.read_text(encoding="utf-8")), "")


class Recorder:
    """Notes at each turn of the loop who waits where.

    Attributes:
        turns: For each point, by the number of a process, its turns at which a task waited there.
    """

    def __init__(self, points: Sequence[Point], package: str = PACKAGE) -> None:
        self._folder = str(resources.files(package))
        self._lines: dict[tuple[str, int], list[Point]] = {}
        for point in points:
            self._lines.setdefault((point.module, point.line), []).append(point)
        self._known: dict[tuple[CodeType, int], Point | None] = {}
        self.turns: dict[tuple[Point, int], list[int]] = {}

    def look(self, episode: Episode) -> None:
        """Look at every task of every process."""
        for process in episode.world.alive:
            for task in process.tasks:
                if not task.done():
                    for point in self._waits(task):
                        turns = self.turns.setdefault((point, process.number), [])
                        if not turns or turns[-1] != process.tally.turns:
                            turns.append(process.tally.turns)

    def _waits(self, task: asyncio.Task[Any]) -> Iterator[Point]:
        inner: Any = task.get_coro()
        for _ in range(_DEEPEST):
            frame, waits_for = _frame_and_next(inner)
            if frame is not None:
                point = self._point(frame)
                if point is not None:
                    yield point
            if waits_for is None:
                return
            inner = waits_for

    def _point(self, frame: FrameType) -> Point | None:
        key = frame.f_code, frame.f_lasti
        if key not in self._known:
            self._known[key] = self._found(frame)
        return self._known[key]

    def _found(self, frame: FrameType) -> Point | None:
        folder, _, module = frame.f_code.co_filename.rpartition("/")
        if folder != self._folder:
            return None
        line, _, column, _ = list(frame.f_code.co_positions())[frame.f_lasti // 2]
        candidates = self._lines.get((module, line or 0), [])
        exact = [each for each in candidates if each.column == column]
        return next(iter(exact or candidates), None)


def _frame_and_next(inner: Any) -> tuple[FrameType | None, Any]:
    """Return the frame of what waits and what it waits for."""
    if hasattr(inner, "cr_frame"):
        return inner.cr_frame, inner.cr_await
    if hasattr(inner, "ag_frame"):
        return inner.ag_frame, inner.ag_await
    if isinstance(inner, asyncio.Future):
        return None, None
    # A step of an asynchronous iterator does not name its generator; the collector knows it.
    generators = [each for each in gc.get_referents(inner) if hasattr(each, "ag_frame") or hasattr(each, "cr_frame")]
    return None, generators[0] if generators else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where an episode comes from: a seed of a profile, or the script of a scenario."""

    seed: int = 0
    profile: str = ""
    scenario: str = ""

    def plan(self) -> Plan:
        """Return its plan with a storage that waits at every statement, so that each can be died at."""
        plan = scenario_plan(SCENARIOS[self.scenario]) if self.scenario else drawn_plan(self.seed, self.profile)
        return replace(plan, slow_storage=True)

    def run(self, plan: Plan, on_turn: Callable[[Episode], None] | None = None) -> EpisodeResult:
        """Run an episode of it."""
        if self.scenario:
            run = partial(run_script, SCENARIOS[self.scenario], plan, on_turn)
        else:
            run = partial(run_plan, plan, seeded_fates(plan), direct_seeded, on_turn=on_turn)
        return guarded(plan.seed, plan.title, run)


@dataclass(frozen=True, slots=True)
class _Visit:
    """A moment at which a task waits at a point."""

    source: _Source
    process: int
    turn: int

    def crashes(self, plan: Plan, again: int) -> dict[int, CrashPlan]:
        """Return the crash at this moment, after those that led to it, and one in the recovery when `again` is set."""
        earlier = {number: plan.crash_of(number) for number in range(1, self.process)}
        crashes = {number: crash for number, crash in earlier.items() if crash is not None}
        crashes[self.process] = CrashPlan(at_turn=self.turn)
        if again:
            crashes[self.process + 1] = CrashPlan(at_step=again)
        return crashes


def cover_crashes(seeds: int, *, tell: Any = lambda _done, _total: None) -> Coverage:
    """Kill a process at every point that an episode reaches, `seeds` times each, and once more in its recovery.

    After Ctrl-C it returns what was reached before.

    Args:
        seeds: Crashes at each point.
        tell: Told how many crashes are done, of how many.
    """
    coverage = Coverage(points=dict.fromkeys(await_points(), 0))
    try:
        with heard_interrupts() as check:
            _cover(coverage, seeds, tell, check)
    except KeyboardInterrupt:
        coverage.is_interrupted = True
    return coverage


def _cover(coverage: Coverage, seeds: int, tell: Any, check: Callable[[], None]) -> None:
    points = list(coverage.points)
    visits = _visits(points, seeds, coverage.violations, check)
    boundaries = _boundaries()
    coverage.commits = len(boundaries)
    total = sum(map(len, visits.values())) + len(boundaries)
    for point in points:
        for number, visit in enumerate(visits.get(point, ())):
            again = Chance("recovery", str(point), number).between(1, 80) if number % 2 else 0
            plan = visit.source.plan()
            result = visit.source.run(replace(plan, crashes=visit.crashes(plan, again)))
            coverage.points[point] += visit.process in result.died_as_planned
            coverage.violations += result.violations
            coverage.episodes += 1
            tell(coverage.episodes, total)
            check()
    for commit, after in boundaries:
        crashes = {1: CrashPlan(at_commit=commit, after_commit=after)}
        result = _Source(seed=1, profile="calm").run(replace(drawn_plan(1, "calm"), crashes=crashes))
        coverage.violations += result.violations
        coverage.episodes += 1
        tell(coverage.episodes, total)
        check()


def _visits(
    points: Sequence[Point], wanted: int, violations: list[Violation], check: Callable[[], None]
) -> Mapping[Point, list[_Visit]]:
    """Return for each point moments at which a task waits there, of different seeds where there are some.

    Scenarios are asked for the points that no seed reaches. What the episodes break without a crash is
    added to `violations`.
    """
    seeds = [_Source(seed=seed, profile=name) for name, count in RECORDED for seed in range(1, count + 1)]
    found = _watched(points, seeds, violations, check)
    rare = [point for point in points if point not in found]
    found |= _watched(rare, [_Source(scenario=name) for name in sorted(SCENARIOS)], violations, check)
    return {point: _spread(rows, wanted) for point, rows in found.items()}


def _watched(
    points: Sequence[Point], sources: Sequence[_Source], violations: list[Violation], check: Callable[[], None]
) -> dict[Point, list[_Visit]]:
    found: dict[Point, list[_Visit]] = {}
    for source in sources:
        recorder = Recorder(points)
        violations += source.run(source.plan(), recorder.look).violations
        check()
        for (point, process), turns in recorder.turns.items():
            turn = Chance("visit", str(point), source.seed, process).choice(turns)
            found.setdefault(point, []).append(_Visit(source, process, turn))
    return found


def _spread(rows: list[_Visit], wanted: int) -> list[_Visit]:
    step = max(1, len(rows) // wanted)
    return rows[::step][:wanted]


def _boundaries() -> list[tuple[int, bool]]:
    commits = run_episode(1, "calm").commits
    return [(number, after) for number in range(1, commits + 1) for after in (False, True)]
