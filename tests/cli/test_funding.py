"""`arb funding`: collecting, and looking at what was collected."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Arb = Callable[..., Result]


@pytest.fixture
def collected(arb: Arb, trading: Path) -> Path:
    """Collect for two simulated hours."""
    result = arb("funding", "collect", "-c", "run.toml", "--until", "2h", "--every", "30m")
    assert result.exit_code == 0, result.stderr
    return trading


def found(arb: Arb, *arguments: str) -> Any:
    result = arb("funding", *arguments, "-c", "run.toml", "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.usefixtures("trading")
def test_collecting_once_says_what_each_exchange_brought(arb: Arb) -> None:
    rows = found(arb, "collect")["exchanges"]
    assert [(row["exchange"], row["instruments"], row["predicted"], row["failures"]) for row in rows] == [
        ("north", 1, 1, []),
        ("south", 1, 1, []),
    ]


@pytest.mark.usefixtures("trading")
def test_where_every_exchange_is_simulated_nothing_can_be_recorded(arb: Arb) -> None:
    result = arb("funding", "collect", "-c", "run.toml", "--record", "traffic")
    assert result.exit_code == 2
    assert "--record traffic: every exchange is simulated" in result.stderr
    assert not Path("traffic").exists()


def test_collecting_for_a_time_stores_every_collection_and_trades_nothing(arb: Arb, collected: Path) -> None:
    with closing(sqlite3.connect(collected)) as connection:
        (times,) = connection.execute("SELECT COUNT(DISTINCT ts_event_ns) FROM market_stats").fetchone()
        (orders,) = connection.execute("SELECT COUNT(*) FROM orders").fetchone()
    assert (times, orders) == (5, 0)
    # It goes on where it stopped, also in simulated time.
    text = arb("funding", "collect", "-c", "run.toml", "--until", "1h", "--every", "30m").stdout
    assert [line.split()[0] for line in text.splitlines()] == [
        "2026-01-01T02:00:00Z",
        "2026-01-01T02:30:00Z",
        "2026-01-01T03:00:00Z",
    ]


@pytest.mark.usefixtures("collected")
def test_a_run_goes_on_from_what_was_collected(arb: Arb) -> None:
    assert arb("run", "-c", "run.toml", "--quiet").exit_code == 0


@pytest.mark.usefixtures("collected")
def test_rates_in_every_unit_a_person_may_want(arb: Arb) -> None:
    rows = found(arb, "rates", "--sort", "apr")["rates"]
    assert [(row["exchange"], Decimal(row["per_hour"]), row["base"]) for row in rows] == [
        ("south", Decimal("0.0001") / 8, "BTC"),
        ("north", Decimal("0.00001") / 8, "BTC"),
    ]
    assert Decimal(rows[0]["apr"]) == Decimal(rows[0]["per_hour"]) * 8760
    table = arb("funding", "rates", "-c", "run.toml", "--exchange", "south").stdout
    assert "+10.95" in table
    assert "north" not in table
    printed = list(csv.DictReader(io.StringIO(arb("funding", "rates", "-c", "run.toml", "--csv").stdout)))
    assert [row["instrument"] for row in printed] == ["BTC-PERP.north", "BTC-PERP.south"]
    assert "No such rate" in arb("funding", "rates", "-c", "run.toml", "--symbol", "DOGE").stderr


@pytest.mark.usefixtures("collected")
def test_two_exchanges_side_by_side(arb: Arb) -> None:
    (row,) = found(arb, "compare", "south", "north")["pairs"]
    assert (row["long"], row["short"]) == ("BTC-PERP.north", "BTC-PERP.south")
    assert Decimal(row["spread_per_hour"]) == Decimal("0.00009") / 8
    assert "BTC" in arb("funding", "compare", "north", "south", "-c", "run.toml").stdout
    result = arb("funding", "compare", "north", "west", "-c", "run.toml")
    assert (result.exit_code, "there are rates of: north, south" in result.stderr) == (2, True)


@pytest.mark.usefixtures("collected")
def test_the_history_of_an_asset(arb: Arb) -> None:
    series = found(arb, "history", "BTC", "--predicted", "--period", "1d")["series"]
    assert [(one["instrument"], len(one["rates"])) for one in series] == [("BTC-PERP.north", 1), ("BTC-PERP.south", 1)]
    assert "BTC-PERP.south" in arb("funding", "history", "BTC", "--predicted", "-c", "run.toml").stdout
    result = arb("funding", "history", "BCT", "--predicted", "-c", "run.toml")
    assert (result.exit_code, "did you mean BTC?" in result.stderr) == (2, True)
    drawn = arb("funding", "history", "BTC", "--predicted", "-c", "run.toml", "--plot", "btc.svg")
    assert "Plot: btc.svg" in drawn.stderr
    assert Path("btc.svg").stat().st_size > 1_000


RICH_EXCHANGE = """
from contextlib import asynccontextmanager
from arb.api import Capability, ExchangeSpec, Settings, hookimpl
from arb.testing import MemoryExchange

PLUGIN_API = 1

@asynccontextmanager
async def open_(settings, context):
    exchange = MemoryExchange(context.name, clock=context.clock)
    exchange.set_funding(exchange.id_of("BTC"), "0.01")
    yield exchange

@hookimpl
def arb_exchanges():
    return [ExchangeSpec(name="t-rich", settings=Settings, open=open_, capabilities=frozenset(Capability))]
"""


@pytest.mark.usefixtures("trading")
def test_opportunities_with_the_number_that_failed(arb: Arb, install: Callable[..., str]) -> None:
    text = Path("run.toml").read_text(encoding="utf-8").replace("T00:00:00Z", "T01:00:00Z")  # no settlement is near
    Path("run.toml").write_text(text, encoding="utf-8")
    scan = found(arb, "opportunities", "--horizon", "30d", "--skipped")
    assert scan["opportunities"] == []
    (skipped,) = scan["skipped"]
    assert skipped["reason"] == "capture_below_fees"
    assert Decimal(skipped["value"]) < Decimal(skipped["limit"]) == 20
    install("arb-t-rich", "t-rich", RICH_EXCHANGE)
    south = '[exchanges.south]\nplugin = "t-memory"'
    Path("run.toml").write_text(text.replace(south, south.replace("t-memory", "t-rich")), encoding="utf-8")
    (row,) = found(arb, "opportunities", "--horizon", "30d", "--size", "2000")["opportunities"]
    assert (row["long"], row["short"]) == ("BTC-PERP.north", "BTC-PERP.south")
    assert Decimal(row["net_bps"]) > 0
    assert "BTC-PERP.south" in arb("funding", "opportunities", "-c", "run.toml").stdout
    none = arb("funding", "opportunities", "-c", "run.toml", "--min-profit", "0.5")
    assert (none.exit_code, "No pair pays its cost now" in none.stderr) == (0, True)


def test_opportunities_store_nothing(arb: Arb, trading: Path) -> None:
    assert arb("funding", "opportunities", "-c", "run.toml").exit_code == 0
    assert not trading.exists()


@pytest.mark.usefixtures("trading")
@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("opportunities", "--size", "nan"), "not a number of zero or more"),
        (("opportunities", "--size", "0"), "above zero"),
        (("opportunities", "--horizon", "0h"), "not a duration above zero"),
        (("opportunities", "--exchange", "west"), "has no [exchanges.west]"),
        (("history", "BTC", "--period", "soon"), "not a duration above zero"),
    ],
)
def test_bad_input_is_named(arb: Arb, arguments: tuple[str, ...], hint: str) -> None:
    result = arb("funding", *arguments, "-c", "run.toml")
    assert (result.exit_code, hint in result.stderr) == (2, True), result.stderr


@pytest.mark.usefixtures("trading")
@pytest.mark.parametrize("command", [("rates",), ("compare", "a", "b"), ("history", "BTC"), ("payments",)])
def test_a_missing_database_is_an_error(arb: Arb, command: tuple[str, ...]) -> None:
    result = arb("funding", *command, "-c", "run.toml")
    assert (result.exit_code, result.stdout) == (4, "")


@pytest.fixture
def paid(arb: Arb, trading: Path) -> Path:
    """Store a run with a settlement that was paid, one that was not, and one nobody expected."""
    assert arb("run", "-c", "run.toml", "--quiet").exit_code == 0
    hour_ns, start_ns = 3_600_000_000_000, 1_767_225_600_000_000_000
    with closing(sqlite3.connect(trading)) as connection, connection:
        for hour, expected in ((1, "-0.5"), (2, "-0.25")):
            row = ("BTC-PERP.north", start_ns + hour * hour_ns, "0.1", "50000", "0.0001", hour_ns, expected, "USDC")
            connection.execute("INSERT INTO expected_funding VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        for number, (hour, amount) in enumerate(((1, "-0.49"), (3, "0.1"))):
            booked = (
                "north",
                f"p{number}",
                "BTC-PERP.north",
                amount,
                "USDC",
                start_ns + hour * hour_ns,
                None,
                None,
                None,
            )
            connection.execute("INSERT INTO funding_payments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", booked)
    return trading


@pytest.mark.usefixtures("paid")
def test_payments_beside_what_was_expected(arb: Arb) -> None:
    result = arb("funding", "payments", "-c", "run.toml", "--json")
    assert result.exit_code == 7  # one is overdue
    rows = json.loads(result.stdout)["settlements"]
    assert [(row["state"], row["expected"], row["paid"], row["difference"]) for row in rows] == [
        ("paid", "-0.5", "-0.49", "0.01"),
        ("overdue", "-0.25", None, None),
        ("not_expected", None, "0.1", None),
    ]
    table = arb("funding", "payments", "-c", "run.toml", "--unmatched").stdout
    assert "1 overdue, 1 not_expected" in table
    assert "-0.490000" not in table
    assert arb("funding", "payments", "-c", "run.toml", "--export", "paid.csv").exit_code == 7
    assert len(Path("paid.csv").read_text(encoding="utf-8").splitlines()) == 4
