"""Episodes whose venues are reached through the real exchange plugins, each over its own fake venue."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Callable

import pytest

Arb = Callable[..., "subprocess.CompletedProcess[str]"]
PLUGINS = ("hyperliquid", "lighter", "backpack")


@pytest.fixture(autouse=True)
def installed() -> None:
    missing = [name for name in PLUGINS if importlib.util.find_spec(f"arb_exchange_{name}") is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def test_real_plugins_trade_crash_and_recover_without_a_violation(arb: Arb) -> None:
    done = arb("simulate", "--plugins", ",".join(PLUGINS), "--episodes", "12", "--seed", "1", "--jobs", "1", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert (report["episodes"], report["violations"]) == (12, [])
    assert report["crashes"] > 0
    assert report["orders"] > 30
    assert sum(report["outcomes"].values()) > 10


def test_the_same_seed_gives_the_same_episode(arb: Arb) -> None:
    first, second = [
        json.loads(arb("simulate", "--plugins", "backpack,hyperliquid", "--replay", "5", "--json").stdout)
        for _ in range(2)
    ]
    assert first["log_sha256"] == second["log_sha256"]


def test_a_plugin_without_a_fake_is_named(arb: Arb) -> None:
    done = arb("simulate", "--plugins", "simulated")
    assert done.returncode == 3
    assert "brings no fake venue" in done.stderr


def test_an_empty_list_of_plugins_is_refused(arb: Arb) -> None:
    done = arb("simulate", "--plugins", " , ")
    assert done.returncode == 2
    assert "it names no plugin" in done.stderr
