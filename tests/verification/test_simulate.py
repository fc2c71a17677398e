"""`arb simulate` on the command line."""

from __future__ import annotations

import gc
import json
import os
import signal
import threading
from typing import Any

import pytest
from click.testing import CliRunner, Result

from arb.cli import main
from arb.cli._errors import ExitCode
from arb.cli._simulating import chosen_work, show_campaign
from arb.verification import PROFILES, SCENARIOS, Work


def arb(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["simulate", *arguments], prog_name="arb")


def document(*arguments: str) -> dict[str, Any]:
    result = arb(*arguments, "--json")
    assert result.stderr == ""
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_it_lists_profiles_and_scenarios() -> None:
    listed = document("--list")

    assert set(listed["profiles"]) == set(PROFILES)
    assert set(listed["scenarios"]) == set(SCENARIOS)
    text = arb("--list").stdout
    assert [name for name in (*PROFILES, *SCENARIOS) if name not in text] == []


def test_it_sums_episodes_up() -> None:
    found = document("--episodes", "3", "--seed", "5", "--profile", "calm", "--jobs", "1")

    assert found["episodes"] == 3
    assert found["interrupted"] is False
    assert found["violations"] == []
    assert found["faults"] == {}
    assert found["outcomes"]["closed"] > 0
    assert found["simulated_seconds"] > 600
    assert len(found["log_sha256"]) == 64
    assert {"wall_seconds", "cpu_seconds", "orders", "naked_seconds"} <= set(found)


def test_the_sum_is_readable() -> None:
    result = arb("--episodes", "2", "--profile", "wire", "--jobs", "1")

    assert "Episodes:" in result.stdout
    assert "h an hour of processor" in result.stdout
    assert "timeout_after" in result.stdout


def test_a_replay_is_a_timeline_of_the_same_episode() -> None:
    found = document("--replay", "2", "--profile", "calm")
    text = arb("--replay", "2", "--profile", "calm")
    whole = arb("--replay", "2", "--profile", "calm", "--whole")

    assert text.exit_code == 0
    assert found["seed"] == 2
    assert any("hedge.opened" in line for line in found["timeline"])
    assert found["timeline"][0] in text.stdout
    assert "fetch_balances" not in text.stdout
    assert "fetch_balances" in whole.stdout


def test_a_scenario_is_played_by_name() -> None:
    result = arb("--scenario", "late-order")

    assert result.exit_code == 0
    assert "FAULT late_effect" in result.stdout
    assert document("--scenario", "late-order")["episodes"] == 1
    assert len(chosen_work(1, 1, "all", "all")) == len(SCENARIOS)


def test_a_violation_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    broken = [Work(seed=1, scenario="unheard-of")]

    assert show_campaign(broken, jobs=1, stop_on_violation=False, as_json=False) is ExitCode.CHECK
    assert "1 violations in 1 episodes: 1 simulator" in capsys.readouterr().out


# A press that falls into the end of an object is printed and forgotten; the check between two episodes hears it.
FALLS_ANYWHERE = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@FALLS_ANYWHERE
@pytest.mark.parametrize("arguments", [("--episodes", "100000"), ("--crash-coverage",)])
def test_an_interruption_is_told_with_what_there_is_so_far(arguments: tuple[str, ...]) -> None:
    presses = threading.Timer(2, os.kill, (os.getpid(), signal.SIGINT))
    presses.start()
    result = arb(*arguments, "--profile", "calm", "--jobs", "1", "--json")
    found = json.loads(result.stdout)

    assert result.exit_code == ExitCode.INTERRUPTED
    assert found["interrupted"] is True
    assert found["violations"] == []
    assert found["episodes"] < 100_000
    gc.collect()  # what the episode left behind complains here, and in no other test


@FALLS_ANYWHERE
def test_a_violation_before_an_interruption_counts(capsys: pytest.CaptureFixture[str]) -> None:
    broken = [Work(seed=1, scenario="unheard-of"), *(Work(seed=seed, profile="calm") for seed in range(1000))]
    presses = threading.Timer(2, os.kill, (os.getpid(), signal.SIGINT))
    presses.start()

    assert show_campaign(broken, jobs=1, stop_on_violation=False, as_json=False) is ExitCode.CHECK
    told = capsys.readouterr().out
    assert "of 1001, interrupted" in told
    assert "1 violations in 1 episodes: 1 simulator" in told
    gc.collect()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--profile", "unheard-of"), "there is no profile 'unheard-of'"),
        (("--scenario", "unheard-of"), "there is no scenario 'unheard-of'"),
        (("--replay", "1", "--list"), "--replay and --list exclude each other"),
        (("--whole", "--episodes", "2"), "--whole goes with"),
        (("--episodes", "0"), "0 is not in the range"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: tuple[str, ...], message: str) -> None:
    result = arb(*arguments)

    assert result.exit_code == 2
    assert message in result.stderr
