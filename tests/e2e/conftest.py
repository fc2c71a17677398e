"""Real processes of the installed `arb`; they need the plugins of this repository."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Arb = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]

_NEEDED = (
    "arb_exchange_simulated",
    "arb_strategy_funding_arbitrage",
    "arb_price_source_rest",
    "arb_cache_tier_memory",
    "arb_storage_sqlite",
)
_LIMIT_S = 110


@pytest.fixture
def command() -> list[str]:
    """Return the installed command; skip where the plugins of this repository are not installed."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    return [str(Path(sys.executable).with_name("arb"))]


@pytest.fixture
def environ() -> dict[str, str]:
    """Return an environment without switches of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ARB_")}


@pytest.fixture
def start(command: list[str], environ: dict[str, str], tmp_path: Path) -> Start:
    """Start `arb` in an empty folder; `before` runs in the new process first."""

    def start(*arguments: str, before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environ,
            preexec_fn=before,
        )

    return start


@pytest.fixture
def arb(start: Start) -> Arb:
    """Run `arb` in an empty folder to its end."""

    def run(*arguments: str, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
        with start(*arguments, before=before) as process:
            try:
                out, errors = process.communicate(timeout=_LIMIT_S)
            finally:
                process.kill()
        return subprocess.CompletedProcess(arguments, process.returncode, out, errors)

    return run
