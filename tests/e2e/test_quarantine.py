"""A venue whose rates are misread by a hundred: what it pays tells, until its plugin is mended."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Arb = Callable[..., "subprocess.CompletedProcess[str]"]

CONFIG = """
[run]
seed = 3
collect_every = "15m"
watch_every = "5m"
start = "2026-01-01T00:00:00Z"

[risk]
max_hedge_notional_usd = 2000
max_hedges = 6
max_loss_usd = 5000

[storages.main]
plugin = "sqlite"
settings = { path = "run.db" }

[exchanges.honest]
plugin = "simulated"
settings = { profile = "hyperliquid-like", deposit = 10000 }

[exchanges.other]
plugin = "simulated"
settings = { profile = "dydx-like", deposit = 10000 }

[exchanges.misread]
plugin = "misread"
settings = { profile = "lighter-like", deposit = 10000 }

[strategies.carry]
plugin = "funding_arbitrage"
exchanges = ["honest", "other", "misread"]

[strategies.carry.settings]
notional_usd = 2000
horizon = "5d"
safety_factor = 0
cycle = "15m"
bases = ["BTC", "ETH", "SOL"]

[strategies.elsewhere]
plugin = "funding_arbitrage"
exchanges = ["honest", "other"]

[strategies.elsewhere.settings]
notional_usd = 2000
horizon = "5d"
safety_factor = 0
cycle = "15m"
bases = ["HYPE"]
"""

PLUGIN = '''
"""The simulated exchange, read by a plugin that takes percent for fractions."""
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from arb.api import PLUGIN_API, ExchangeSpec, hookimpl
from arb_exchange_simulated import plugin

FACTOR = Decimal({factor})
(INNER,) = plugin.arb_exchanges()

class Misread:
    def __init__(self, inner):
        self._inner = inner
    def __getattr__(self, name):
        return getattr(self._inner, name)
    async def fetch_funding_rates(self):
        return [replace(rate, raw=rate.raw * FACTOR) for rate in await self._inner.fetch_funding_rates()]
    async def fetch_funding_history(self, instrument, start_ns, end_ns):
        found = await self._inner.fetch_funding_history(instrument, start_ns, end_ns)
        return [replace(rate, raw=rate.raw * FACTOR) for rate in found]

class Exchange:
    def __init__(self, inner):
        self._inner = inner
        self.market = Misread(inner.market)
    def __getattr__(self, name):
        return getattr(self._inner, name)

@asynccontextmanager
async def open_(settings, context):
    async with INNER.open(settings, context) as inner:
        yield Exchange(inner)

@hookimpl
def arb_exchanges():
    return [ExchangeSpec(name="misread", settings=INNER.settings, open=open_, capabilities=INNER.capabilities)]
'''
METADATA = "Metadata-Version: 2.1\nName: arb-exchange-misread\nVersion: 1.0\nRequires-Dist: arb-core>=0.1,<0.2\n"


@pytest.fixture
def write_plugin(tmp_path: Path, environ: dict[str, str]) -> Callable[[int], None]:
    """Write the plugin with the factor by which it is wrong."""
    site = tmp_path / "site"
    about = site / "arb_exchange_misread-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(METADATA, encoding="utf-8")
    (about / "entry_points.txt").write_text("[arb.exchanges]\nmisread = arb_exchange_misread\n", encoding="utf-8")
    environ["PYTHONPATH"] = str(site)
    environ["PYTHONDONTWRITEBYTECODE"] = "1"
    (tmp_path / "arb.toml").write_text(CONFIG, encoding="utf-8")

    def write(factor: int) -> None:
        (site / "arb_exchange_misread.py").write_text(PLUGIN.replace("{factor}", str(factor)), encoding="utf-8")

    return write


def events(arb: Arb, kind: str) -> list[dict[str, Any]]:
    found = arb("events", "--kind", kind, "--json")
    assert found.returncode == 0, found.stderr
    rows: list[dict[str, Any]] = json.loads(found.stdout)["events"]
    return rows


def test_percent_taken_for_fractions_is_quarantined_and_released_when_mended(
    arb: Arb, write_plugin: Callable[[int], None]
) -> None:
    write_plugin(100)
    result = arb("run", "--until", "3d", "--speed", "max", "--quiet", "--json")
    assert result.returncode == 0, result.stderr
    (quarantined,) = events(arb, "funding.quarantined")
    assert quarantined["severity"] == "alarm"
    assert "a number in percent is taken for a fraction" in quarantined["message"]
    proofs = arb("funding", "proofs", "--json")
    assert proofs.returncode == 7
    found = json.loads(proofs.stdout)
    assert {one["exchange"]: one["verdict"] for one in found["exchanges"]} == {
        "honest": "proved",
        "other": "proved",
        "misread": "mismatch",
    }
    assert [one["exchange"] for one in found["quarantined"]] == ["misread"]
    # Nothing is opened on it after that, elsewhere it goes on, and the books balance: it paid rightly all the time.
    late = [one["message"] for one in events(arb, "hedge.opening") if one["time"] > quarantined["time"]]
    assert late
    assert not any("misread" in message for message in late)
    assert json.loads(result.stdout)["unexplained"] == "0"

    write_plugin(1)
    mended = arb("run", "--until", "4d", "--speed", "max", "--quiet", "--json")
    assert mended.returncode == 0, mended.stderr
    # The history that the mended plugin reads proves the old payments; nothing is in quarantine any more.
    assert len(events(arb, "funding.quarantined")) == 1
    (released,) = events(arb, "funding.released")
    assert released["subject"] == "misread"
    proofs = arb("funding", "proofs", "--json")
    assert (proofs.returncode, json.loads(proofs.stdout)["quarantined"]) == (0, [])
    table = arb("funding", "proofs", "--details")
    assert "BTC-PERP.misread" in table.stdout
