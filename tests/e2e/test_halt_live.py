"""A run at the speed of the world, halted from another process."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

Install = Callable[..., str]

CONFIGURATION = """
[run]
start = "2026-01-01T00:00:00Z"
[storages.main]
plugin = "sqlite"
settings = { path = "live.sqlite3" }
[exchanges.north]
plugin = "simulated"
settings = { profile = "hyperliquid-like", assets = ["BTC"] }
[exchanges.south]
plugin = "simulated"
settings = { profile = "lighter-like", assets = ["BTC"] }
[strategies.busy]
plugin = "t-busy"
exchanges = ["north", "south"]
"""

BUSY_STRATEGY = """
from contextlib import asynccontextmanager
from decimal import Decimal
from arb.api import Settings, StrategySpec, hookimpl
from arb.model import MILLISECOND_NS, CloseHedge, HedgePlan, InstrumentId, LegPlan, OpenHedge, PositionSide

PLUGIN_API = 1

class Busy:
    cycle_ns = 200 * MILLISECOND_NS
    async def decide(self, view):
        bound = Decimal(50)
        if view.hedges:
            return [CloseHedge(hedge_id=view.hedges[0].id, max_slippage_bps=bound, reason="on and off")]
        sides = (("north", PositionSide.LONG), ("south", PositionSide.SHORT))
        legs = [LegPlan(instrument=InstrumentId(f"BTC-PERP.{x}"), side=s, quantity=Decimal("0.01")) for x, s in sides]
        plan = HedgePlan(base="BTC", legs=tuple(legs), max_slippage_bps=bound, reason="on and off")
        return [OpenHedge(plan=plan)]

@asynccontextmanager
async def open_(settings, context):
    yield Busy()

@hookimpl
def arb_strategies():
    return [StrategySpec(name="t-busy", settings=Settings, open=open_)]
"""


class Live:
    """The running process, what it has stored, and commands beside it."""

    def __init__(self, command: list[str], environ: dict[str, str], folder: Path) -> None:
        self._command = command
        self._environ = environ
        self._folder = folder
        self.process = self._start("run", "-c", "live.toml", "--speed", "1")

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self._command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self._folder,
            env=self._environ,
        )

    def arb(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        with self._start(*arguments, "-c", "live.toml") as process:
            out, errors = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, errors)

    def wait_for_line(self, text: str, times: int = 1) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            times -= text in line
            if times <= 0:
                return
        raise AssertionError(f"it ended before {text}")

    def count(self, purpose: str) -> int:
        """Return how many orders of a purpose are on record."""
        with closing(sqlite3.connect(self._folder / "live.sqlite3")) as connection:
            rows = connection.execute("SELECT COUNT(*) FROM orders WHERE purpose = ?", (purpose,)).fetchall()
        return int(rows[0][0])


def pause(seconds: float) -> None:
    time.sleep(seconds)  # noqa: TID251 - a test watches a process


@pytest.fixture
def live(
    command: list[str], environ: dict[str, str], install: Install, site_path: Path, tmp_path: Path
) -> Iterator[Live]:
    """Start a run that opens and closes a hedge several times a second."""
    install("arb-t-busy", "t-busy", BUSY_STRATEGY, group="arb.strategies")
    (tmp_path / "live.toml").write_text(CONFIGURATION, encoding="utf-8")
    live = Live(command, {**environ, "PYTHONPATH": str(site_path), "PYTHONUNBUFFERED": "1"}, tmp_path)
    with live.process as process:
        try:
            yield live
        finally:
            process.kill()


def test_nothing_is_opened_after_a_halt_until_a_person_resumes(live: Live) -> None:
    live.wait_for_line("hedge.opened", times=2)
    halted = live.arb("halt", "--reason", "stop", "--by", "anna")
    assert halted.returncode == 0, halted.stderr
    entries = live.count("entry")
    pause(1.5)
    assert live.process.poll() is None
    assert live.count("entry") == entries
    assert live.count("exit") == entries, "what was open is closed all the same"

    beside = live.arb("flatten", "--all", "--json", "--timeout", "5")
    assert beside.returncode == 5, beside.stderr
    exchanges: list[dict[str, Any]] = json.loads(beside.stdout)["exchanges"]
    assert {one["verdict"] for one in exchanges} == {"unknown"}, "the run has the storage in which they live"
    assert all("in use by process" in one["problems"][0] for one in exchanges)

    assert live.arb("resume", "--by", "anna", "--reason", "looked").returncode == 0
    live.wait_for_line("halt.lifted")  # earlier lines may tell of what was opened before the halt
    live.wait_for_line("hedge.opened")
    assert live.count("entry") > entries
    live.process.terminate()
    out, _ = live.process.communicate(timeout=30)
    assert live.process.returncode == 0, out


def test_removing_the_file_of_the_halts_lifts_nothing(live: Live, tmp_path: Path) -> None:
    live.wait_for_line("hedge.opened")
    assert live.arb("halt", "--reason", "stop").returncode == 0
    live.wait_for_line("halt.raised")
    (tmp_path / "live.halts").unlink()
    live.wait_for_line("halt.raised")
    entries = live.count("entry")
    pause(1)
    assert live.count("entry") == entries
    assert "has lost what stood in it" in live.arb("halt", "--list").stdout


def test_a_halt_holds_after_kill_and_restart(live: Live) -> None:
    live.wait_for_line("hedge.opened")
    live.process.kill()
    live.process.communicate()
    assert live.arb("halt", "--reason", "stop").returncode == 0
    entries = live.count("entry")
    ended = live.arb("run", "--quiet", "--speed", "1000", "--until", "1m")
    assert ended.returncode in (0, 6), ended.stderr
    assert live.count("entry") == entries
