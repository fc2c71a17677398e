"""Running an episode: on a loop of its own, in virtual time, with nothing of the machine in it."""

from __future__ import annotations

import asyncio
import gc
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from arb.model import SECOND_NS
from arb.simulation import VirtualTimeLoop, run_virtual

from ._chance import Chance
from ._episode import Episode
from ._fate import Fates, SeededFates
from ._kinds import Code
from ._plan import Plan, drawn_plan
from ._process import CrashPlan
from ._result import EpisodeResult


def guarded(seed: int, title: str, run: Callable[[], EpisodeResult]) -> EpisodeResult:
    """Return what an episode led to; one that breaks the simulator itself is a violation like any other."""
    try:
        return run()
    except Exception as error:
        what = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return EpisodeResult.broken(seed, title, f"the episode could not be run to its end: {what}", Code.SIMULATOR)


Direct = Callable[[Episode], None]
"""Plans what will happen in an episode, before it starts."""


def run_episode(
    seed: int,
    profile: str = "mixed",
    *,
    keep_log: bool = False,
    crashes: Mapping[int, CrashPlan] | None = None,
    plugins: Sequence[str] = (),
) -> EpisodeResult:
    """Run one episode; the same seed and profile give the same result and the same log.

    Args:
        seed: Everything is drawn from it.
        profile: How hard it is.
        keep_log: Whether the result holds the event log.
        crashes: When which process dies, instead of what the seed says.
        plugins: Exchange plugins through which the venues are reached.

    Raises:
        KeyError: there is no such profile.
    """
    plan = drawn_plan(seed, profile, plugins)
    if crashes is not None:
        plan = replace(plan, crashes=crashes)
    return run_plan(plan, seeded_fates(plan), direct_seeded, keep_log=keep_log)


def seeded_fates(plan: Plan) -> Fates:
    """Return the faults of calls that a seed says."""
    profile = plan.profile
    return SeededFates(plan.seed, order_ppm=profile.order_ppm, read_ppm=profile.read_ppm, weights=dict(profile.wire))


def direct_seeded(episode: Episode) -> None:
    """Plan the events of the world that a seed says."""
    plan, profile = episode.plan, episode.plan.profile
    chance = Chance(plan.seed, "troubles")
    latest_ns = plan.faults_ns - 20 * SECOND_NS
    if profile.events:
        for number in range(chance.between(1, profile.events)):
            kind = chance.weighted(list(profile.world.items()))
            episode.troubles.plan(kind, plan.start_ns + chance.between(10 * SECOND_NS, latest_ns), number)
    if profile.second_process:
        moment_ns = plan.start_ns + chance.between(5 * SECOND_NS, plan.faults_ns // 2)
        episode.world.at(moment_ns, episode.start_second)


def run_plan(
    plan: Plan,
    fates: Fates,
    direct: Direct,
    *,
    keep_log: bool = False,
    on_turn: Callable[[Episode], None] | None = None,
    judge: Callable[[Episode], None] | None = None,
) -> EpisodeResult:
    """Run an episode of a plan.

    Args:
        plan: Its frame.
        fates: What becomes of calls.
        direct: Plans what will happen.
        keep_log: Whether the result holds the event log.
        on_turn: Called before each turn of the loop.
        judge: Called at the end, before the result is made.
    """
    made: list[Episode] = []

    async def main() -> EpisodeResult:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        episode = Episode(plan, loop, fates, keep=keep_log)
        made.append(episode)
        try:
            direct(episode)
            return await episode.run(judge)
        finally:
            episode.world.database.close()

    def turn() -> None:
        if made:
            made[0].world.turn()
            if on_turn is not None:
                on_turn(made[0])

    counts = plan.counts_turns or on_turn is not None
    shuffle = Shuffle(plan.seed) if plan.shuffles else None
    with undisturbed():
        return run_virtual(main(), start_ns=plan.start_ns, on_turn=turn if counts else None, shuffle=shuffle)


class Shuffle:
    """Puts timers that are due at one instant into an order that the seed says."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._count = 0

    def __call__(self, timers: list[Any]) -> None:
        """Permute in place."""
        self._count += 1
        Chance(self._seed, "timers", self._count).shuffle(timers)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep logs and the garbage collector quiet: a collection closes iterators at a moment that no seed knows."""
    level, collecting = logging.root.manager.disable, gc.isenabled()
    logging.disable(logging.CRITICAL)
    gc.disable()
    try:
        with warnings.catch_warnings():
            ignore_killed_coroutines()
            yield
    finally:
        logging.disable(level)
        if collecting:
            gc.enable()


def ignore_killed_coroutines() -> None:
    """Warn of no coroutine that is not awaited: a process that is killed after making one leaves it behind.

    They are found when garbage is collected, which may be long after the episode.
    """
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
