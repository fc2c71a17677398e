from __future__ import annotations

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


def orders(arb: Arb, *arguments: str) -> list[dict[str, Any]]:
    result = arb("orders", "-c", "run.toml", "--json", *arguments)
    assert result.exit_code == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)["orders"]
    return found


@pytest.mark.usefixtures("ran")
def test_every_order_with_its_purpose_and_what_it_cost(arb: Arb) -> None:
    found = orders(arb)
    assert [one["purpose"] for one in found] == ["entry", "entry", "exit", "exit", "entry", "entry"]
    assert [one["reduce_only"] for one in found] == [False, False, True, True, False, False]
    assert {one["exchange"] for one in found} == {"north", "south"}
    for one in found:
        assert (one["status"], Decimal(one["filled_quantity"])) == ("filled", Decimal(one["quantity"]))
        sign = 1 if one["side"] == "buy" else -1
        arrival, average = Decimal(one["arrival_price"]), Decimal(one["average_price"])
        assert Decimal(one["slippage_bps"]) == (average / arrival - 1) * sign * 10_000
        assert Decimal(one["slippage_bps"]) > 0
    assert [one["created"] for one in found] == sorted(one["created"] for one in found)


@pytest.mark.usefixtures("ran")
def test_the_orders_of_one_hedge_by_the_beginning_of_its_id(arb: Arb) -> None:
    first = orders(arb)[0]
    assert len(orders(arb, "--hedge", first["hedge"])) == 4
    assert len(orders(arb, "--hedge", first["hedge"][:6])) == 4
    assert len(orders(arb, "--hedge", first["client_order_id"])) == 4


@pytest.mark.usefixtures("ran")
def test_a_hedge_that_is_not_there_is_a_mistake(arb: Arb) -> None:
    result = arb("orders", "-c", "run.toml", "--hedge", "nosuch")
    assert result.exit_code == 2
    assert "No hedge and no order has an id that begins with 'nosuch'" in result.stderr


def test_only_those_whose_end_is_not_known(arb: Arb, ran: Path) -> None:
    assert orders(arb, "--open") == []
    assert arb("orders", "-c", "run.toml", "--open").stderr == "No such order.\n"
    name = orders(arb)[0]["client_order_id"]
    with closing(sqlite3.connect(ran)) as connection, connection:
        changes = "status = 'in_doubt', filled_quantity = '0', average_price = NULL, reason = 'no answer\x1b[2J'"
        connection.execute(f"UPDATE orders SET {changes} WHERE client_order_id = ?", (name,))
    (found,) = orders(arb, "--open")
    assert (found["client_order_id"], found["status"], found["slippage_bps"]) == (name, "in_doubt", None)
    table = arb("orders", "-c", "run.toml", "--open").stdout
    assert "no answer\\x1b[2J" in table


@pytest.mark.usefixtures("ran")
def test_the_table_for_people(arb: Arb) -> None:
    head, *rows = arb("orders", "-c", "run.toml").stdout.splitlines()
    names = "TIME ORDER EXCHANGE INSTRUMENT SIDE QUANTITY PRICE MODE PURPOSE STATUS FILLED AVERAGE"
    assert head.split()[:12] == names.split()
    assert len(rows) == 6
    assert rows[0].split()[2:6] == ["north", "BTC-PERP", "buy", "0.1"]


@pytest.mark.usefixtures("ran")
def test_the_quality_sums_up_what_the_fills_cost(arb: Arb) -> None:
    document = json.loads(arb("orders", "-c", "run.toml", "--quality", "--json").stdout)
    sums = {one["of"]: one for one in document["sums"]}
    assert (sums["all"]["orders"], sums["all"]["quote"], sums["all"]["doubts"]) == (6, "USDC", 0)
    assert sums["exchange north"]["orders"] == sums["exchange south"]["orders"] == 3
    parts = Decimal(sums["purpose entry"]["slippage"]) + Decimal(sums["purpose exit"]["slippage"])
    report = json.loads(arb("report", "-c", "run.toml", "--json").stdout)
    assert Decimal(sums["all"]["slippage"]) == parts == -Decimal(report["parts"]["slippage"])
    assert len(document["orders"]) == 6
    table = arb("orders", "-c", "run.toml", "--quality").stdout
    assert "purpose entry" in table
    assert "SLIP BPS" in table


@pytest.mark.usefixtures("ran")
def test_the_quality_of_one_hedge(arb: Arb) -> None:
    hedge = orders(arb)[0]["hedge"]
    document = json.loads(arb("orders", "-c", "run.toml", "--quality", "--hedge", hedge, "--json").stdout)
    assert document["sums"][0]["orders"] == 4


@pytest.mark.usefixtures("ran")
def test_quality_is_of_what_was_filled(arb: Arb) -> None:
    assert arb("orders", "-c", "run.toml", "--quality", "--open").exit_code == 2


def test_orders_are_only_read(arb: Arb, ran: Path) -> None:
    before = ran.read_bytes()
    arb("orders", "-c", "run.toml")
    arb("orders", "-c", "run.toml", "--quality")
    assert ran.read_bytes() == before


def test_a_run_without_an_order_says_so(arb: Arb, trading: Path) -> None:
    assert arb("orders", "-c", "run.toml").exit_code == 4
    assert not trading.exists()
    arb("halt", "-c", "run.toml", "--reason", "x")
    arb("run", "-c", "run.toml", "--quiet")
    for arguments in ((), ("--quality",)):
        result = arb("orders", "-c", "run.toml", *arguments)
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No order yet.\n")
