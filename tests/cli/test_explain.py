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
from hypothesis import given
from hypothesis import strategies as st

from arb.cli._naked import naked_spans
from arb.model import (
    SECOND_NS,
    ClientOrderId,
    ExchangeOrderId,
    Fill,
    FillId,
    Hedge,
    HedgeId,
    HedgeStatus,
    InstrumentId,
    Leg,
    Liquidity,
    Order,
    OrderPurpose,
    OrderRecord,
    OrderRequest,
    OrderStatus,
    PositionSide,
    Side,
)
from arb.testing import sample_instrument

Arb = Callable[..., Result]


def hedges(arb: Arb) -> list[str]:
    return [one["id"] for one in json.loads(arb("positions", "-c", "run.toml", "--all", "--json").stdout)["hedges"]]


def told(arb: Arb, name: str) -> dict[str, Any]:
    result = arb("explain", name, "-c", "run.toml", "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def change(database: Path, sql: str, *values: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(sql, values)


@pytest.mark.usefixtures("ran")
def test_the_whole_story_of_a_closed_hedge(arb: Arb) -> None:
    story = told(arb, hedges(arb)[0])
    assert (story["status"], story["strategy"], story["base"], story["order"]) == ("closed", "once", "BTC", None)
    assert story["entry"]["reason"] == "first hour"
    assert story["entry"]["max_slippage_bps"] == "10"
    assert story["exit"]["reason"] == "four o'clock"
    assert story["exit"]["decided"] <= story["exit"]["closed"]
    assert [one["purpose"] for one in story["orders"]] == ["entry", "entry", "exit", "exit"]
    for order in story["orders"]:
        assert order["reports"][0]["source"] == "decision"
        assert order["reports"][-1]["status"] == "filled"
        filled = sum(Decimal(fill["quantity"]) for fill in order["fills"])
        assert filled == Decimal(order["filled_quantity"]) == Decimal(order["reports"][-1]["filled_quantity"])
    kinds = [event["kind"] for event in story["events"]]
    assert kinds == ["hedge.opening", "hedge.opened", "hedge.closing", "hedge.closed"]
    assert [leg["open_quantity"] for leg in story["legs"]] == ["0.000", "0.000"]
    assert story["naked"]["is_balanced"] is True


@pytest.mark.usefixtures("ran")
def test_its_fees_and_prices_are_those_of_the_report(arb: Arb) -> None:
    name = hedges(arb)[0]
    report = json.loads(arb("report", "-c", "run.toml", "--json").stdout)
    (reported,) = (one for one in report["hedges"] if one["hedge_id"] == name)
    fills = [fill for order in told(arb, name)["orders"] for fill in order["fills"]]
    paid, booked = (
        sorted((Decimal(fill["price"]), Decimal(fill["fee"])) for fill in each) for each in (fills, reported["fills"])
    )
    assert paid == booked


@pytest.mark.usefixtures("ran")
def test_a_hedge_that_is_open_has_no_exit(arb: Arb) -> None:
    name = hedges(arb)[1]
    story = told(arb, name)
    assert (story["status"], story["exit"]) == ("open", None)
    assert "not yet: it is open" in arb("explain", name, "-c", "run.toml").stdout


@pytest.mark.usefixtures("ran")
def test_one_order_alone(arb: Arb) -> None:
    name = json.loads(arb("orders", "-c", "run.toml", "--json").stdout)["orders"][2]["client_order_id"]
    story = told(arb, name)
    assert story["order"] == name
    assert [one["client_order_id"] for one in story["orders"]] == [name]
    assert story["entry"]["reason"] == "first hour"
    assert arb("explain", name, "-c", "run.toml").stdout.startswith(f"Order {name}. Hedge ")


@pytest.mark.usefixtures("ran")
def test_the_beginning_of_an_id_is_enough(arb: Arb) -> None:
    first, second = hedges(arb)
    assert told(arb, first[:5])["hedge"] == first
    assert told(arb, f"{second}-0")["orders"][0]["client_order_id"] == f"{second}-0-0"
    ambiguous = arb("explain", f"{first}-0", "-c", "run.toml")
    assert ambiguous.exit_code == 2
    assert f"{first}-0-0, {first}-0-1" in ambiguous.stderr
    assert arb("explain", "", "-c", "run.toml").exit_code == 2
    nothing = arb("explain", "zzz", "-c", "run.toml")
    assert nothing.exit_code == 2
    assert "No hedge and no order" in nothing.stderr


@pytest.mark.usefixtures("ran")
def test_people_read_the_same_story(arb: Arb) -> None:
    text = arb("explain", hedges(arb)[0], "-c", "run.toml").stdout
    for part in (
        "on BTC, strategy once: closed",
        "first hour",
        "within 10 bps of its mid price on arrival",
        "exit decided: four o'clock",
        "send_order: filled, 0.1 at",
        "taker, fee ",
        "hedge.closed",
        "reduce-only",
    ):
        assert part in text


def test_what_is_not_on_record_is_called_so(arb: Arb, ran: Path) -> None:
    for table in ("order_reports", "events"):
        change(ran, f"DELETE FROM {table}")
    name = hedges(arb)[0]
    text = arb("explain", name, "-c", "run.toml").stdout
    assert text.count("what was learnt of it is not recorded") == 4
    assert "decided by a run whose start is not recorded" in text
    assert "its numbers are not recorded" in text
    assert text.endswith("Events\n  not recorded\n")
    story = told(arb, name)
    assert story["entry"]["session"] is None
    assert all(one["reports"] == [] for one in story["orders"])


def test_the_version_and_the_configuration_that_decided(arb: Arb, ran: Path) -> None:
    change(ran, "UPDATE events SET data = '{}' WHERE kind = 'run.started'")
    name = hedges(arb)[0]
    assert "version: not recorded; configuration: not recorded" in arb("explain", name, "-c", "run.toml").stdout
    change(ran, "UPDATE events SET data = ? WHERE kind = 'run.started'", '{"version": "0.1.7", "config": "3fa9c2"}')
    assert "version: 0.1.7; configuration: 3fa9c2" in arb("explain", name, "-c", "run.toml").stdout
    session = told(arb, name)["entry"]["session"]
    assert (session["version"], session["config"]) == ("0.1.7", "3fa9c2")


def test_every_number_of_the_decision(arb: Arb, ran: Path) -> None:
    change(ran, "UPDATE hedges SET entry_numbers = ?", '{"carry_bps_hour": "0.123456789012345678", "cost_bps": "8"}')
    name = hedges(arb)[0]
    assert told(arb, name)["entry"]["numbers"] == {"carry_bps_hour": "0.123456789012345678", "cost_bps": "8"}
    assert "carry_bps_hour  0.123456789012345678" in arb("explain", name, "-c", "run.toml").stdout


def test_dust_and_texts_from_outside(arb: Arb, ran: Path) -> None:
    name = hedges(arb)[0]
    dust = (name, "BTC-PERP.north", "0.0004", "50000")
    change(ran, "INSERT INTO dust VALUES (?, 0, ?, ?, ?, 1767225600000000000)", *dust)
    change(ran, "UPDATE hedges SET entry_reason = ?", "look\x1b[2J")
    text = arb("explain", name, "-c", "run.toml").stdout
    assert "0.0004 BTC-PERP.north at 50000" in text
    assert "look\\x1b[2J" in text
    assert told(arb, name)["dust"][0]["quantity"] == "0.0004"


def test_it_reads_the_storage_and_nothing_else(arb: Arb, ran: Path) -> None:
    text = Path("run.toml").read_text(encoding="utf-8")
    text = text.replace('plugin = "t-memory"', 'plugin = "not-installed"\nsettings = { key = "env:NOT_SET" }')
    Path("run.toml").write_text(text, encoding="utf-8")
    before = ran.read_bytes()
    assert told(arb, hedges(arb)[0])["status"] == "closed"
    assert ran.read_bytes() == before


@pytest.mark.usefixtures("trading")
def test_a_missing_database_is_an_error(arb: Arb) -> None:
    result = arb("explain", "x", "-c", "run.toml")
    assert result.exit_code == 4
    assert result.stdout == ""


LONG, SHORT = InstrumentId("BTC-PERP.north"), InstrumentId("BTC-PERP.south")
RULES = {
    LONG: sample_instrument("north", lot_size=Decimal("0.01")),
    SHORT: sample_instrument("south", lot_size=Decimal("0.001")),
}
HEDGE = Hedge(
    id=HedgeId("h"),
    strategy="s",
    base="BTC",
    legs=tuple(
        Leg(instrument=name, side=side, target_quantity=Decimal(1), multiplier=Decimal(1))
        for name, side in ((LONG, PositionSide.LONG), (SHORT, PositionSide.SHORT))
    ),
    status=HedgeStatus.OPEN,
    created_ns=0,
    max_slippage_bps=Decimal(10),
    entry_reason="",
)


def record(leg: int, side: Side, created_ns: int = 0) -> OrderRecord:
    request = OrderRequest(
        client_order_id=ClientOrderId(f"h-{leg}-{side}"),
        instrument=(LONG, SHORT)[leg],
        side=side,
        quantity=Decimal(1),
        price=Decimal(100),
    )
    return OrderRecord(
        order=Order(request=request, status=OrderStatus.FILLED),
        hedge_id=HEDGE.id,
        leg_index=leg,
        purpose=OrderPurpose.ENTRY,
        attempt=0,
        arrival_price=Decimal(100),
        created_ns=created_ns,
    )


RECORDS = [record(leg, side) for leg in (0, 1) for side in Side]


def fill(leg: int, side: Side, quantity: str, ts_ns: int) -> Fill:
    return Fill(
        fill_id=FillId(f"{leg}{side}{ts_ns}"),
        client_order_id=ClientOrderId(f"h-{leg}-{side}"),
        exchange_order_id=ExchangeOrderId("1"),
        instrument=(LONG, SHORT)[leg],
        side=side,
        price=Decimal(100),
        quantity=Decimal(quantity),
        fee=Decimal(0),
        fee_currency="USDC",
        liquidity=Liquidity.TAKER,
        ts_event_ns=ts_ns,
    )


def test_out_of_balance_is_from_the_first_fill_until_the_legs_are_equal() -> None:
    fills = [
        fill(1, Side.SELL, "0.5", 40),
        fill(0, Side.BUY, "0.3", 10),
        fill(0, Side.BUY, "0.2", 20),
        fill(1, Side.BUY, "0.5", 100),
    ]
    first, second = naked_spans(HEDGE, RECORDS, fills, RULES)
    assert (first.start_ns, first.end_ns, first.length_ns, first.largest) == (10, 40, 30, Decimal("0.5"))
    assert (second.start_ns, second.end_ns, second.length_ns) == (100, None, None)


def test_fills_of_one_instant_are_no_time_out_of_balance() -> None:
    fills = [fill(0, Side.BUY, "1", 10), fill(1, Side.SELL, "1", 10)]
    assert naked_spans(HEDGE, RECORDS, fills, RULES) == ()
    assert naked_spans(HEDGE, RECORDS, [], RULES) == ()


def test_what_no_order_could_mend_is_balanced() -> None:
    fills = [fill(0, Side.BUY, "1", 10), fill(1, Side.SELL, "0.996", 20)]
    assert [span.end_ns for span in naked_spans(HEDGE, RECORDS, fills, RULES)] == [20]
    assert [span.end_ns for span in naked_spans(HEDGE, RECORDS, fills, {})] == [None]


def test_a_fill_is_not_older_than_its_order() -> None:
    records = [record(0, Side.BUY, 50), record(1, Side.SELL, 50)]
    fills = [fill(0, Side.BUY, "1", 10), fill(1, Side.SELL, "1", 60)]
    (span,) = naked_spans(HEDGE, records, fills, RULES)
    assert (span.start_ns, span.end_ns) == (50, 60)


@given(
    st.lists(
        st.tuples(st.sampled_from((0, 1)), st.sampled_from(Side), st.integers(1, 5), st.integers(0, 20)), max_size=12
    )
)
def test_spans_are_in_order_and_end_only_in_balance(rows: list[tuple[int, Side, int, int]]) -> None:
    fills = [fill(leg, side, str(size), ts * SECOND_NS) for leg, side, size, ts in rows]
    spans = naked_spans(HEDGE, RECORDS, fills, RULES)
    edges = [edge for span in spans for edge in (span.start_ns, span.end_ns) if edge is not None]
    assert edges == sorted(set(edges))
    assert all(span.largest > 0 for span in spans)
    total = sum(fill.quantity * fill.side.sign for fill in fills)
    assert (bool(spans) and spans[-1].end_ns is None) is (total != 0)
