from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Arb = Callable[..., Result]


@pytest.fixture
def ran(arb: Arb, trading: Path) -> Path:
    assert arb("run", "-c", "run.toml", "--quiet").exit_code == 0
    return trading


@pytest.mark.usefixtures("ran")
def test_events_are_shown_oldest_first(arb: Arb) -> None:
    lines = arb("events", "-c", "run.toml").stdout.splitlines()
    assert "run.started" in lines[0]
    assert "run.stopped" in lines[-1]
    assert lines == sorted(lines, key=lambda line: line[:20])


@pytest.mark.usefixtures("ran")
def test_a_kind_or_its_first_word_selects(arb: Arb) -> None:
    opened = json.loads(arb("events", "-c", "run.toml", "--kind", "hedge.opened", "--json").stdout)["events"]
    assert [event["kind"] for event in opened] == ["hedge.opened"] * 2
    all_ = json.loads(arb("events", "-c", "run.toml", "--kind", "hedge", "--json").stdout)["events"]
    assert {event["kind"] for event in all_} == {"hedge.opening", "hedge.opened", "hedge.closing", "hedge.closed"}
    assert [event["id"] for event in all_] == sorted(event["id"] for event in all_)


@pytest.mark.usefixtures("ran")
def test_the_last_ones(arb: Arb) -> None:
    lines = arb("events", "-c", "run.toml", "--last", "1").stdout.splitlines()
    assert len(lines) == 1
    assert "run.stopped" in lines[0]
    assert len(arb("events", "-c", "run.toml", "--last", "9999").stdout.splitlines()) > 1


@pytest.mark.usefixtures("ran")
def test_no_event_of_a_kind_is_said_beside_the_output(arb: Arb) -> None:
    result = arb("events", "-c", "run.toml", "--kind", "hedge.halted")
    assert (result.stdout, result.stderr, result.exit_code) == ("", "No such event.\n", 0)
    assert json.loads(arb("events", "-c", "run.toml", "--kind", "hedge.halted", "--json").stdout) == {"events": []}


@pytest.mark.usefixtures("trading")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("--kind", "nonsense"), "kinds are run.started"), (("--last", "0"), "range"), (("-c", "gone.toml"), "gone.toml")],
)
def test_wrong_options(arb: Arb, arguments: tuple[str, ...], message: str) -> None:
    result = arb("events", "-c", "run.toml", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.usefixtures("trading")
def test_a_missing_database_is_an_error(arb: Arb) -> None:
    result = arb("events", "-c", "run.toml")
    assert result.exit_code == 4
    assert "does not exist" in result.stderr


def follow(site_path: Path) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-c",
        "from arb.cli import main; main()",
        "events",
        "-c",
        "run.toml",
        "--follow",
        "--json",
    ]
    environ = {**os.environ, "PYTHONPATH": str(site_path), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.usefixtures("ran")
def test_following_goes_on_until_ctrl_c(arb: Arb, site_path: Path) -> None:
    with follow(site_path) as process:
        try:
            assert process.stdout is not None
            while json.loads(process.stdout.readline())["kind"] != "run.stopped":
                pass
            assert arb("run", "-c", "run.toml", "--until", "7h", "--quiet").exit_code in (0, 6)
            assert json.loads(process.stdout.readline())["id"] > 1
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0
    assert errors == ""
    assert all(json.loads(line)["time"] for line in rest.splitlines())
