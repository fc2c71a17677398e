"""What pairs earned over a year of settled funding of three venues."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations
from pathlib import Path

import pytest

from arb.funding import PairEarnings, SettledSeries, pair_earnings, settled_series
from arb.model import (
    BPS,
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    FundingKind,
    FundingRate,
    RateUnit,
    exchange_of,
    instrument_id,
)

DATA = Path(os.environ.get("ARB_REAL_DATA", Path(__file__).parents[2] / "../shared/data")) / "funding/zs-funding-1y"

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"recorded funding is not there: {DATA} (set ARB_REAL_DATA)"),
]


def series_of(venue: str) -> Iterator[tuple[str, SettledSeries]]:
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = ["canonical_symbol", "settlement_ts", "rate_raw", "interval_hours"]
    rates: dict[str, list[FundingRate]] = defaultdict(list)
    for row in parquet.read_table(DATA / f"{venue}.parquet", columns=columns).to_pylist():
        if row["interval_hours"] is None:
            continue
        length = int(row["interval_hours"] * HOUR_NS)
        settled_ns = (int(row["settlement_ts"].timestamp() + 30) * SECOND_NS) // MINUTE_NS * MINUTE_NS
        rates[row["canonical_symbol"]].append(
            FundingRate(
                instrument=instrument_id(row["canonical_symbol"], venue),
                raw=Decimal(repr(row["rate_raw"])),
                unit=RateUnit(factor=Decimal(1), period_ns=length),
                interval_ns=length,
                kind=FundingKind.SETTLED,
                ts_event_ns=settled_ns,
                ts_init_ns=settled_ns,
            )
        )
    for symbol, found in rates.items():
        series = settled_series(sorted(found, key=lambda rate: rate.ts_event_ns))
        assert series is not None
        yield symbol.split("-")[0], series


def test_the_pairs_of_a_year() -> None:
    assets: dict[str, list[SettledSeries]] = defaultdict(list)
    holes: list[tuple[str, int]] = []
    for venue in ("binance", "bybit", "hyperliquid"):
        for base, series in series_of(venue):
            assets[base].append(series)
            holes += [(series.instrument, end_ns - start_ns) for start_ns, end_ns in series.holes]
    # Intervals change in the recording, and nothing is missing but the one row that has no interval.
    assert holes == [("INJ-USDT-PERP.bybit", 6 * HOUR_NS)]
    found: list[PairEarnings] = []
    for group in assets.values():
        for one, other in combinations(group, 2):
            if exchange_of(one.instrument) != exchange_of(other.instrument):
                found += pair_earnings(one, other) or ()
    assert len(found) == 262
    assert sum(pair.captured for pair in found) == 0
    best, worst = max(found, key=lambda pair: pair.captured), min(found, key=lambda pair: pair.captured)
    assert (best.long, best.short) == ("WIF-USDT-PERP.binance", "WIF-USDC-PERP.bybit")
    assert (worst.long, worst.short) == (best.short, best.long)
    assert 900 < best.captured / BPS < 970
    for pair in found:
        assert 0 < pair.observed_ns <= 284 * DAY_NS
        assert pair.positive_days <= pair.days
        # Whole days hold all but the first and the last.
        assert abs(pair.captured - pair.curve[-1]) < Decimal("0.005")
    # Nobody gets rich on large coins: of those that can be chosen only in hindsight the median brings 2 % a year.
    chosen = sorted(pair.captured / BPS for pair in found if pair.captured > 0)
    assert 50 < chosen[len(chosen) // 2] < 300


def test_a_leg_counted_by_hand() -> None:
    one = dict(series_of("binance"))["BTC"]
    other = dict(series_of("hyperliquid"))["BTC"]
    both = pair_earnings(one, other)
    assert both is not None
    start_ns, end_ns = both[0].start_ns, both[0].end_ns
    by_hand = Decimal(0)
    for series, sign in ((other, 1), (one, -1)):
        for time_ns, rate in zip(series.times_ns, series.rates, strict=True):
            by_hand += sign * rate if start_ns < time_ns <= end_ns else 0
    assert both[0].captured == by_hand
