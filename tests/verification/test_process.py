"""kill -9: nothing of a dead process has an effect, what was on the wire still arrives, the next one takes over."""

from __future__ import annotations

import re

import pytest

from arb.verification import CrashPlan, EpisodeResult, run_episode

STARTED = re.compile(r"process-(\d+) starts")


def crashed(seed: int, crash: CrashPlan, profile: str = "calm") -> EpisodeResult:
    return run_episode(seed, profile, keep_log=True, crashes={1: crash})


def after_death(result: EpisodeResult) -> list[str]:
    """Return the lines between the death of the first process and the start of the next."""
    begin = next(index for index, line in enumerate(result.log) if "killed" in line)
    end = next(index for index, line in enumerate(result.log) if "process-2 starts" in line)
    return list(result.log[begin + 1 : end])


@pytest.mark.parametrize("step", [1, 5, 20, 80, 81, 82, 150])
def test_a_dead_process_does_nothing_more(step: int) -> None:
    result = crashed(2, CrashPlan(at_step=step))

    assert result.crashes == 1
    assert [line for line in after_death(result) if " process-1 " in line] == []
    assert result.violations == ()


def test_what_a_process_cleans_up_after_its_death_has_no_effect() -> None:
    # An orderly end gives the leases up and tells so in a commit; a killed process must not.
    in_order = run_episode(2, "calm", keep_log=True)
    killed = crashed(2, CrashPlan(at_step=150))

    assert any("run.stopped" in line for line in in_order.log)
    assert not any("run.stopped" in line or "commit" in line for line in after_death(killed))


def test_a_commit_before_which_a_process_dies_did_not_happen() -> None:
    before = crashed(2, CrashPlan(at_commit=12))
    after = crashed(2, CrashPlan(at_commit=12, after_commit=True))

    def commits(result: EpisodeResult) -> int:
        return sum(" process-1 commit" in line for line in result.log)

    assert (commits(before), commits(after)) == (11, 12)


def test_an_order_on_the_wire_arrives_although_its_process_is_dead() -> None:
    found = []
    for offset in range(4):
        result = crashed(2, CrashPlan(after_orders=2, at_step=offset))
        found += [line for line in after_death(result) if "send_order" in line and line.endswith(" done")]
        assert result.violations == ()

    assert found


def test_a_turn_of_the_loop_is_a_moment_to_die() -> None:
    result = crashed(2, CrashPlan(at_turn=500))

    assert result.faults["crash_at_turn"] == 1
    assert [line for line in after_death(result) if " process-1 " in line] == []


def test_a_process_may_die_while_it_recovers() -> None:
    crashes = {1: CrashPlan(after_orders=1, at_step=2), 2: CrashPlan(at_step=12), 3: CrashPlan(at_step=20)}
    result = run_episode(2, "calm", keep_log=True, crashes=crashes)

    assert result.crashes == 3
    assert result.faults["crash_in_recovery"] == 2
    assert {found[1] for line in result.log if (found := STARTED.search(line))} == {"1", "2", "3", "4"}
    assert result.violations == ()
