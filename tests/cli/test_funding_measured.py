"""`arb funding forecasts` and `arb funding pairs`: what the stored rates say."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from click.testing import Result

from arb.cli._stored import main_storage
from arb.cli._venue_facts import venue_facts
from arb.kernel import parse_config
from arb.model import (
    HOUR_NS,
    MINUTE_NS,
    Averaging,
    ExchangeName,
    FundingKind,
    FundingRate,
    Instrument,
    RateUnit,
)
from arb.storage import Journal
from arb.testing import START_NS, sample_instrument

Arb = Callable[..., Result]

EXCHANGES = """
[exchanges.hyperliquid]
plugin = "t-memory"
[exchanges.own]
plugin = "binance"
"""
SHARED = Path(os.environ.get("ARB_REAL_DATA", Path(__file__).parents[2] / "../shared/data"))
COSTS = SHARED / "costs/2026-02.csv.gz"
DAY_HOURS = 24


def rate(instrument: Instrument, raw: str, ts_ns: int, hours: int, kind: FundingKind) -> FundingRate:
    length = hours * HOUR_NS
    return FundingRate(
        instrument=instrument.id,
        raw=Decimal(raw),
        unit=RateUnit(factor=Decimal(1), period_ns=length),
        interval_ns=length,
        kind=kind,
        ts_event_ns=ts_ns,
        ts_init_ns=ts_ns,
    )


def settled(instrument: Instrument, raw: str, hours: int, days: int = 4) -> list[FundingRate]:
    times = range(START_NS, START_NS + days * DAY_HOURS * HOUR_NS + 1, hours * HOUR_NS)
    return [rate(instrument, raw, time, hours, FundingKind.SETTLED) for time in times]


def store(file: Path, instruments: Sequence[Instrument], rates: Sequence[FundingRate]) -> None:
    async def work() -> None:
        async with (
            main_storage(file, writing=True) as (storage, _, _),
            (await Journal.open(storage)).transaction() as transaction,
        ):
            await transaction.put_instruments(instruments, START_NS)
            await transaction.add_funding_rates(rates)

    asyncio.run(work())


HOURLY = sample_instrument("hyperliquid")
EIGHT = sample_instrument("own")
ALONE = sample_instrument("own", "ETH")
NOWHERE = sample_instrument("nowhere")


@pytest.fixture
def file(empty: Callable[[str], Path]) -> Path:
    """Return a configuration whose storage is empty."""
    return empty(EXCHANGES)


def plain(arb: Arb, *arguments: str) -> dict[str, Any]:
    result = arb("funding", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_pairs_are_judged_net_of_one_round_trip_both_ways_round(arb: Arb, file: Path) -> None:
    store(file, [HOURLY, EIGHT, ALONE], [*settled(HOURLY, "0.00001", 1), *settled(EIGHT, "0.0004", 8)])
    document = plain(arb, "pairs", "-c", str(file))
    best, worst = document["pairs"]
    assert (best["long"], best["short"]) == (HOURLY.id, EIGHT.id)
    # Twelve times 4 bps less 96 times 0.1 bps; two fills each of 5.59 bps on Binance and 5.19 on Hyperliquid.
    assert Decimal(best["captured_bps"]) == Decimal("38.4")
    assert Decimal(best["cost_bps"]) == Decimal("21.56")
    assert Decimal(best["net_bps"]) == Decimal("16.84")
    assert (worst["long"], Decimal(worst["net_bps"])) == (EIGHT.id, Decimal("-59.96"))
    assert (best["days"], best["positive_days"], best["longest_run_days"], worst["positive_days"]) == (4, 4, 4, 0)
    assert best["break_even_hours"] == "53.90"
    assert worst["break_even_hours"] is None
    assert len(best["curve_bps"]) == 4


def test_the_table_names_the_best_the_worst_and_what_is_not_judged(arb: Arb, file: Path) -> None:
    rates = [*settled(HOURLY, "0.00001", 1), *settled(EIGHT, "0.0004", 8), *settled(NOWHERE, "0.0001", 8)]
    store(file, [HOURLY, EIGHT, NOWHERE], rates)
    result = arb("funding", "pairs", "-c", str(file), "--best", "1", "--notional", "100000")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "The best of 2 pairs, 100,000 USD a leg:"
    assert "hyperliquid BTC-PERP  own BTC-PERP" in lines[2]
    assert "▁" in lines[2]
    assert "█" in lines[2]
    assert "The worst:" in lines
    assert "not known there at this size: nowhere" in result.stderr


def test_own_costs_take_the_place_of_the_usual_ones(arb: Arb, file: Path) -> None:
    rates = [*settled(HOURLY, "0.00001", 1), *settled(NOWHERE, "0.0004", 8)]
    store(file, [HOURLY, NOWHERE], rates)
    own = file.with_name("own.toml")
    own.write_text(
        "[costs.nowhere]\ntaker_bps = 1\nhalf_spread_bps = 0.5\nimpact_bps = { 50000 = 0.25 }\n", encoding="utf-8"
    )
    document = plain(arb, "pairs", "-c", str(file), "--costs", str(own))
    assert {Decimal(pair["cost_bps"]) for pair in document["pairs"]} == {2 * (Decimal("5.19") + Decimal("1.75"))}
    assert document["without_cost"] == []
    too_large = plain(arb, "pairs", "-c", str(file), "--costs", str(own), "--notional", "60000")
    assert too_large["pairs"] == []
    assert too_large["without_cost"] == ["nowhere"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[costs.x]\ntaker_bps = 1\n", "costs.x.half_spread_bps: Field required"),
        ("[costs.x]\ntaker_bps = 'free'\nhalf_spread_bps = 1\nimpact_bps = {1000 = 1}\n", "costs.x.taker_bps"),
        ("[costs.x]\ntaker_bps = 1\nhalf_spread_bps = 1\nimpact_bps = {}\n", "costs.x.impact_bps"),
        ("[costs\n", "is not TOML"),
    ],
)
def test_a_wrong_file_of_costs_is_a_mistake_with_its_key(arb: Arb, file: Path, text: str, said: str) -> None:
    store(file, [HOURLY], settled(HOURLY, "0.00001", 1))
    own = file.with_name("own.toml")
    own.write_text(text, encoding="utf-8")
    result = arb("funding", "pairs", "-c", str(file), "--costs", str(own))
    assert result.exit_code == 2
    assert str(own) in result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_every_pair_as_csv(arb: Arb, file: Path) -> None:
    store(file, [HOURLY, EIGHT], [*settled(HOURLY, "0.00001", 1), *settled(EIGHT, "0.0004", 8)])
    result = arb("funding", "pairs", "-c", str(file), "--csv", "--best", "1")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["long"] for row in rows] == [HOURLY.id, EIGHT.id]
    assert Decimal(rows[0]["captured_bps"]) == -Decimal(rows[1]["captured_bps"]) == Decimal("38.4")


def test_without_settled_rates_there_is_nothing_to_judge(arb: Arb, file: Path) -> None:
    store(file, [HOURLY], [])
    for command in ("pairs", "forecasts"):
        result = arb("funding", command, "-c", str(file))
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr.startswith("No ")


def test_forecasts_of_every_way_are_compared(arb: Arb, file: Path) -> None:
    past = settled(HOURLY, "0.0001", 1, days=1)
    last_ns = past[-1].ts_event_ns
    predicted = [
        rate(HOURLY, raw, last_ns + minute * MINUTE_NS, 1, FundingKind.PREDICTED)
        for minute, raw in ((15, "0.0004"), (30, "0.0004"), (45, "0.0002"), (59, "0.0002"), (75, "0.0003"))
    ]
    unknown = [rate(NOWHERE, "0.0003", each.ts_event_ns, 1, FundingKind.PREDICTED) for each in predicted]
    store(file, [HOURLY, NOWHERE], [*past, *predicted, *unknown])
    document = plain(arb, "forecasts", "-c", str(file))
    half = next(score for score in document["scores"] if (score["exchange"], score["moment"]) == ("hyperliquid", "0.5"))
    assert (half["averaging"], half["settlements"], half["times"]) == ("flat", 1, 1)
    assert Decimal(half["published"]["mean_bps"]) == 2
    assert Decimal(half["last"]["mean_bps"]) == 1
    assert Decimal(half["blend"]["mean_bps"]) == Decimal("0.5")
    assert 0 < Decimal(half["own"]["mean_bps"]) < 2
    assert document["holes"] == [
        {"exchange": "hyperliquid", "settlements": 2, "holes": 1},
        {"exchange": "nowhere", "settlements": 2, "holes": 1},
    ]
    result = arb("funding", "forecasts", "-c", str(file))
    assert "nowhere      unknown" in result.stdout
    assert "hyperliquid 1 of 2, nowhere 1 of 2" in result.stdout


def test_facts_are_found_by_the_name_of_the_exchange_or_of_its_plugin() -> None:
    config = parse_config(
        {
            "storages": {"main": {"plugin": "x"}},
            "exchanges": {"hl-main": {"plugin": "hyperliquid"}, "mine": {"plugin": "simulated"}},
        },
        "test",
    )
    facts = venue_facts(config)
    assert facts.averaging(ExchangeName("hl-main")) is facts.averaging(ExchangeName("hyperliquid")) is Averaging.FLAT
    assert facts.averaging(ExchangeName("mine")) is None
    assert facts.costs(ExchangeName("hl-main")) == facts.costs(ExchangeName("hyperliquid")) is not None
    assert facts.costs(ExchangeName("mine")) is None


@pytest.mark.realdata
@pytest.mark.skipif(not COSTS.is_file(), reason=f"recorded costs are not there: {COSTS} (set ARB_REAL_DATA)")
def test_the_usual_costs_are_the_medians_that_were_recorded() -> None:
    slips: dict[tuple[str, int], list[float]] = defaultdict(list)
    with gzip.open(COSTS, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["error"] or not row["spread_bps"]:
                continue
            exchange = row["exchange"].removesuffix("dex") if row["exchange"] == "asterdex" else row["exchange"]
            slips[exchange, 0].append(float(row["spread_bps"]) / 2)
            for tier, notional in (("1k", 1_000), ("10k", 10_000), ("100k", 100_000), ("1m", 1_000_000)):
                for side in ("ask", "bid"):
                    if row[f"{side}_fill_{tier}"] == "True" and row[f"{side}_slip_{tier}"]:
                        slips[exchange, notional].append(float(row[f"{side}_slip_{tier}"]))
    facts = venue_facts(
        parse_config({"storages": {"main": {"plugin": "x"}}, "exchanges": {"y": {"plugin": "x"}}}, "test")
    )
    assert {exchange for exchange, _ in slips} == set(facts.all_costs)
    for exchange, costs in facts.all_costs.items():
        half_spread = median(slips[exchange, 0])
        assert float(costs.half_spread_bps) == pytest.approx(half_spread, abs=0.006)
        for size, impact in costs.impact_bps:
            assert float(impact) == pytest.approx(median(slips[exchange, int(size)]) - half_spread, abs=0.02)
