from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Arb = Callable[..., Result]
ArbProcess = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.usefixtures("trading")


def run_json(arb: Arb, *arguments: str) -> dict[str, Any]:
    result = arb("run", "-c", "run.toml", "--json", *arguments)
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def change(*replacements: tuple[str, str]) -> None:
    file = Path("run.toml")
    text = file.read_text(encoding="utf-8")
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def test_a_run_ends_at_its_time_and_accounts_for_every_unit(arb: Arb) -> None:
    report = run_json(arb)
    assert report["hedges_opened"] == 2
    assert report["hedges_closed"] == 1
    assert sum(Decimal(part) for part in report["parts"].values()) == Decimal(report["equity_change"])
    assert report["unexplained"] == "0"
    assert report["stopped"] == "the end time was reached"
    assert report["simulated_seconds"] == pytest.approx(6 * 3600, abs=60)
    assert report["mode"] == "simulated"


def test_two_runs_of_one_seed_differ_by_their_wall_time_only(arb: Arb, trading: Path) -> None:
    reports = []
    for _ in range(2):
        trading.unlink(missing_ok=True)
        report = run_json(arb, "--seed", "5")
        assert isinstance(report.pop("wall_seconds"), float)
        reports.append(report)
    assert reports[0] == reports[1]
    assert reports[0]["seed"] == 5


def test_the_events_go_to_the_error_output_and_the_report_to_the_standard_output(arb: Arb) -> None:
    result = arb("run", "-c", "run.toml")
    assert result.exit_code == 0
    assert "SIMULATED run of run.toml, speed max" in result.stderr
    assert "hedge.opened" in result.stderr
    assert "hedge.opened" not in result.stdout
    assert "SIMULATED run, seed 0: the end time was reached" in result.stdout
    assert "four o'clock" not in result.stdout


def test_details_list_reasons_and_fills(arb: Arb) -> None:
    result = arb("run", "-c", "run.toml", "--details", "--quiet")
    assert "closed: four o'clock" in result.stdout
    assert "BTC-PERP.north" in result.stdout
    assert result.stderr == ""


def test_a_configuration_in_the_folder_is_found(arb: Arb) -> None:
    Path("run.toml").rename("arb.toml")
    assert arb("run", "--quiet").exit_code == 0


def test_without_a_configuration_it_says_how_to_get_one(arb: Arb) -> None:
    result = arb("run")
    assert result.exit_code == 2
    assert "arb config init" in result.stderr


@pytest.mark.parametrize(
    ("end", "hours"), [("2h", 2), ("2026-01-01T03:00:00Z", 3), ("2026-01-01T03:00", 3), ("2026-01-01T05:00+01:00", 4)]
)
def test_until_is_a_time_or_a_duration_from_the_start(arb: Arb, end: str, hours: int) -> None:
    assert run_json(arb, "--until", end)["simulated_seconds"] == pytest.approx(hours * 3600, abs=60)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--until", "soon"), "neither a UTC time"),
        (("--until", "9999-12-31"), "is not within the years 1970 to 2262"),
        (("--until", "99999999999999999999d"), "is not within the years 1970 to 2262"),
        (("--until", "2025-01-01"), "2025-01-01"),
        (("--speed", "0"), "neither a number above zero"),
        (("--speed", "fast"), "neither a number above zero"),
        (("--speed", "inf"), "neither a number above zero"),
        (("--seed", "-1"), "not in the range"),
        (("--plot", "x.gif"), "must end with .png or .svg"),
        (("--plot", "no/x.svg"), "there is no folder"),
        (("--yes-live", "run"), "goes with --live only"),
        (("--record", "run.toml"), "'run.toml' is not a folder"),
        (("--record", ""), "is not a folder"),
        (("--record", "traffic"), "--record traffic: every exchange is simulated"),
        (("--live",), "[exchanges.north] is simulated"),
        (("--live", "--yes-live", "run"), "[exchanges.south] is simulated"),
        (("-c", "other.toml"), "other.toml"),
        (("-c", "."), "."),
    ],
)
def test_wrong_options_are_one_message_and_exit_code_2(arb: Arb, arguments: tuple[str, ...], message: str) -> None:
    result = arb("run", "-c", "run.toml", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_nothing_to_run_is_said(arb: Arb) -> None:
    file = Path("run.toml")
    file.write_text(file.read_text(encoding="utf-8").partition("[strategies")[0], encoding="utf-8")
    result = arb("run", "-c", "run.toml")
    assert result.exit_code == 2
    assert "there is nothing to run" in result.stderr


def test_a_real_exchange_takes_no_speed(arb: Arb, real_exchange: None) -> None:
    result = arb("run", "-c", "run.toml", "--speed", "max")
    assert result.exit_code == 2
    assert "--speed" in result.stderr


@pytest.fixture
def real_exchange(install: Callable[..., str], code_of: Callable[..., str]) -> None:
    """Make both exchanges real, and armed; opening one fails."""
    code = code_of("exchanges", "t-real").replace(
        "yield Resource", "raise arb.api.ConnectFailed('it is away'); yield Resource"
    )
    install("arb-t-real", "t-real", code)
    change(('plugin = "t-memory"', 'plugin = "t-real"\narmed = true'))


def test_live_needs_a_terminal_or_the_name(arb: Arb, real_exchange: None) -> None:
    result = arb("run", "-c", "run.toml", "--live", answers="run\n")
    assert result.exit_code == 2
    assert "--live needs a terminal to confirm at, or --yes-live run" in result.stderr


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_opened(arb: Arb, real_exchange: None) -> None:
    Path("file").touch()
    result = arb("run", "-c", "run.toml", "--record", "file/traffic")
    assert result.exit_code == 2
    assert "--record file/traffic: cannot be written: Not a directory" in result.stderr
    assert "it is away" not in result.stderr


@pytest.mark.parametrize("quiet", [True, False])
def test_it_says_what_is_recorded_where(arb: Arb, real_exchange: None, quiet: bool) -> None:
    result = arb("run", "-c", "run.toml", "--record", "traffic", *(["--quiet"] if quiet else []))
    assert "it is away" in result.stderr
    assert ("Recording the traffic of north, south in traffic; secrets are left out." in result.stderr) is not quiet
    (file,) = Path("traffic").iterdir()
    assert file.name.startswith("north-")


def test_live_refuses_another_name(arb: Arb, real_exchange: None) -> None:
    result = arb("run", "-c", "run.toml", "--live", "--yes-live", "north")
    assert result.exit_code == 2
    assert "the configuration is run.toml, so write run" in result.stderr


def test_live_with_the_right_name_starts(arb: Arb, real_exchange: None) -> None:
    result = arb("run", "-c", "run.toml", "--live", "--yes-live", "run")
    assert "LIVE run of run.toml" in result.stderr
    assert "it is away" in result.stderr
    assert result.exit_code == 5


@pytest.mark.parametrize(("answer", "code", "said"), [("yes", 2, "not confirmed"), ("run", 5, "LIVE run of run.toml")])
def test_live_asks_at_a_terminal(real_exchange: None, site_path: Path, answer: str, code: int, said: str) -> None:
    terminal, stdin = pty.openpty()
    command = [sys.executable, "-c", "from arb.cli import main; main()", "run", "-c", "run.toml", "--live"]
    environ = {**os.environ, "PYTHONPATH": str(site_path)}
    try:
        os.write(terminal, f"{answer}\n".encode())
        result = subprocess.run(
            command, stdin=stdin, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        os.close(terminal)
        os.close(stdin)
    assert "real orders will go to north, south" in result.stderr
    assert "Type run to go on" in result.stderr
    assert said in result.stderr
    assert result.returncode == code
    assert result.stdout == ""


def test_live_refuses_an_exchange_that_is_not_armed(arb: Arb, real_exchange: None) -> None:
    change(("armed = true", "armed = false"))
    result = arb("run", "-c", "run.toml", "--live", "--yes-live", "run")
    assert result.exit_code == 2
    assert "[exchanges.north] armed" in result.stderr
    assert "[exchanges.south] armed" in result.stderr


def test_help_has_an_example_and_needs_no_configuration(arb: Arb) -> None:
    result = arb("run", "--help")
    assert result.exit_code == 0
    assert "arb run -c carry.toml --until 30d --speed max" in result.output


def test_a_dumb_terminal_gets_lines(arb_process: ArbProcess) -> None:
    launch = (
        "import os, sys, arb.cli\n"
        "reader, writer = os.openpty()\n"
        "sys.stderr = os.fdopen(writer, 'w')\n"
        "try:\n    arb.cli.main()\n"
        "finally:\n    sys.stderr.flush(); sys.stdout.write(os.read(reader, 65536).decode())\n"
    )
    shown = arb_process("run", "-c", str(Path("run.toml").resolve()), launch=launch, TERM="dumb").stdout
    assert "run.started" in shown
    assert "\x1b" not in shown


def test_paper_and_live_exclude_each_other(arb: Arb) -> None:
    for flags in (["--paper", "--live"], ["--live", "--paper"]):
        result = arb("run", "-c", "run.toml", *flags)
        assert result.exit_code == 2
        assert "exclude each other" in result.output
