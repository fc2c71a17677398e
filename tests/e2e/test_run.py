from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from arb.cli._demo_run import Wanted, prepare

Arb = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]

FULL_DISK_BYTES = 600_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write the demo's configuration for two days."""
    return prepare(Wanted(seed=None, days=2, folder=tmp_path / "run"), tmp_path / "run")


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def wait_for_database(file: Path) -> Path:
    database = file.with_name("demo.sqlite3")
    for _ in range(600):
        if database.exists() and database.stat().st_size:
            return database
        time.sleep(0.05)  # noqa: TID251 - a test waits for a process
    raise AssertionError("the run did not start")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_with_its_report(start: Start, arb: Arb, file: Path, number: signal.Signals) -> None:
    with start("run", "-c", str(file), "--json", "--speed", "8000") as process:
        wait_for_database(file)
        assert process.stderr is not None
        while "run.started" not in process.stderr.readline():
            pass
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    report = json.loads(out)
    assert process.returncode == 0
    assert report["stopped"] == f"stopped by {number.name}"
    assert Decimal(report["unexplained"]) == 0
    assert report["simulated_seconds"] < 2 * 86_400
    went_on = json.loads(arb("run", "-c", str(file), "--json", "--quiet").stdout)
    assert went_on["stopped"] == "the end time was reached"
    assert Decimal(went_on["unexplained"]) == 0


def test_a_second_signal_does_not_wait(start: Start, arb: Arb, file: Path) -> None:
    with start("run", "-c", str(file), "--json", "--speed", "8000") as process:
        assert process.stderr is not None
        while "run.started" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=60)
    # The first one may have been enough already.
    assert (process.returncode, out) == (130, "") or process.returncode == 0
    assert "Traceback" not in errors
    went_on = json.loads(arb("run", "-c", str(file), "--json", "--quiet").stdout)
    assert Decimal(went_on["unexplained"]) == 0


def test_a_run_is_looked_at_while_it_runs(start: Start, arb: Arb, file: Path) -> None:
    with start("run", "-c", str(file), "--speed", "1800", "--quiet") as process:
        try:
            wait_for_database(file)
            for _ in range(100):
                events = arb("events", "-c", str(file), "--json")
                if events.returncode == 0 and "run.started" in events.stdout:
                    break
            assert arb("report", "-c", str(file), "--json").returncode == 0
            assert arb("positions", "-c", str(file)).returncode == 0
            second = arb("run", "-c", str(file))
            assert process.poll() is None
        finally:
            process.terminate()
            process.communicate(timeout=60)
    assert second.returncode == 4
    assert "in use by process" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_full_disk_ends_the_run_and_loses_nothing(arb: Arb, file: Path) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_DISK_BYTES, FULL_DISK_BYTES))

    failed = arb("run", "-c", str(file), "--quiet", before=small_files)
    assert failed.returncode == 4, failed.stderr
    assert "demo.sqlite3" in failed.stderr
    assert "Traceback" not in failed.stderr
    with closing(sqlite3.connect(file.with_name("demo.sqlite3"))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    went_on = arb("run", "-c", str(file), "--json", "--quiet")
    assert went_on.returncode == 0, went_on.stderr
    report = json.loads(went_on.stdout)
    assert Decimal(report["unexplained"]) == 0
    assert report["alarms"] == []
    assert report["stopped"] == "the end time was reached"


def test_a_damaged_database_is_refused_and_left_alone(arb: Arb, file: Path) -> None:
    database = file.with_name("demo.sqlite3")
    database.write_bytes(b"this is not a database" * 1000)
    for command in ("run", "report", "events", "positions"):
        result = arb(command, "-c", str(file))
        assert result.returncode == 4
        assert "demo.sqlite3" in result.stderr
        assert "Traceback" not in result.stderr
    assert database.read_bytes() == b"this is not a database" * 1000


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(arb: Arb, file: Path) -> None:
    file.parent.chmod(0o500)
    try:
        result = arb("run", "-c", str(file))
    finally:
        file.parent.chmod(0o700)
    assert result.returncode == 4
    assert "demo.sqlite3" in result.stderr


@pytest.mark.parametrize("place", ["demo.toml/below.db", "no/such/folder.db", ""])
def test_a_database_that_cannot_be_there(arb: Arb, file: Path, place: str) -> None:
    database = file.parent / place
    change(file, str(file.with_name("demo.sqlite3")), str(database))
    for command in ("run", "report"):
        result = arb(command, "-c", str(file))
        assert result.returncode == 4
        assert str(database) in result.stderr
        assert "Traceback" not in result.stderr
        assert result.stdout == ""


@pytest.mark.parametrize(
    ("old", "new", "code", "message"),
    [
        ('exchanges = ["hourly", ', 'exchanges = ["hurly", ', 2, "hurly"),
        ('plugin = "simulated"', 'plugin = "simulted"', 2, "did you mean 'simulated'"),
        ('profile = "lighter-like"', 'profile = "lightr-like"', 2, "lighter-like"),
        ("max_hedge_notional_usd = 20000", "max_hedge_notional_usd = 900000", 2, "max_hedge_notional_usd"),
        ("collect_every", "colect_every", 2, "collect_every"),
        ('start = "2026', 'start = "26', 2, "start"),
    ],
)
def test_a_wrong_configuration_is_told_with_its_place(
    arb: Arb, file: Path, old: str, new: str, code: int, message: str
) -> None:
    change(file, old, new)
    result = arb("run", "-c", str(file))
    assert result.returncode == code
    assert message in result.stderr
    assert "demo.toml" in result.stderr
    assert "Traceback" not in result.stderr
    assert not file.with_name("demo.sqlite3").exists()


def test_live_with_simulated_exchanges_is_refused(arb: Arb, file: Path) -> None:
    result = arb("run", "-c", str(file), "--live", "--yes-live", "demo")
    assert result.returncode == 2
    assert result.stderr.count("is simulated") == 3


def test_a_finished_run_says_so(arb: Arb, file: Path) -> None:
    assert arb("run", "-c", str(file), "--until", "6h", "--quiet").returncode == 0
    again = arb("run", "-c", str(file), "--until", "6h", "--quiet")
    assert again.returncode == 2
    assert "arb report" in again.stderr
    assert arb("run", "-c", str(file), "--until", "7h", "--quiet").returncode == 0


def test_a_reader_that_goes_away_is_no_error(start: Start, arb: Arb, file: Path) -> None:
    assert arb("run", "-c", str(file), "--until", "1d", "--quiet").returncode == 0
    with start("report", "-c", str(file), "--details") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
