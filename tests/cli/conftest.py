from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from arb.cli import main
from arb.kernel import installed_plugins

Arb = Callable[..., Result]
ArbProcess = Callable[..., "subprocess.CompletedProcess[str]"]

LAUNCH = "from arb.cli import main; main()"


@pytest.fixture
def arb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Arb:
    """Run `arb` in this process, in an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for variable in ("ARB_DISABLE_PLUGINS", "ARB_TRACEBACK"):
        monkeypatch.delenv(variable, raising=False)

    def run(*arguments: str, answers: str | None = None) -> Result:
        return CliRunner().invoke(main, arguments, input=answers, prog_name="arb")

    return run


@pytest.fixture
def alone() -> str:
    """Return the ARB_DISABLE_PLUGINS that leaves only what a test installs itself: every probe is a process."""
    return ",".join(sorted({ref.name for ref in installed_plugins()}))


@pytest.fixture
def arb_process(site_path: Path, tmp_path: Path) -> ArbProcess:
    """Run `arb` in a process of its own that sees what was installed."""

    def run(*arguments: str, launch: str = LAUNCH, **environ: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", launch, *arguments]
        env = {**os.environ, "PYTHONPATH": str(site_path), **environ}
        return subprocess.run(command, capture_output=True, text=True, env=env, cwd=tmp_path, timeout=100, check=False)

    return run


TRADING_FILE = """
[run]
start = "2026-01-01T00:00:00Z"
until = "2026-01-01T06:00:00Z"
collect_every = "30m"
watch_every = "30m"
[storages.main]
plugin = "t-file"
settings = {{ path = "{database}" }}
[cache_tiers]
order = []
[price_sources]
order = ["t-direct"]
[exchanges.north]
plugin = "t-memory"
[exchanges.south]
plugin = "t-memory"
[strategies.once]
plugin = "t-once"
exchanges = ["north", "south"]
"""

FILE_STORAGE = """
import sqlite3
from contextlib import asynccontextmanager
from pathlib import Path
from arb.api import Dialect, Settings, StorageError, StorageSpec, hookimpl

PLUGIN_API = 1

class FileSettings(Settings):
    path: str
    read_only: bool = False

class Transaction:
    def __init__(self, connection):
        self.connection = connection
    async def execute(self, sql, values=()):
        return self.run(sql, values).rowcount
    async def execute_many(self, sql, rows):
        for row in rows:
            self.run(sql, row)
    async def query(self, sql, values=()):
        return [dict(row) for row in self.run(sql, values).fetchall()]
    def run(self, sql, values):
        return self.connection.execute(sql, [v if isinstance(v, (int, str, type(None))) else str(v) for v in values])

class FileStorage:
    dialect = Dialect.SQLITE
    def __init__(self, connection):
        self.connection = connection
    @asynccontextmanager
    async def transaction(self):
        self.connection.execute("BEGIN")
        try:
            yield Transaction(self.connection)
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

@asynccontextmanager
async def open_(settings, context):
    if settings.read_only and not Path(settings.path).exists():
        raise StorageError(f"{settings.path}: does not exist")
    connection = sqlite3.connect(settings.path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA query_only = {settings.read_only}")
    yield FileStorage(connection)
    connection.close()

@hookimpl
def arb_storages():
    return [StorageSpec(name="t-file", settings=FileSettings, open=open_)]
"""

MEMORY_EXCHANGE = """
from contextlib import asynccontextmanager
from arb.api import Capability, ExchangeSpec, Settings, hookimpl
from arb.testing import MemoryExchange

PLUGIN_API = 1

@asynccontextmanager
async def open_(settings, context):
    exchange = MemoryExchange(context.name, clock=context.clock)
    exchange.set_funding(exchange.id_of("BTC"), "0.0001" if context.name == "south" else "0.00001")
    yield exchange

@hookimpl
def arb_exchanges():
    return [ExchangeSpec(name="t-memory", settings=Settings, open=open_, capabilities=frozenset(Capability))]
"""

ONCE_STRATEGY = """
from contextlib import asynccontextmanager
from decimal import Decimal
from arb.api import Settings, StrategySpec, hookimpl
from arb.model import HOUR_NS, CloseHedge, HedgePlan, InstrumentId, LegPlan, OpenHedge, PositionSide

PLUGIN_API = 1

class Once:
    cycle_ns = HOUR_NS
    hours = 0
    async def decide(self, view):
        self.hours += 1
        if view.hedges and self.hours == 4:
            return [CloseHedge(hedge_id=view.hedges[0].id, max_slippage_bps=Decimal(10), reason="four o'clock")]
        if self.hours not in (1, 5):
            return []
        sides = (("north", PositionSide.LONG), ("south", PositionSide.SHORT))
        legs = [LegPlan(instrument=InstrumentId(f"BTC-PERP.{x}"), side=s, quantity=Decimal("0.1")) for x, s in sides]
        plan = HedgePlan(base="BTC", legs=tuple(legs), max_slippage_bps=Decimal(10), reason="first hour")
        return [OpenHedge(plan=plan)]

@asynccontextmanager
async def open_(settings, context):
    yield Once()

@hookimpl
def arb_strategies():
    return [StrategySpec(name="t-once", settings=Settings, open=open_)]
"""

DIRECT_SOURCE = """
    async def fetch_order_book(self, exchange, instrument, depth):
        return await exchange.market.fetch_order_book(instrument, depth)
"""


@pytest.fixture
def trading(arb: Arb, install: Callable[..., str], code_of: Callable[..., str], tmp_path: Path) -> Path:
    """Write `run.toml` into the current folder: six simulated hours in which one hedge closes and one stays open.

    The exchanges, the strategy and the storage are made for these tests; no plugin of arb is needed.
    """
    install("arb-t-file", "t-file", FILE_STORAGE, group="arb.storages")
    install("arb-t-memory", "t-memory", MEMORY_EXCHANGE)
    install("arb-t-once", "t-once", ONCE_STRATEGY, group="arb.strategies")
    direct = code_of("price_sources", "t-direct", body=DIRECT_SOURCE)
    install("arb-t-direct", "t-direct", direct, group="arb.price_sources")
    database = tmp_path / "run.sqlite3"
    Path("run.toml").write_text(TRADING_FILE.format(database=database), encoding="utf-8")
    return database


@pytest.fixture
def empty(trading: Path, arb: Arb) -> Callable[[str], Path]:
    """Return a function that writes a configuration with these exchanges, whose storage is empty.

    The plugins of `trading` are installed.
    """

    def write(exchanges: str) -> Path:
        assert arb("--version").exit_code == 0
        path, database = trading.with_name("funding.toml"), trading.with_name("funding.db")
        storage = f'[storages.main]\nplugin = "t-file"\nsettings = {{ path = "{database}" }}\n'
        path.write_text(storage + exchanges, encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="module")
def kept() -> dict[str, bytes]:
    """Keep the stored run for all tests of this module."""
    return {}


@pytest.fixture
def ran(arb: Arb, trading: Path, kept: dict[str, bytes]) -> Path:
    """Store a run of six hours in which one hedge closes and one stays open."""
    if not kept:
        assert arb("run", "-c", "run.toml", "--quiet").exit_code == 0
        kept["run"] = trading.read_bytes()
    trading.write_bytes(kept["run"])
    return trading
