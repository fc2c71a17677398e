"""`arb flatten` with everything else broken, on simulated, paper and real accounts."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from arb.execution import AccountVerdict, FlattenPolicy
from arb.kernel import read_sound
from arb.model import SECOND_NS, ExchangeName
from arb.runtime import flatten, flatten_targets

Arb = Callable[..., Result]

SIMULATED = """
from contextlib import asynccontextmanager
from decimal import Decimal
from arb.api import ExchangeSpec, Settings, hookimpl
from arb.simulation import (
    PROFILES, SIMULATED_CAPABILITIES, SeededMarket, SimulatedVenue, VenueRules, open_simulated_exchange,
)

PLUGIN_API = 1

@asynccontextmanager
async def open_(settings, context):
    profile = PROFILES["hyperliquid-like"]
    market = SeededMarket(
        seed=context.seed, exchange=context.name, profile=profile, assets=("BTC",), fees=profile.fees, quote=None,
        interval_ns=None,
    )
    venue = SimulatedVenue(
        market, VenueRules(), name=context.name, deposits={"USDC": Decimal(100_000)}, start_ns=context.clock.now_ns()
    )
    async with open_simulated_exchange(venue, context, world=f"seed {context.seed}") as exchange:
        yield exchange

@hookimpl
def arb_exchanges():
    return [ExchangeSpec(name="t-sim", settings=Settings, open=open_, capabilities=SIMULATED_CAPABILITIES)]
"""

REAL = """
import asyncio
import time
from contextlib import asynccontextmanager
from decimal import Decimal
from arb.api import Capability, ConnectFailed, ExchangeSpec, ExchangeTraits, Settings, hookimpl
from arb.model import ClientOrderId, OrderRequest, Side
from arb.testing import Fault, MemoryExchange

PLUGIN_API = 1
CAPABILITIES = frozenset(Capability) - {Capability.DEAD_MANS_SWITCH, Capability.SIMULATED}
OPENED = []

class RealSettings(Settings):
    fault: str = ""
    position: Decimal = Decimal("0.4")

@asynccontextmanager
async def open_(settings, context):
    if settings.fault == "hangs":
        await asyncio.Event().wait()
    if settings.fault == "away":
        raise ConnectFailed("it is away", exchange=context.name)
    if settings.fault == "once-away" and not OPENED:
        OPENED.append(None)
        raise ConnectFailed("it is away", exchange=context.name)
    if settings.fault == "exits":
        raise SystemExit(3)
    if settings.fault == "blocks":
        time.sleep(8)
    liar = {Capability.SIMULATED} if settings.fault == "lies" else set()
    traits = ExchangeTraits(read_after_write_ns=0, order_validity_ns=200_000_000)
    exchange = MemoryExchange(
        context.name, clock=context.clock, capabilities=CAPABILITIES | liar, traits=traits
    )
    exchange.set_funding(exchange.id_of("BTC"), "0.0001" if context.name == "south" else "0.00001")
    if settings.position:
        request = OrderRequest(
            client_order_id=ClientOrderId("before"), instrument=exchange.id_of("BTC"), side=Side.BUY,
            quantity=settings.position, price=Decimal(60_000),
        )
        await exchange.trading.send_order(await exchange.trading.prepare_order(request))
    if settings.fault == "down":
        for operation in ("fetch_positions", "fetch_open_orders", "cancel_all", "send_order"):
            exchange.faults.always(operation, Fault.not_sent())
    OPENED.append(exchange)
    yield exchange

@hookimpl
def arb_exchanges():
    return [ExchangeSpec(name="t-real", settings=RealSettings, open=open_, capabilities=CAPABILITIES)]
"""

BROKEN_STORAGE = """
from contextlib import asynccontextmanager
from arb.api import Settings, StorageError, StorageSpec, hookimpl

PLUGIN_API = 1

@asynccontextmanager
async def open_(settings, context):
    raise StorageError("run.sqlite3: in use by process 7; stop it first")
    yield

@hookimpl
def arb_storages():
    return [StorageSpec(name="t-broken", settings=Settings, open=open_)]
"""


def change(*replacements: tuple[str, str]) -> None:
    file = Path("run.toml")
    text = file.read_text(encoding="utf-8")
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def flat(arb: Arb, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Flatten, and return the document."""
    result = arb("flatten", "-c", "run.toml", "--json", *arguments)
    assert result.exit_code == code, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {one["exchange"]: one["verdict"] for one in document["exchanges"]}


def problems(document: dict[str, Any]) -> dict[str, str]:
    return {one["exchange"]: " ".join(one["problems"]) for one in document["exchanges"]}


@pytest.fixture
def simulated(install: Callable[..., str], trading: Path) -> Path:
    """Make both exchanges simulated ones that keep their account in the storage."""
    install("arb-t-sim", "t-sim", SIMULATED)
    change(('plugin = "t-memory"', 'plugin = "t-sim"'), ("06:00:00Z", "00:30:00Z"), ('"30m"', '"10m"'))
    return trading


@pytest.fixture
def real(install: Callable[..., str], trading: Path) -> None:
    """Make both exchanges real and armed, each with a position of 0.4 BTC."""
    install("arb-t-real", "t-real", REAL)
    change(('plugin = "t-memory"', 'plugin = "t-real"\narmed = true\nsettings = { fault = "" }'))


@pytest.fixture
def broken(install: Callable[..., str], real: None) -> None:
    """Break everything but the exchanges."""
    install("arb-t-broken", "t-broken", BROKEN_STORAGE, group="arb.storages")
    change(
        ('plugin = "t-file"', 'plugin = "t-broken"'),
        ("settings = { path = ", "# "),
        ('plugin = "t-once"', 'plugin = "not-installed"'),
        ('order = ["t-direct"]', 'order = ["gone-too"]'),
        ("[cache_tiers]\norder = []", '[cache_tiers]\norder = ["gone"]'),
        ('exchanges = ["north", "south"]', "exchanges = 7\n[extensions.x]\nplugin = 'gone'\n[risk]\nunknown = 1"),
    )


def fault(exchange: str, kind: str) -> None:
    """Let the plugin of one exchange misbehave."""
    file, table = Path("run.toml"), f"[exchanges.{exchange}]"
    head, _, tail = file.read_text(encoding="utf-8").partition(table)
    broken = tail.replace('fault = ""', f'fault = "{kind}"', 1)
    assert broken != tail
    file.write_text(f"{head}{table}{broken}", encoding="utf-8")


def opened() -> list[Any]:
    """Return the exchanges that the plugin opened in this process."""
    return list(sys.modules["arb_t_real"].OPENED)


def test_simulated_accounts_are_closed_at_the_time_of_their_run(arb: Arb, simulated: Path) -> None:
    assert arb("run", "-c", "run.toml", "--quiet", "--seed", "5").exit_code == 0
    held = json.loads(arb("positions", "-c", "run.toml", "--json").stdout)["positions"]
    assert {row["instrument"]: Decimal(row["quantity"]) for row in held} == {
        "BTC-PERP.north": Decimal("0.1"),
        "BTC-PERP.south": Decimal("-0.1"),
    }
    document = flat(arb, "--all")
    assert document["flat"] is True
    assert verdicts(document) == {"north": "flat", "south": "flat"}
    sent = [(one["side"], Decimal(one["quantity"])) for each in document["exchanges"] for one in each["orders"]]
    assert sent == [("sell", Decimal("0.1")), ("buy", Decimal("0.1"))]
    assert all(one["read"].startswith("2026-01-01T00:30:") for one in document["exchanges"])
    again = flat(arb, "--exchange", "south")
    assert ([one["orders"] for one in again["exchanges"]], again["flat"]) == ([[]], True)


def test_the_next_run_finds_the_hedge_closed(arb: Arb, simulated: Path) -> None:
    arb("run", "-c", "run.toml", "--quiet")
    flat(arb, "--all")
    arb("resume", "-c", "run.toml", "--by", "anna", "--reason", "looked")
    change(("00:30:00Z", "00:40:00Z"))
    report = json.loads(arb("run", "-c", "run.toml", "--quiet", "--json").stdout)
    assert report["unexplained"] == "0"
    assert report["hedges"][0]["status"] in ("closed", "abandoned")


def test_an_account_that_another_process_trades_is_left_to_it(arb: Arb, simulated: Path) -> None:
    arb("run", "-c", "run.toml", "--quiet")
    with closing(sqlite3.connect(simulated)) as connection, connection:
        changes = "holder = 'another-host:1:1', expires_ns = 9000000000000000000"
        connection.execute(f"UPDATE leases SET {changes} WHERE account = 'north'")
    document = flat(arb, "--all", code=5)
    assert verdicts(document) == {"north": "unknown", "south": "flat"}
    assert "process another-host:1:1 trades it" in problems(document)["north"]


def test_it_halts_first(arb: Arb, simulated: Path) -> None:
    arb("run", "-c", "run.toml", "--quiet")
    document = flat(arb, "--exchange", "north")
    assert [(one["scope"], one["reason"]) for one in document["halts"]] == [("north", "flatten")]
    flat(arb, "--all")
    listed = json.loads(arb("halt", "-c", "run.toml", "--list", "--json").stdout)["halts"]
    assert [one["scope"] for one in listed] == ["north", "all"]


def test_a_storage_that_holds_no_run_proves_nothing(arb: Arb, simulated: Path) -> None:
    missing = flat(arb, "--all", code=5)
    assert verdicts(missing) == {"north": "unknown", "south": "unknown"}
    assert f"{simulated}: does not exist" in problems(missing)["north"]
    assert not simulated.exists()
    assert arb("run", "-c", "run.toml", "--quiet").exit_code == 6, "the halt of the flatten stands"
    with closing(sqlite3.connect(simulated)) as connection, connection:
        connection.execute("DELETE FROM plugin_state WHERE owner = 'run'")
    empty = flat(arb, "--all", code=5)
    assert "it holds no run" in problems(empty)["south"]


@pytest.mark.usefixtures("broken")
def test_real_accounts_are_closed_while_everything_else_is_broken(arb: Arb) -> None:
    document = flat(arb, "--all", "--yes", "all")
    assert verdicts(document) == {"north": "flat", "south": "flat"}
    assert [one["account"] for one in document["exchanges"]] == ["real", "real"]
    for exchange in opened():
        assert exchange._account.quantity(exchange.id_of("BTC")) == 0
        requests = [order.request for name, order in exchange._orders.orders.items() if name.startswith("flat-")]
        assert [(one.reduce_only, one.quantity) for one in requests] == [(True, Decimal("0.4"))]


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("down", "no connection"),
        ("away", "it is away"),
        ("exits", "SystemExit"),
        ("lies", "differ in whether real money can move"),
    ],
)
def test_an_exchange_that_fails_is_unknown_and_stops_no_other(arb: Arb, kind: str, said: str) -> None:
    fault("north", kind)
    document = flat(arb, "--all", "--yes", "all", "--timeout", "5", code=5)
    assert verdicts(document) == {"north": "unknown", "south": "flat"}
    assert said in problems(document)["north"]


@pytest.mark.usefixtures("broken")
def test_an_exchange_that_is_away_for_a_moment_is_opened_again(arb: Arb) -> None:
    fault("north", "once-away")
    assert verdicts(flat(arb, "--exchange", "north", "--yes", "north")) == {"north": "flat"}


@pytest.mark.usefixtures("broken")
def test_a_plugin_that_cannot_be_used_stops_no_other(arb: Arb) -> None:
    text = Path("run.toml").read_text(encoding="utf-8")
    Path("run.toml").write_text(text.replace('plugin = "t-real"', 'plugin = "not-there"', 1), encoding="utf-8")
    document = flat(arb, "--all", "--yes", "all", code=5)
    assert verdicts(document) == {"north": "unknown", "south": "flat"}
    assert "not-there" in problems(document)["north"]


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("kind", ["hangs", "blocks"])
def test_a_plugin_that_hangs_is_left_behind(kind: str) -> None:
    """Its code never returns, or does not even let others run."""
    fault("north", kind)
    sound = read_sound(Path("run.toml"))
    names = [ExchangeName("north"), ExchangeName("south")]
    targets = flatten_targets(sound, "run.toml", names, frozenset())
    policy = FlattenPolicy(budget_ns=3 * SECOND_NS, grace_ns=2 * SECOND_NS)
    ends: dict[str, float] = {}
    began = time.monotonic()

    def tell(line: str) -> None:
        ends[line.partition(":")[0]] = time.monotonic() - began

    north, south = flatten(targets, sound, "run.toml", policy, tell, frozenset())
    assert (north.verdict, south.verdict) == (AccountVerdict.UNKNOWN, AccountVerdict.FLAT)
    assert north.problems
    assert ends["south"] < 4, "north is given up after five"
    assert time.monotonic() - began < 10


@pytest.mark.usefixtures("real")
def test_a_real_exchange_has_to_be_named(arb: Arb) -> None:
    result = arb("flatten", "-c", "run.toml", "--all", "--yes", "south")
    assert result.exit_code == 2
    assert "north is real: --yes north confirms it" in result.stderr
    assert opened() == []
    listed = json.loads(arb("halt", "-c", "run.toml", "--list", "--json").stdout)["halts"]
    assert [one["reason"] for one in listed] == ["flatten"]


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(("answer", "code"), [("north", 0), ("yes", 2)])
def test_it_asks_at_a_terminal(site_path: Path, answer: str, code: int) -> None:
    terminal, stdin = pty.openpty()
    launch = "from arb.cli import main; main()"
    command = [sys.executable, "-c", launch, "flatten", "-c", "run.toml", "--exchange", "north"]
    environ = {**os.environ, "PYTHONPATH": str(site_path)}
    try:
        os.write(terminal, f"{answer}\n".encode())
        result = subprocess.run(
            command, stdin=stdin, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        os.close(terminal)
        os.close(stdin)
    assert "Type north to go on" in result.stderr
    assert result.returncode == code, result.stderr
    assert ("Flat: read from north." in result.stdout) is (code == 0)


@pytest.mark.usefixtures("real")
def test_what_is_not_armed_is_a_paper_account(arb: Arb) -> None:
    change(("armed = true", "armed = false"), ('fault = ""', 'fault = "", position = 0'))
    ran = arb("run", "-c", "run.toml", "--quiet", "--until", "1s", "--json")
    assert json.loads(ran.stdout)["hedges_opened"] == 1, ran.stderr
    document = flat(arb, "--all")
    assert [one["account"] for one in document["exchanges"]] == ["paper", "paper"]
    assert sum(len(one["orders"]) for one in document["exchanges"]) == 2
    assert flat(arb, "--all")["exchanges"][0]["orders"] == []


@pytest.mark.usefixtures("real")
def test_no_paper_account_says_nothing_of_the_one_at_the_venue(arb: Arb, trading: Path) -> None:
    change(("armed = true", "armed = false"), ('fault = ""', 'fault = "", position = 0'))
    arb("run", "-c", "run.toml", "--quiet", "--until", "1s")
    with closing(sqlite3.connect(trading)) as connection, connection:
        connection.execute("UPDATE plugin_state SET content = 'live' WHERE owner = 'run' AND name = 'identity'")
    document = flat(arb, "--all", code=5)
    assert verdicts(document) == {"north": "unknown", "south": "unknown"}
    assert "[exchanges.north] armed = true" in problems(document)["north"]


@pytest.mark.usefixtures("broken")
def test_accounts_in_a_storage_that_cannot_be_opened_are_unknown_and_real_ones_are_closed(arb: Arb) -> None:
    text = Path("run.toml").read_text(encoding="utf-8")
    Path("run.toml").write_text(text.replace("armed = true", "armed = false", 1), encoding="utf-8")
    document = flat(arb, "--all", "--yes", "south", code=5)
    assert verdicts(document) == {"north": "unknown", "south": "flat"}
    assert "in use by process 7" in problems(document)["north"]


@pytest.mark.usefixtures("broken")
def test_a_halt_that_cannot_be_stored_is_loud_and_stops_nothing(arb: Arb) -> None:
    change(("[run]", '[run]\nhalt_file = "no/such/folder.halts"'))
    result = arb("flatten", "-c", "run.toml", "--all", "--yes", "all")
    assert result.exit_code == 4
    assert "HALT NOT STORED" in result.stderr
    assert "HALT NOT STORED" in result.stdout
    assert "Flat: read from every exchange." in result.stdout


def test_an_exchange_whose_table_is_broken_is_unknown_and_stops_no_other(arb: Arb, broken: None) -> None:
    change(("[exchanges.north]", '[exchanges.north]\nleverage = "x"'))
    document = flat(arb, "--all", "--yes", "all", code=5)
    assert document["flat"] is False
    assert sorted(verdicts(document).items()) == [("north", "unknown"), ("south", "flat")]
    assert "run.toml: [exchanges.north] leverage: " in problems(document)["north"]
    alone = flat(arb, "--exchange", "north", code=5)
    assert verdicts(alone) == {"north": "unknown"}
    assert [one["account"] for one in alone["exchanges"]] == ["unusable"]


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('plugin = "t-broken"', "plugn = 7", "[storages.main] plugin: is missing"),
        ("[storages.main]", "[storages.other]", "[storages] main: is missing"),
    ],
)
def test_without_a_table_of_the_storage_only_accounts_in_it_are_unknown(
    arb: Arb, old: str, new: str, said: str
) -> None:
    change((old, new))
    text = Path("run.toml").read_text(encoding="utf-8")
    Path("run.toml").write_text(text.replace("armed = true", "armed = false", 1), encoding="utf-8")
    document = flat(arb, "--all", "--yes", "south", code=5)
    assert verdicts(document) == {"north": "unknown", "south": "flat"}
    problem = f"its account is kept in [storages.main], which cannot be used: run.toml: {said}"
    assert problems(document)["north"].startswith(problem)


@pytest.mark.parametrize("text", ["exchanges = 7\n", "[exchanges]\n"])
def test_no_exchange_is_not_flat(arb: Arb, text: str) -> None:
    Path("run.toml").write_text(text, encoding="utf-8")
    result = arb("flatten", "-c", "run.toml", "--all")
    assert result.exit_code == 2
    assert "names no exchange, so nothing was closed" in result.stderr
    assert "Flat" not in result.stdout


@pytest.mark.usefixtures("broken")
def test_what_was_not_looked_at_is_said(arb: Arb) -> None:
    result = arb("flatten", "-c", "run.toml", "--exchange", "north", "--yes", "north")
    assert result.exit_code == 0
    assert "Flat: read from north.\n" in result.stdout
    assert "Not looked at: south. Legs of the same hedges there stand alone until `arb run` repairs" in result.stdout
    assert flat(arb, "--exchange", "north", "--yes", "north")["not_looked_at"] == ["south"]
    assert flat(arb, "--exchange", "north", "--exchange", "south", "--yes", "all")["not_looked_at"] == []
    every = arb("flatten", "-c", "run.toml", "--all", "--yes", "all").stdout
    assert "Flat: read from every exchange.\n" in every
    assert "Not looked at" not in every


@pytest.mark.usefixtures("broken")
def test_the_table_for_people(arb: Arb) -> None:
    fault("north", "down")
    result = arb("flatten", "-c", "run.toml", "--all", "--yes", "all", "--timeout", "5")
    assert result.exit_code == 5
    rows = [line.split()[:3] for line in result.stdout.splitlines()]
    assert ["north", "real", "UNKNOWN"] in rows
    assert ["south", "real", "FLAT"] in rows
    assert "NOT FLAT, OR NOBODY KNOWS: north" in result.stdout
    assert "sell 0.4 BTC-PERP.south" in result.stderr


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Say which"),
        (("--all", "--exchange", "north"), "--all is every exchange"),
        (("--exchange", "nroth"), "Did you mean 'north'?"),
        (("--all", "--yes", "nroth"), "Did you mean 'north'?"),
        (("--all", "--max-band", "0"), "basis points above zero"),
        (("--all", "--max-band", "wide"), "basis points above zero"),
        (("--all", "--max-band", "NaN"), "basis points above zero"),
        (("--all", "--timeout", "1"), "not in the range"),
        (("--all", "-c", "gone.toml"), "gone.toml"),
    ],
)
def test_wrong_options_halt_and_close_nothing(arb: Arb, arguments: tuple[str, ...], message: str) -> None:
    result = arb("flatten", "-c", "run.toml", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not Path("run.halts").exists()
