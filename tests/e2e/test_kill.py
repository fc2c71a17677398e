from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from arb.cli._demo_run import Wanted, prepare

Arb = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]

DAYS = "6"


def killed_at_random(start: Start, seed: int, *arguments: str) -> tuple[int, str]:
    """Start the command again and again and kill it; return how often, and what the one that ended printed."""
    moments = random.Random(seed)  # noqa: TID251 - when a test kills
    for kills in range(6):
        with start(*arguments) as process:
            try:
                out, errors = process.communicate(timeout=moments.uniform(0.7, 3))
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                continue
        assert process.returncode == 0, errors
        return kills, out
    return 6, ""


def rows(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql).fetchall()


def check_nothing_twice(database: Path, report: dict[str, Any]) -> None:
    assert Decimal(report["unexplained"]) == 0
    assert sum(Decimal(part) for part in report["parts"].values()) == Decimal(report["equity_change"])
    assert report["alarms"] == []
    assert report["stopped"] == "the end time was reached"
    assert report["end"].startswith("2026-01-07")
    counters = report["counters"]
    assert counters["hedges_opening_now"] == counters["hedges_closing_now"] == counters["hedges_halted_now"] == 0
    fills = [fill for hedge in report["hedges"] for fill in hedge["fills"]]
    assert len({(fill["instrument"], fill["fill_id"]) for fill in fills}) == len(fills)
    paid = [(line["instrument"], line["settled_ns"]) for hedge in report["hedges"] for line in hedge["payments"]]
    assert len(set(paid)) == len(paid)
    assert rows(database, "SELECT client_order_id FROM orders GROUP BY 1 HAVING COUNT(*) > 1") == []
    final = "('filled', 'cancelled', 'expired', 'not_sent')"
    assert rows(database, f"SELECT status FROM orders WHERE status NOT IN {final}") == []
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_demo_that_is_killed_goes_on_to_the_same_end(start: Start, arb: Arb, tmp_path: Path, seed: int) -> None:
    arguments = ("demo", "--data", "kept", "--days", DAYS, "--json", "--no-plot")
    kills, out = killed_at_random(start, seed, *arguments)
    assert kills > 0
    if not out:
        result = arb(*arguments)
        assert result.returncode == 0, result.stderr
        out = result.stdout
    report = json.loads(out)
    assert report["hedges_opened"] > 0
    check_nothing_twice(tmp_path / "kept" / "demo.sqlite3", report)


@pytest.mark.timeout(240)
def test_run_goes_on_where_a_killed_demo_stopped(start: Start, arb: Arb, tmp_path: Path) -> None:
    with start("demo", "--data", "kept", "--days", DAYS, "--no-plot") as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=2.5)
        process.kill()
    result = arb("run", "-c", "kept/demo.toml", "--json", "--quiet")
    assert result.returncode == 0, result.stderr
    check_nothing_twice(tmp_path / "kept" / "demo.sqlite3", json.loads(result.stdout))


def killed_while_trading(start: Start, moments: random.Random, file: str) -> int:  # noqa: TID251 - the type
    """Run, and kill a moment after an entry or exit began; return the exit code."""
    with start("run", "-c", file) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "hedge.opening" in line or "hedge.closing" in line:
                moment = time.perf_counter() + moments.uniform(0, 0.01)
                while time.perf_counter() < moment:
                    pass
                process.kill()
                break
        process.communicate()
    return process.returncode


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [1, 2])
def test_orders_that_were_under_way_are_settled_first(start: Start, arb: Arb, tmp_path: Path, seed: int) -> None:
    """Whatever part of an entry or exit had happened, the next run finds it out and finishes or undoes it."""
    file = prepare(Wanted(seed=None, days=6, folder=tmp_path / "kept"), tmp_path / "kept")
    moments = random.Random(seed)  # noqa: TID251 - when a test kills
    codes = [killed_while_trading(start, moments, str(file)) for _ in range(6)]
    assert codes[0] == -signal.SIGKILL
    arb("run", "-c", str(file), "--quiet")
    result = arb("report", "-c", str(file), "--json")
    assert result.returncode == 0, result.stderr
    check_nothing_twice(tmp_path / "kept" / "demo.sqlite3", json.loads(result.stdout))


def test_a_demo_that_was_killed_before_its_first_step_begins(arb: Arb, tmp_path: Path) -> None:
    file = prepare(Wanted(seed=None, days=1, folder=tmp_path / "kept"), tmp_path / "kept")
    file.with_name("demo.sqlite3").touch()
    result = arb("demo", "--data", "kept", "--json", "--no-plot")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["end"].startswith("2026-01-02")


@pytest.mark.timeout(240)
def test_a_hedge_that_nobody_would_watch_is_not_left_alone(start: Start, arb: Arb, tmp_path: Path) -> None:
    file = tmp_path / "kept" / "demo.toml"
    assert arb("demo", "--data", "kept", "--days", "2", "--no-plot").returncode == 0
    text = file.read_text(encoding="utf-8").replace("until = ", "# until = ")
    held = rows(file.with_name("demo.sqlite3"), "SELECT hedge_id FROM hedges WHERE status = 'open'")
    assert held
    file.write_text(text.replace("[strategies.carry]", "[strategies.other]"), encoding="utf-8")
    refused = arb("run", "-c", str(file), "--until", "3d", "--quiet")
    assert refused.returncode == 2
    assert "[strategies.carry]: is not in the configuration" in refused.stderr
    assert held[0][0] in refused.stderr
    file.write_text(text.replace("[exchanges.free]", "[exchanges.gone]").replace('"free"', '"gone"'), encoding="utf-8")
    refused = arb("run", "-c", str(file), "--until", "3d", "--quiet")
    assert refused.returncode == 2
    assert "[exchanges.free]: is not in the configuration" in refused.stderr
    file.write_text(text, encoding="utf-8")
    assert arb("run", "-c", str(file), "--until", "3d", "--quiet").returncode == 0
