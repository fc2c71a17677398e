"""The recordings beside the checkout: what is stored of them, intervals over a year, and who is who."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from pathlib import Path

import pytest

from arb.funding import DOLLARS, MIN_SETTLEMENTS, AssetSurvey, Ticker, infer_intervals
from arb.model import DAY_NS, HOUR_NS, MarketStats, format_utc
from arb.recordings import SkippedRow, Tally, Trap, open_recordings

DATA = Path(os.environ.get("ARB_REAL_DATA", Path(__file__).parents[2] / "../shared/data")) / "funding"

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"recorded funding is not there: {DATA} (set ARB_REAL_DATA)"),
]


@pytest.fixture(autouse=True)
def _needs_pyarrow() -> None:
    pytest.importorskip("pyarrow")


def settled(name: str) -> tuple[Mapping[str, Sequence[tuple[int, int]]], Tally]:
    """Return time and interval of each settlement, by instrument, oldest first."""
    tally = Tally()
    series: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for recording in open_recordings(DATA / name)[0]:
        recording.instruments(tally)
        for batch in recording.batches(tally):
            tally.rows += batch.rows
            for rate in batch.rates:
                series[rate.instrument].append((rate.ts_event_ns, rate.interval_ns))
    return {key: sorted(rows) for key, rows in series.items()}, tally


def walked(series: Mapping[str, Sequence[tuple[int, int]]]) -> tuple[int, int, int]:
    """Walk forward and return how often the inferred interval was the recorded one, refused, and wrong."""
    found = refused = wrong = 0
    for rows in series.values():
        known = infer_intervals([time for time, _ in rows]).known
        for inferred, (_, recorded) in list(zip(known, rows, strict=True))[MIN_SETTLEMENTS:]:
            found += inferred == recorded
            refused += inferred is None
            wrong += inferred not in (None, recorded)
    return found, refused, wrong


def test_over_a_year_no_inferred_interval_is_wrong_also_around_changes() -> None:
    series, tally = settled("zs-funding-1y")
    assert (tally.rows, len(series)) == (229_006, 110)
    assert +tally.skipped == {SkippedRow.INTERVAL_UNKNOWN: 1}
    found, refused, wrong = walked(series)
    assert wrong == 0
    assert found >= 228_114
    assert refused <= 11
    (inj,) = (rows for key, rows in series.items() if key == "INJ-USDT-PERP.bybit")
    changes = infer_intervals([time for time, _ in inj]).changes
    assert [
        (format_utc(one.effective_from_ns), one.before_ns // HOUR_NS, one.after_ns // HOUR_NS) for one in changes
    ] == [
        ("2026-02-19T16:00:00Z", 8, 1),
        ("2026-02-27T08:00:00Z", 1, 8),
    ]


def test_intervals_that_are_not_stored_are_those_the_venues_have() -> None:
    series, tally = settled("finm-7venues")
    assert +tally.skipped == {SkippedRow.HOURLY_MEAN_STAMPED_EARLY: 43_680, SkippedRow.INTERVAL_UNKNOWN: 11}
    hourly = {key for key, rows in series.items() if {length for _, length in rows} == {HOUR_NS}}
    four = {key for key, rows in series.items() if {length for _, length in rows} == {4 * HOUR_NS}}
    eight = {key for key, rows in series.items() if {length for _, length in rows} == {8 * HOUR_NS}}
    assert {key.rpartition(".")[2] for key in hourly} == {"dydx", "kraken", "lighter"}
    assert four == {"HYPE-USDT-PERP.binance", "HYPE-USDT-PERP.okx"}
    assert len(hourly) + len(four) + len(eight) == len(series) == 30
    found, refused, wrong = walked(series)
    # Refused at each of the holes, most of them Lighter's, and while they are a quarter of the last eight gaps.
    assert (wrong, tally.traps[Trap.HOLES]) == (0, 165)
    assert found >= 71_121
    assert refused <= 166


@pytest.fixture(scope="module")
def tickers() -> Mapping[str, Ticker]:
    """Survey the scans of all venues, day by day."""
    pytest.importorskip("pyarrow")
    tally = Tally()
    (recording,) = open_recordings(DATA / "dm-scan")[0]
    survey = AssetSurvey(recording.instruments(tally), DOLLARS)
    rows: list[MarketStats] = []
    for batch in recording.batches(tally):
        rows.extend(batch.stats)
    assert (len(rows), +tally.skipped) == (439_463, {})
    assert (tally.traps[Trap.DENOMINATION_PROVED], tally.traps[Trap.DENOMINATION_UNPROVED]) == (29, 3)
    rows.sort(key=lambda row: row.ts_event_ns)
    for _, day in groupby(rows, key=lambda row: row.ts_event_ns // DAY_NS):
        survey.add_day(day)
    return {ticker.base: ticker for ticker in survey.tickers()}


def test_these_tickers_are_different_assets_and_no_other_is_split(tickers: Mapping[str, Ticker]) -> None:
    apart = {base: [set(asset.units) for asset in one.assets] for base, one in tickers.items() if one.is_ambiguous}
    assert set(apart) == {"BB", "EDGE", "PURR"}
    assert apart["BB"][1] == {"BB-USD-PERP.extended"}
    assert apart["EDGE"][1] == {"EDGE-USDT-PERP.gate"}
    assert apart["PURR"] == [{"PURR-USD-PERP.extended"}, {"PURR-USDC-PERP.hyperliquid"}]
    assert {base for base, one in tickers.items() if len(one.assets) > 1} == set(apart)


def test_a_new_stock_was_another_price_on_two_days_of_three(tickers: Mapping[str, Ticker]) -> None:
    assert {base for base, one in tickers.items() if one.doubtful} == {"UNITREE"}


@pytest.mark.parametrize("base", ["XIAOMI", "OPENAI"])
def test_tickers_that_the_recorder_suspected_have_one_price(tickers: Mapping[str, Ticker], base: str) -> None:
    (asset,) = tickers[base].assets
    assert len(asset.units) >= 2
    assert tickers[base].differing == tickers[base].doubtful == ()


def test_denominations_are_proved_and_2z_is_not_z(tickers: Mapping[str, Ticker]) -> None:
    proved = {
        base for base, one in tickers.items() if any(unit != 1 for asset in one.assets for unit in asset.units.values())
    }
    assert {"BONK", "FLOKI", "PEPE", "SHIB"} <= proved
    assert proved == {
        *("BOME", "BONK", "DOGS", "FLOKI", "HMSTR", "LUNC", "NEIRO", "NOT", "PEPE", "PTB", "SHIB"),
    }
    units: Mapping[str, Decimal] = {str(key): unit for key, unit in tickers["PEPE"].assets[0].units.items()}
    assert units["kPEPE-USDC-PERP.hyperliquid"] == units["1000PEPE-USDT-PERP.aster"] == 1_000
    assert units["PEPE-USDT-PERP.gate"] == 1
    assert set(tickers["2Z"].assets[0].units.values()) == {1}
    assert "Z" not in tickers
