from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

Arb = Callable[..., "subprocess.CompletedProcess[str]"]

DAYS = 4
"""The run of seed 7 has closed a hedge by then."""


def demo(arb: Arb, *arguments: str) -> dict[str, Any]:
    result = arb("demo", "--json", *arguments)
    assert result.returncode == 0, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def check_books(report: dict[str, Any]) -> None:
    assert sum(Decimal(part) for part in report["parts"].values()) == Decimal(report["equity_change"])
    assert Decimal(report["unexplained"]) == 0
    change = Decimal(report["equity_end_usd"]) - Decimal(report["equity_start_usd"])
    assert change == Decimal(report["equity_change"])
    assert report["alarms"] == []


@pytest.mark.timeout(240)
def test_a_seed_gives_the_same_document_but_for_the_wall_time(arb: Arb, tmp_path: Path) -> None:
    arguments = ("--days", str(DAYS), "--seed", "7", "--no-plot")
    first, second = demo(arb, *arguments), demo(arb, *arguments, "--data", "kept")
    check_kept(arb, tmp_path / "kept", second)
    assert first.pop("wall_seconds") > 0
    assert second.pop("wall_seconds") > 0
    assert first == second
    assert list(first) == list(second)
    check_books(first)
    assert first["hedges_opened"] > 0
    assert first["hedges_closed"] > 0
    assert Decimal(first["max_abs_delta_usd"]) >= 0
    assert first["simulated_seconds"] >= DAYS * 86_400
    assert first["seed"] == 7
    assert {wallet["exchange"] for wallet in first["wallets"]} == {"hourly", "classic", "free"}


@pytest.mark.timeout(240)
def test_another_seed_is_another_run(arb: Arb) -> None:
    first, second = (demo(arb, "--days", "2", "--seed", seed, "--no-plot") for seed in ("1", "2"))
    check_books(first)
    check_books(second)
    assert first["wallets"] != second["wallets"]


def check_kept(arb: Arb, folder: Path, ran: dict[str, Any]) -> None:
    """The run in a folder can be looked at afterwards."""
    assert sorted(path.name for path in folder.iterdir() if "lock" not in path.name) == ["demo.sqlite3", "demo.toml"]
    again = demo(arb, "--data", "kept", "--no-plot")
    stored = json.loads(arb("report", "-c", "kept/demo.toml", "--json").stdout)
    assert again == stored
    own = {"wall_seconds", "simulated_seconds", "mode"}
    assert {key: value for key, value in stored.items() if key not in own} == {
        key: value for key, value in ran.items() if key not in own
    }
    held = json.loads(arb("positions", "-c", "kept/demo.toml", "--all", "--json").stdout)
    assert len(held["hedges"]) == len(ran["hedges"])
    events = json.loads(arb("events", "-c", "kept/demo.toml", "--kind", "hedge.opened", "--json").stdout)["events"]
    assert len(events) == ran["hedges_opened"]


def test_the_text_and_the_plot(arb: Arb, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = arb("demo", "--days", "2")
    assert result.returncode == 0
    assert "SIMULATED run, seed" in result.stdout
    assert "unexplained" in result.stdout
    assert result.stderr == "Plot: arb-demo.svg\n"
    assert (tmp_path / "arb-demo.svg").read_text(encoding="utf-8").startswith("<?xml")
