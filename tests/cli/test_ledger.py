"""`arb ledger` and `arb pnl` over a stored run."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import Result

Arb = Callable[..., Result]


def sql(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(statement)


@pytest.mark.usefixtures("ran")
def test_the_balances_are_those_of_the_report(arb: Arb) -> None:
    books = json.loads(arb("ledger", "-c", "run.toml", "--json").stdout)
    report = json.loads(arb("report", "-c", "run.toml", "--json").stdout)
    assert books["checks"] == {
        "hold": True,
        "off": {},
        "unbooked": {"fills": 0, "funding_payments": 0, "transfers": 0},
        "wrong": [],
        "contracts": {},
    }
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in books["balances"]:
        sums[row["account"].rsplit(":", 1)[0]] += Decimal(row["balance"]) if row["currency"] == "USDC" else 0
    assert sums["expenses:fees"] == -Decimal(report["parts"]["fees"]) > 0
    assert sums["expenses:slippage"] == -Decimal(report["parts"]["slippage"]) > 0
    held = {
        row["currency"]: row["balance"] for row in books["balances"] if row["account"].startswith("assets:contracts")
    }
    assert held == {"BTC-PERP.north": "0.1", "BTC-PERP.south": "-0.1"}


@pytest.mark.usefixtures("ran")
def test_the_tables(arb: Arb) -> None:
    text = arb("ledger", "-c", "run.toml", "--account", "expenses").stdout
    assert "expenses:fees:north" in text
    assert "assets:" not in text
    assert "in every currency" in text
    entries = arb("ledger", "-c", "run.toml", "--entries", "--exchange", "north").stdout
    assert "fill:north:" in entries
    assert "fill:south:" not in entries
    assert arb("ledger", "-c", "run.toml", "--entries", "--from", "2030-01-01").stderr == "No such entry.\n"


@pytest.mark.usefixtures("ran")
def test_entries_as_json_csv_and_parquet_are_the_same(arb: Arb) -> None:
    entries = json.loads(arb("ledger", "-c", "run.toml", "--entries", "--json").stdout)["entries"]
    lines = [(entry["entry"], line["account"], line["amount"]) for entry in entries for line in entry["lines"]]
    printed = list(csv.DictReader(io.StringIO(arb("ledger", "-c", "run.toml", "--entries", "--csv").stdout)))
    assert [(row["entry"], row["account"], row["amount"]) for row in printed] == lines
    assert arb("ledger", "-c", "run.toml", "--export", "books.csv").exit_code == 0
    assert list(csv.DictReader(io.StringIO(Path("books.csv").read_text(encoding="utf-8")))) == printed
    parquet = pytest.importorskip("pyarrow.parquet")
    assert arb("ledger", "-c", "run.toml", "--export", "books.parquet").exit_code == 0
    assert parquet.read_table("books.parquet").to_pylist() == printed


@pytest.mark.usefixtures("ran")
def test_a_file_that_cannot_be_written_is_refused_and_the_old_one_stays(arb: Arb) -> None:
    assert arb("ledger", "-c", "run.toml", "--export", "books.xlsx").exit_code == 2
    result = arb("ledger", "-c", "run.toml", "--export", "nowhere/books.csv")
    assert (result.exit_code, "there is no folder" in result.stderr) == (2, True)


def test_books_that_do_not_balance_are_exit_code_6(arb: Arb, ran: Path) -> None:
    sql(ran, "DELETE FROM ledger_lines WHERE entry_id LIKE 'fill:north:%'")
    sql(ran, "DELETE FROM ledger_entries WHERE entry_id LIKE 'fill:north:%'")
    result = arb("ledger", "-c", "run.toml")
    assert result.exit_code == 6
    assert "NOT {'fills': " in result.stdout


@pytest.mark.parametrize(
    "damage",
    ["DELETE FROM ledger_lines", "UPDATE ledger_lines SET amount = amount * 10 WHERE currency = 'USDC'"],
)
def test_books_that_balance_and_are_not_those_of_the_events_are_exit_code_6(arb: Arb, ran: Path, damage: str) -> None:
    sql(ran, damage)
    result = arb("ledger", "-c", "run.toml")
    assert result.exit_code == 6
    assert "NOT 6: fill:north:" in result.stdout


def test_a_damaged_line_is_named(arb: Arb, ran: Path) -> None:
    sql(ran, "UPDATE ledger_lines SET amount = '1' WHERE account = 'assets:wallet:north'")
    result = arb("ledger", "-c", "run.toml")
    assert result.exit_code == 6
    assert "does not balance" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.usefixtures("ran")
@pytest.mark.parametrize("by", ["hedge", "exchange", "symbol", "day"])
def test_profit_and_loss_sums_to_the_report(arb: Arb, by: str) -> None:
    found = json.loads(arb("pnl", "-c", "run.toml", "--by", by, "--json").stdout)
    report = json.loads(arb("report", "-c", "run.toml", "--json").stdout)
    assert (found["parts"], found["equity_change"]) == (report["parts"], report["equity_change"])
    assert sum(Decimal(row["total"]) for row in found["rows"]) == Decimal(report["equity_change"])
    printed = list(csv.DictReader(io.StringIO(arb("pnl", "-c", "run.toml", "--by", by, "--csv").stdout)))
    assert [row["total"] for row in printed] == [row["total"] for row in found["rows"]]
    table = arb("pnl", "-c", "run.toml", "--by", by)
    assert (table.exit_code, "unexplained 0.00" in table.stdout) == (0, True)


def test_what_is_not_explained_is_exit_code_6(arb: Arb, ran: Path) -> None:
    sql(ran, "UPDATE equity_samples SET equity = equity + 1 WHERE ts_ns = (SELECT MAX(ts_ns) FROM equity_samples)")
    result = arb("pnl", "-c", "run.toml", "--by", "exchange")
    assert result.exit_code == 6
    assert "+1.00" in result.stdout


@pytest.mark.usefixtures("trading")
@pytest.mark.parametrize("command", ["ledger", "pnl"])
def test_a_missing_database_is_an_error(arb: Arb, command: str) -> None:
    result = arb(command, "-c", "run.toml")
    assert (result.exit_code, result.stdout) == (4, "")


def test_a_time_that_is_none_is_refused(arb: Arb) -> None:
    result = arb("pnl", "--from", "yesterday")
    assert (result.exit_code, "neither a day" in result.stderr) == (2, True)
