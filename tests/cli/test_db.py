"""`arb db prune`: the rest of `arb db` is tested on real storages in tests/e2e."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from arb.model import DAY_NS, MINUTE_NS, parse_utc

Arb = Callable[..., Result]

RATES = "predicted_funding_rates"


@pytest.fixture
def ran(arb: Arb, trading: Path) -> Path:
    """Return the database of a run of six hours, with an hour of rates of two days before."""
    assert arb("run", "-c", "run.toml", "--quiet").exit_code == 0
    old_ns = parse_utc("2026-01-01T00:00:00Z") - 2 * DAY_NS
    with sqlite3.connect(trading) as connection:
        connection.executemany(
            f"INSERT INTO {RATES} VALUES ('X-PERP.north', ?, 1, '1', '1', 1, 1, NULL)",
            [(old_ns + minute * MINUTE_NS,) for minute in range(60)],
        )
    connection.close()
    return trading


def times(path: Path) -> list[int]:
    connection = sqlite3.connect(path)
    found = [row[0] for row in connection.execute(f"SELECT ts_event_ns FROM {RATES} WHERE instrument = 'X-PERP.north'")]
    connection.close()
    return found


def test_what_is_older_by_the_time_of_the_run_is_reduced(arb: Arb, ran: Path) -> None:
    last = times(ran)[-1]
    result = arb("db", "prune", "-c", "run.toml", "--older-than", "1d", "--json")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer == {"before": "2025-12-31T06:00:00Z", "deleted": {RATES: 59, "market_stats": 0}}
    assert times(ran) == [last]
    again = arb("db", "prune", "-c", "run.toml", "--older-than", "1d").stdout
    assert f"{RATES}: 0 rows deleted" in " ".join(again.split())


def test_without_an_age_the_configuration_counts(arb: Arb, ran: Path) -> None:
    assert json.loads(arb("db", "prune", "-c", "run.toml", "--json").stdout)["deleted"][RATES] == 0
    assert len(times(ran)) == 60


@pytest.mark.usefixtures("trading")
@pytest.mark.parametrize(("age", "why"), [("soon", "write a duration as a number and a unit"), ("23h", "1d at least")])
def test_an_age_that_makes_no_sense_is_refused(arb: Arb, age: str, why: str) -> None:
    result = arb("db", "prune", "-c", "run.toml", "--older-than", age)
    assert result.exit_code == 2
    assert why in result.stderr
