"""Scripts: each step happens or is told, nothing of a scenario can change, and what breaks the world ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest

from arb.api import LeaseLost, Rejected, StorageError
from arb.model import SECOND_NS, EventKind, ExchangeName
from arb.verification import (
    SCENARIOS,
    Changes,
    Code,
    CrashPlan,
    EpisodeResult,
    Scenario,
    Setup,
    at,
    commit_fails,
    crash,
    disk_full,
    fault,
    halt,
    kill,
    move_to_another_machine,
    resume,
    run_episode,
    run_scenario,
    second_process,
    stop,
    when,
)
from arb.verification._ends import is_explained
from arb.verification._running import guarded


def play(*script: Any) -> EpisodeResult:
    setup = Setup(minutes=1, flips_s=())
    return run_scenario(Scenario(name="script", references=(), about="", setup=setup, script=script))


def problems(result: EpisodeResult) -> list[str]:
    return [violation.text for violation in result.violations]


@pytest.mark.parametrize(
    "step",
    [
        fault("left", "send_order", nth=50, timeout_before=True),
        when(EventKind.HEDGE_CLOSED, halt()),
        when(EventKind.HEDGE_OPENED, halt(), after_s=10_000),
        at(10_000, halt()),
        crash(at_step=1_000_000),
        crash(process=2, at_step=1),
        commit_fails(10_000),
    ],
)
def test_a_step_that_never_happens_is_a_violation(step: object) -> None:
    result = play(step)

    assert [violation.code for violation in result.violations] == [Code.EXPECTATION]
    assert "never happened" in problems(result)[0]


@pytest.mark.parametrize(
    "steps", [(at(5, kill()),), (crash(at_step=100), commit_fails(20)), (at(5, halt(), resume()),)]
)
def test_steps_that_happen_are_none(steps: tuple[object, ...]) -> None:
    assert problems(play(*steps)) == []


@pytest.mark.parametrize(
    ("deed", "told"), [(kill(), "no process lives"), (stop(), "no process lives"), (resume(), "no halt stands")]
)
def test_a_deed_that_finds_nothing_to_act_on_is_told(deed: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        play(at(0, kill()), at(0, deed))


def test_a_scenario_is_the_same_one_each_time() -> None:
    scenario = SCENARIOS["killed-while-entering"]
    before = repr(scenario)

    assert run_scenario(scenario).log_sha256 == run_scenario(scenario).log_sha256
    assert repr(scenario) == before


def test_nothing_of_a_scenario_can_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        CrashPlan(at_step=1).at_step = 2  # type: ignore[misc]
    for scenario in SCENARIOS.values():
        for field in fields(scenario.setup):
            _check_frozen(getattr(scenario.setup, field.name))


def _check_frozen(value: Any) -> None:
    assert not isinstance(value, list)
    if isinstance(value, Mapping):
        assert not hasattr(value, "__setitem__")
        for one in value.values():
            _check_frozen(one)


def test_only_the_process_that_was_to_die_counts_as_dead() -> None:
    crashes = {1: CrashPlan(at_step=100), 2: CrashPlan(at_turn=1_000_000)}
    result = run_episode(2, "calm", crashes=crashes)

    assert result.crashes == 1
    assert result.died_as_planned == {1}
    assert play(at(5, kill())).died_as_planned == set()


async def _fail() -> None:
    raise KeyError("the market is gone")


def _spawn_what_fails(stage: Any) -> None:
    stage.episode.world.spawn(_fail())


def _fail_where_a_process_swallows_it(stage: Any) -> None:
    try:
        with stage.episode.world.own_work():
            raise KeyError("the market is gone")
    except KeyError:
        pass


def _fail_at_once(_stage: Any) -> None:
    raise KeyError("the market is gone")


@pytest.mark.parametrize("deed", [_spawn_what_fails, _fail_where_a_process_swallows_it, _fail_at_once])
def test_what_breaks_in_the_world_ends_the_episode_at_once(deed: Any) -> None:
    went_on: list[Any] = []
    with pytest.raises(KeyError, match="the market is gone"):
        play(at(5, deed), at(6, went_on.append))

    assert went_on == []
    result = guarded(7, "calm", lambda: play(at(5, deed)))
    assert [(one.code, one.seed) for one in result.violations] == [(Code.SIMULATOR, 7)]
    assert "KeyError: 'the market is gone'" in problems(result)[0]


def test_a_refusal_of_a_venue_breaks_nothing() -> None:
    def refuse(stage: Any) -> None:
        with pytest.raises(Rejected), stage.episode.world.own_work():
            raise Rejected("no", exchange="left", code="refused")

    assert problems(play(at(5, refuse))) == []


def test_a_task_that_cannot_be_ended_ends_the_episode() -> None:
    async def stubborn() -> None:
        for _ in range(501):  # one more than the rounds in which a dead process is swept up
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                continue

    def leave_it_behind(stage: Any) -> None:
        world = stage.episode.world
        world.alive[0].adopt(world.loop.create_task(stubborn()))

    with pytest.raises(RuntimeError, match="process-1: 1 tasks survive their cancellation"):
        play(at(5, leave_it_behind))


def test_a_run_that_ends_unasked_has_failed() -> None:
    result = play(at(20, lambda stage: stage.episode.world.alive[0].stop.set("I am tired")))

    assert [violation.code for violation in result.violations] == [Code.ENGINE_FAILED]
    assert problems(result) == ["process-1 ended in order, and nobody asked it to"]
    assert problems(play(at(20, stop()))) == []


def test_an_error_of_the_storage_explains_an_end_for_three_seconds() -> None:
    found: list[bool] = []

    def look(stage: Any) -> None:
        (process,) = stage.episode.world.alive
        found.append(is_explained(process, StorageError("database is locked")))

    def fail(stage: Any) -> None:
        (process,) = stage.episode.world.alive
        process.storage_failed_ns = stage.episode.world.now_ns() - 3 * SECOND_NS
        look(stage)
        process.storage_failed_ns -= 1
        look(stage)

    # The process that lives at 40 s is another one than that whose commit failed.
    assert problems(play(at(5, look), commit_fails(20), at(40, look), at(40, disk_full(1), look), at(50, fail))) == []
    assert found == [False, False, True, True, False]


def test_who_comes_after_a_death_beyond_the_faults_has_the_time_of_a_late_order_as_well() -> None:
    def may_come_late(stage: Any) -> None:
        for counter in stage.episode.world.counters.values():
            counter.traits = counter.told_traits = replace(counter.traits, order_validity_ns=200 * SECOND_NS)

    lost = fault("left", "send_order", timeout_before=True)

    # What moves has until 320 s, counted from the end of the faults; the next process can end the doubt after 350 s.
    assert problems(play(at(0, may_come_late), lost, at(150, kill()))) == []


def test_only_who_came_later_or_was_replaced_may_lose_a_lease() -> None:
    found: list[list[bool]] = []

    def look(stage: Any) -> None:
        found.append([is_explained(process, LeaseLost("it is taken")) for process in stage.episode.world.alive])

    def replaced(stage: Any) -> None:
        stage.episode.world.replaced.add(stage.episode.world.alive[0].holder)

    def toggle(stage: Any) -> None:
        second = stage.episode.world.alive[1]
        second.is_ready = not second.is_ready

    deeds = (look, toggle, look, toggle, replaced, look)
    assert problems(play(at(10, look), at(12, second_process()), at(13, *deeds))) == []
    assert found == [[False], [False, True], [False, False], [True, True]]
    # The next process, whose lease nobody holds any more, before it works and after it.
    found.clear()
    assert problems(play(at(10, move_to_another_machine(0), look), at(40, look))) == []
    assert found == [[False], [False]]


def test_a_process_is_replaced_by_who_takes_a_lease_that_has_run_out() -> None:
    found: list[bool] = []

    def take(stage: Any) -> None:
        world = stage.episode.world
        (process,) = world.alive
        own = world.auditor.truth.leases[ExchangeName("left")]
        for left_ns in (1, 0):
            other = replace(own, holder="sim:8", expires_ns=world.now_ns() + left_ns)
            world.auditor.truth.leases[own.account] = other
            world.committed(process, Changes(leases=(own,), last_event_id=world.last_event_id))
            found.append("sim:8" in world.replaced)

    assert problems(play(at(10, take))) == []
    assert found == [False, True]
