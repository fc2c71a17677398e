from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import Result

Arb = Callable[..., Result]


@pytest.fixture
def ran(arb: Arb, trading: Path) -> Path:
    assert arb("run", "-c", "run.toml", "--quiet").exit_code == 0
    return trading


@pytest.mark.usefixtures("ran")
def test_open_hedges_leg_by_leg(arb: Arb) -> None:
    held = json.loads(arb("positions", "-c", "run.toml", "--json").stdout)
    (hedge,) = held["hedges"]
    assert hedge["status"] == "open"
    assert Decimal(hedge["imbalance"]) == 0
    assert {leg["instrument"]: leg["side"] for leg in hedge["legs"]} == {
        "BTC-PERP.north": "long",
        "BTC-PERP.south": "short",
    }
    assert sum(Decimal(row["quantity"]) for row in held["positions"]) == 0
    assert held["as_of"].startswith("2026-01-01T0")


@pytest.mark.usefixtures("ran")
def test_all_shows_the_closed_ones_too(arb: Arb) -> None:
    held = json.loads(arb("positions", "-c", "run.toml", "--json", "--all").stdout)
    assert [hedge["status"] for hedge in held["hedges"]] == ["closed", "open"]
    assert held["hedges"][0]["exit_reason"] == "four o'clock"


@pytest.mark.usefixtures("ran")
def test_the_table(arb: Arb) -> None:
    text = arb("positions", "-c", "run.toml").stdout
    assert "BTC-PERP.south" in text
    assert "closed" not in text
    assert "Positions at the venues" in text


@pytest.mark.usefixtures("trading")
def test_a_missing_database_is_an_error(arb: Arb) -> None:
    result = arb("positions", "-c", "run.toml")
    assert result.exit_code == 4
    assert result.stdout == ""


@pytest.mark.usefixtures("trading")
def test_a_run_that_opened_nothing_has_no_hedge(arb: Arb) -> None:
    text = Path("run.toml").read_text(encoding="utf-8")
    Path("run.toml").write_text(f"[risk]\nmax_hedge_notional_usd = 1\n{text}", encoding="utf-8")
    assert arb("run", "-c", "run.toml", "--quiet").exit_code == 0
    assert "No hedge." in arb("positions", "-c", "run.toml").stdout
