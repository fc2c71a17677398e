"""Many episodes, over several processes; what comes out does not depend on how many."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
import warnings
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from itertools import islice
from multiprocessing import get_context, parent_process
from typing import Final

from ._auditor import Violation
from ._interrupts import heard_interrupts
from ._profile import PROFILES
from ._result import EpisodeResult
from ._running import guarded, ignore_killed_coroutines, run_episode
from ._scenarios import SCENARIOS
from ._stage import run_scenario

EVERY_PROFILE: Final = "all"
"""Takes the profiles in turn, by seed; `calm` is left out."""

_CHUNK: Final = 8
"""Episodes handed out at once; those through plugins take a second each and go out one by one."""

_COLLECT_EVERY: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One episode to be run: a seed and a profile, or a scenario.

    Attributes:
        plugins: Exchange plugins through which the venues of a seed are reached; none reaches them directly.
    """

    seed: int
    profile: str = ""
    scenario: str = ""
    plugins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Half, 99 of 100 and all values are at most this."""

    p50: Decimal
    p99: Decimal
    largest: Decimal

    @classmethod
    def of(cls, values: Sequence[Decimal]) -> Percentiles:
        """Return them by nearest rank; zero of nothing."""
        rows = sorted(values) or [Decimal(0)]
        return cls(p50=rows[(len(rows) - 1) // 2], p99=rows[(len(rows) * 99 + 99) // 100 - 1], largest=rows[-1])


@dataclass(slots=True)
class CampaignResult:
    """The sum of many episodes.

    Attributes:
        naked_seconds: Of every hedge that was naked at all.
        budget_shares: The part of its budget that each of them spent, 1 is all.
        log_sha256: Of the episodes' hashes, in the order of the seeds.
        is_interrupted: Whether Ctrl-C ended it before all episodes were run.
    """

    episodes: int = 0
    violations: list[Violation] = field(default_factory=list)
    faults: Tally[str] = field(default_factory=Tally)
    outcomes: Tally[str] = field(default_factory=Tally)
    crashes: int = 0
    orders: int = 0
    commits: int = 0
    naked_seconds: list[Decimal] = field(default_factory=list)
    budget_shares: list[Decimal] = field(default_factory=list)
    simulated_seconds: float = 0.0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    log_sha256: str = ""
    is_interrupted: bool = False

    def add(self, result: EpisodeResult) -> None:
        """Count one episode."""
        self.episodes += 1
        self.violations += result.violations
        self.faults.update(result.faults)
        self.outcomes.update(result.outcomes)
        self.crashes += result.crashes
        self.orders += result.orders
        self.commits += result.commits
        self.simulated_seconds += result.simulated_seconds
        for naked in result.naked:
            if naked.seconds:
                self.naked_seconds.append(naked.seconds)
                self.budget_shares.append(naked.counted / naked.budget)


Tell = Callable[[EpisodeResult], None]
"""Told of every episode, in the order of the seeds."""


def profile_of(name: str, seed: int) -> str:
    """Return the profile of a seed; raises KeyError when there is no such profile."""
    if name == EVERY_PROFILE:
        names = [each for each in PROFILES if each != "calm"]
        return names[seed % len(names)]
    if name not in PROFILES:
        raise KeyError(name)
    return name


def seeds_work(first: int, count: int, profile: str, plugins: tuple[str, ...] = ()) -> list[Work]:
    """Return the episodes of `count` seeds."""
    seeds = range(first, first + count)
    return [Work(seed=seed, profile=profile_of(profile, seed), plugins=plugins) for seed in seeds]


def play(work: Work, *, keep_log: bool = False) -> EpisodeResult:
    """Run one episode; one that breaks the simulator itself is a violation like any other."""

    def run() -> EpisodeResult:
        if work.scenario:
            return run_scenario(SCENARIOS[work.scenario], keep_log=keep_log)
        return run_episode(work.seed, work.profile, keep_log=keep_log, plugins=work.plugins)

    return guarded(work.seed, work.scenario or work.profile, run)


def run_campaign(
    work: Sequence[Work], *, jobs: int = 1, stop_on_violation: bool = False, tell: Tell = lambda _result: None
) -> CampaignResult:
    """Run episodes and return their sum; after Ctrl-C that of the episodes before it.

    Args:
        work: In order; the result does not depend on `jobs`.
        jobs: Processes; 1 runs in this one.
        stop_on_violation: End at the first episode, in order, that has one.
        tell: Told of each episode, in order.
    """
    total, hashes, began = CampaignResult(), sha256(), time.monotonic()
    try:
        with heard_interrupts() as check:
            for result, cpu in _results(work, jobs):
                total.add(result)
                total.cpu_seconds += cpu
                hashes.update(result.log_sha256.encode())
                tell(result)
                if stop_on_violation and result.violations:
                    break
                check()
    except KeyboardInterrupt:
        total.is_interrupted = True
    total.wall_seconds = time.monotonic() - began
    total.log_sha256 = hashes.hexdigest()
    return total


Timed = tuple[EpisodeResult, float]


def _results(work: Sequence[Work], jobs: int) -> Iterator[Timed]:
    """Yield results in order."""
    if jobs == 1:
        with warnings.catch_warnings():
            ignore_killed_coroutines()
            for number, one in enumerate(work):
                yield _timed(one)
                if number % _COLLECT_EVERY == 0:
                    gc.collect()
        return
    size = 1 if any(one.plugins for one in work) else _CHUNK
    chunks = (work[start : start + size] for start in range(0, len(work), size))
    executor = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_begin_process)
    try:
        waiting: list[Future[list[Timed]]] = []
        with _interrupts_ignored():
            # A few chunks ahead keep every process busy; a stop wastes no more than these.
            waiting += [executor.submit(_play_all, chunk) for chunk in islice(chunks, 2 * jobs)]
        while waiting:
            yield from waiting.pop(0).result()
            waiting += [executor.submit(_play_all, chunk) for chunk in islice(chunks, 1)]
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _begin_process() -> None:
    """Let this process end as soon as the one that started it is gone, also when that was killed."""
    ignore_killed_coroutines()
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()


def _play_all(chunk: Sequence[Work]) -> list[Timed]:
    rows = [_timed(one) for one in chunk]
    gc.collect()
    return rows


def _timed(one: Work) -> Timed:
    began = time.process_time()
    result = play(one)
    return result, time.process_time() - began


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let processes that are started inside ignore Ctrl-C for good: it reaches every process of a terminal.

    The first one ends the others. It cannot tell them when they run, since they may still be starting.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
