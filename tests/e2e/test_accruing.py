"""Funding that accrues, from the venue to the books: Paradex over its fake, which pays when positions change."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

Arb = Callable[..., "subprocess.CompletedProcess[str]"]
Write = Callable[..., None]

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

[exchanges.hourly]
plugin = "simulated"
settings = { profile = "dydx-like", deposit = 10000, taker_fee = "0" }

[exchanges.accruing]
plugin = "accruing"

[strategies.carry]
plugin = "funding_arbitrage"
exchanges = ["hourly", "accruing"]

[strategies.carry.settings]
notional_usd = 2000
horizon = "4h"
max_break_even = "4h"
max_hold = "9h"
cooldown = "0s"
safety_factor = 0
cycle = "15m"
bases = ["BTC", "ETH"]
"""

PLUGIN = '''
"""Paradex over its fake, with funding worth a trade, read by a plugin that is wrong by a factor."""
import pickle
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from arb.api import PLUGIN_API, Capability, ExchangeSpec, hookimpl
from arb.simulation import PROFILES, SeededMarket
from arb.testing import FakeContext, FakeWorld
from arb_exchange_paradex import plugin
from arb_exchange_simulated import plugin as simulated

PREDICTED, SETTLED = Decimal({predicted}), Decimal({settled})
MEMORY = Path("memory")
(INNER,) = plugin.arb_exchanges()
SETTINGS = simulated.arb_exchanges()[0].settings
CAPABILITIES = INNER.capabilities | {Capability.SIMULATED}

class Misread:
    def __init__(self, inner):
        self._inner = inner
    def __getattr__(self, name):
        return getattr(self._inner, name)
    async def fetch_funding_rates(self):
        return [replace(rate, raw=rate.raw * PREDICTED) for rate in await self._inner.fetch_funding_rates()]
    async def fetch_funding_history(self, instrument, start_ns, end_ns):
        found = await self._inner.fetch_funding_history(instrument, start_ns, end_ns)
        return [replace(rate, raw=rate.raw * SETTLED) for rate in found]

class Exchange:
    capabilities = CAPABILITIES
    def __init__(self, inner):
        self._inner = inner
        self.market = Misread(inner.market)
    def __getattr__(self, name):
        return getattr(self._inner, name)

@asynccontextmanager
async def open_(settings, context):
    profile = replace(PROFILES["hyperliquid-like"], interest=40.0, clamp=100.0)
    market = SeededMarket(seed=context.seed, exchange=context.name, profile=profile, assets=("BTC", "ETH"))
    memory = pickle.loads(MEMORY.read_bytes()) if MEMORY.exists() else {"realises": "changes"}
    world = FakeWorld(name=context.name, memory=memory, state=context.state)
    async with world.ground(INNER, context.clock, market=market) as (_, fake):
        inside = FakeContext(context.name, clock=context.clock, http=fake, websocket=fake, ids=context.ids)
        given = INNER.settings.model_validate(dict(INNER.fake.settings("http://fake.test")))
        async with INNER.open(given, inside) as exchange:
            yield Exchange(exchange)
    MEMORY.write_bytes(pickle.dumps(memory))

@hookimpl
def arb_exchanges():
    return [ExchangeSpec(name="accruing", settings=SETTINGS, open=open_, capabilities=CAPABILITIES)]
'''
METADATA = "Metadata-Version: 2.1\nName: arb-exchange-accruing\nVersion: 1.0\nRequires-Dist: arb-core>=0.1,<0.2\n"


@pytest.fixture
def write_plugin(tmp_path: Path, environ: dict[str, str]) -> Write:
    """Write the plugin with the factors by which its predictions and its history are wrong."""
    if importlib.util.find_spec("arb_exchange_paradex") is None:
        pytest.skip("not installed: arb_exchange_paradex")
    site = tmp_path / "site"
    about = site / "arb_exchange_accruing-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(METADATA, encoding="utf-8")
    (about / "entry_points.txt").write_text("[arb.exchanges]\naccruing = arb_exchange_accruing\n", encoding="utf-8")
    environ["PYTHONPATH"] = str(site)
    environ["PYTHONDONTWRITEBYTECODE"] = "1"
    (tmp_path / "arb.toml").write_text(CONFIG, encoding="utf-8")

    def write(*, predicted: int, settled: int) -> None:
        text = PLUGIN.replace("{predicted}", str(predicted)).replace("{settled}", str(settled))
        (site / "arb_exchange_accruing.py").write_text(text, encoding="utf-8")

    return write


def asked(arb: Arb, *arguments: str, code: int = 0) -> Any:
    done = arb(*arguments, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def proved(arb: Arb, code: int = 0) -> dict[str, str]:
    found = asked(arb, "funding", "proofs", code=code)
    return {f"{one['exchange']} {one['kind']}": one["verdict"] for one in found["exchanges"]}


def test_what_accrues_is_booked_realised_and_proved(arb: Arb, write_plugin: Write) -> None:
    write_plugin(predicted=1, settled=1)
    report = asked(arb, "run", "--until", "21h", "--speed", "max", "--quiet")
    assert report["unexplained"] == "0"
    closed = [one for one in report["hedges"] if one["status"] == "closed"]
    assert len(closed) >= 3
    assert all(Decimal(one["parts"]["funding"]) > 5 for one in closed), "each has what it earned"
    assert report["unattributed"]["payments"] == []
    assert proved(arb) == {
        "hourly settled": "proved",
        "accruing settled": "proved",
        "accruing predicted": "proved",
    }

    rows = [one for one in asked(arb, "funding", "payments")["settlements"] if one["instrument"].endswith(".accruing")]
    paid = [one for one in rows if one["state"] == "paid"]
    waiting = [one for one in rows if one["state"] == "accrued"]
    assert len(paid) == len(closed), "once for each position that was closed"
    assert len(paid) + len(waiting) == len(rows)
    assert all(abs(Decimal(one["paid"]) / Decimal(one["expected"]) - 1) < Decimal("0.1") for one in paid)

    balances = {one["account"]: Decimal(one["balance"]) for one in asked(arb, "ledger")["balances"]}
    for one in waiting:
        assert balances[f"assets:accrued:{one['instrument']}"] == Decimal(one["expected"])
    accrued = sum(amount for account, amount in balances.items() if account.startswith("assets:accrued:"))
    assert accrued == sum(Decimal(one["expected"]) for one in waiting), "what was realised left nothing behind"
    assert balances["income:funding:accruing"] == -sum(Decimal(one["paid"]) for one in paid)


def test_a_period_misread_by_eight_is_quarantined_and_released_when_mended(arb: Arb, write_plugin: Write) -> None:
    write_plugin(predicted=8, settled=8)
    asked(arb, "run", "--until", "21h", "--speed", "max", "--quiet")
    (told,) = asked(arb, "events", "--kind", "funding.quarantined")["events"]
    assert told["subject"] == "accruing"
    assert "a rate of eight hours is taken for one of an hour" in told["message"]
    assert proved(arb, code=7)["accruing settled"] == "mismatch"

    write_plugin(predicted=1, settled=1)
    asked(arb, "run", "--until", "22h", "--speed", "max", "--quiet")
    (released,) = asked(arb, "events", "--kind", "funding.released")["events"]
    assert released["subject"] == "accruing"
    assert asked(arb, "funding", "proofs", code=0)["quarantined"] == []


def test_predictions_misread_by_eight_are_quarantined_beside_a_history_that_is_right(
    arb: Arb, write_plugin: Write
) -> None:
    write_plugin(predicted=8, settled=1)
    asked(arb, "run", "--until", "14h", "--speed", "max", "--quiet")
    (told,) = asked(arb, "events", "--kind", "funding.quarantined")["events"]
    assert told["subject"] == "accruing"
    assert "what accrued over what was predicted is 0.125" in told["message"]
    assert "a rate of eight hours is taken for one of an hour" in told["message"]
    (held,) = asked(arb, "funding", "proofs", code=7)["quarantined"]
    assert held == {"exchange": "accruing", "reason": told["data"]["reason"]}
