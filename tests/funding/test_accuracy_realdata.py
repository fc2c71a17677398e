"""Forecasts of the coming settlement against thirteen days of scans of ten venues."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from arb.funding import (
    ForecastRun,
    ForecastSample,
    compare_forecasts,
    decided_share,
    expected_rest,
    forecast_settlement,
)
from arb.model import (
    BPS,
    HOUR_NS,
    Averaging,
    FundingKind,
    FundingRate,
    InstrumentId,
    RateUnit,
    instrument_id,
)

DATA = Path(os.environ.get("ARB_REAL_DATA", Path(__file__).parents[2] / "../shared/data")) / "funding/dm-scan"
FILE = DATA / "perps_core_20260726_20260808.parquet"
LINEAR = ("aster", "bitget", "gate")
CANDIDATES = ("published", "last", "usual", "premium", "1", "2", "3", "4", "8")

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"recorded funding is not there: {DATA} (set ARB_REAL_DATA)"),
]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One venue's scans: rates, and the present premium as a rate of the period, by instrument and time."""

    runs: tuple[ForecastRun, ...]
    premiums: Mapping[tuple[InstrumentId, int], Decimal]


@cache
def recorded(venue: str, averaging: Averaging | None) -> Recorded:
    """Read the scans of a venue."""
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = ["ts", "symbol", "mark", "index", "funding_rate", "funding_interval_h"]
    rows = parquet.read_table(FILE, columns=columns, filters=[("venue", "=", venue)]).to_pylist()
    rows.sort(key=lambda row: (row["symbol"], row["ts"]))
    runs: list[ForecastRun] = []
    premiums: dict[tuple[InstrumentId, int], Decimal] = {}
    for _, group in groupby(rows, key=lambda row: row["symbol"]):
        rates = []
        for row in group:
            rate = predicted(venue, row)
            rates.append(rate)
            if row["index"]:
                premiums[rate.instrument, rate.ts_event_ns] = premium_rate(row)
        runs.append(compare_forecasts(rates, (), averaging))
    return Recorded(tuple(runs), premiums)


def predicted(venue: str, row: Mapping[str, Any]) -> FundingRate:
    length = row["funding_interval_h"] * HOUR_NS
    ts_ns = round(row["ts"].timestamp() * 1_000_000) * 1_000
    return FundingRate(
        instrument=instrument_id(row["symbol"], venue),
        raw=Decimal(repr(row["funding_rate"])),
        unit=RateUnit(factor=Decimal(1), period_ns=length),
        interval_ns=length,
        kind=FundingKind.PREDICTED,
        ts_event_ns=ts_ns,
        ts_init_ns=ts_ns,
    )


def premium_rate(row: Mapping[str, Any]) -> Decimal:
    """Return the rate if the premium stayed as it is: premium + clamp(interest - premium), scaled to the period."""
    premium = Decimal(repr(row["mark"])) / Decimal(repr(row["index"])) - 1
    clamp = 5 * BPS
    return (premium + max(-clamp, min(clamp, BPS - premium))) * int(row["funding_interval_h"]) / 8


def samples(found: Iterable[Recorded]) -> Iterator[ForecastSample]:
    for each in found:
        for run in each.runs:
            yield from run.samples


def error(forecasts: Iterable[ForecastSample], forecast: Callable[[ForecastSample], Decimal | None]) -> float:
    """Return the mean absolute error in basis points; where nothing is forecast the published rate stands."""
    errors = []
    for sample in forecasts:
        value = forecast(sample)
        errors.append(abs(float(((sample.published if value is None else value) - sample.came) / BPS)))
    return fmean(errors)


def candidate(
    name: str, averaging: Averaging, premiums: Mapping[tuple[InstrumentId, int], Decimal]
) -> Callable[[ForecastSample], Decimal | None]:
    """Return a forecast whose rest of the period is a candidate: a half-life in hours, or one of the others."""

    def forecast(sample: ForecastSample) -> Decimal | None:
        left_ns = sample.due_ns - sample.ts_ns
        share = decided_share(averaging, 1 - Decimal(left_ns) / sample.period_ns, left_ns)
        if name.isdigit():
            rest = None
            if sample.usual is not None:
                rest = expected_rest(sample.published, sample.usual, left_ns, Decimal(name))
        else:
            rest = {
                "published": sample.published,
                "last": sample.last,
                "usual": sample.usual,
                "premium": premiums.get((sample.instrument, sample.ts_ns)),
            }[name]
        return None if rest is None else forecast_settlement(sample.published, rest, share)

    return forecast


def test_the_rest_chosen_on_the_first_half_is_the_one_in_use_and_best_on_the_second_too() -> None:
    found = [recorded(venue, Averaging.LINEAR) for venue in LINEAR]
    every = list(samples(found))
    premiums = {key: value for each in found for key, value in each.premiums.items()}
    middle = (min(each.ts_ns for each in every) + max(each.ts_ns for each in every)) // 2
    halves = [each for each in every if each.ts_ns < middle], [each for each in every if each.ts_ns >= middle]
    assert min(map(len, halves)) > 10_000
    by_half = [
        {name: error(half, candidate(name, Averaging.LINEAR, premiums)) for name in CANDIDATES} for half in halves
    ]
    assert [min(errors, key=lambda name: errors[name]) for errors in by_half] == ["2", "2"]
    for errors, half in zip(by_half, halves, strict=True):
        assert errors["2"] == pytest.approx(error(half, lambda each: each.own))
        assert errors["2"] < 0.93 * errors["published"]
        assert errors["premium"] > 3 * errors["published"]


@pytest.mark.parametrize(
    ("venue", "averaging", "best"),
    [
        ("hyperliquid", Averaging.FLAT, 0.98),
        ("paradex", Averaging.EWMA, 0.92),
    ],
)
def test_our_forecast_is_closer_than_the_published_rate(venue: str, averaging: Averaging, best: float) -> None:
    found = list(samples([recorded(venue, averaging)]))
    assert len(found) > 500
    assert error(found, lambda each: each.own) < best * error(found, lambda each: each.published)
    beside = [each for each in found if each.last is not None]
    own = error(beside, lambda each: each.own)
    assert own < error(beside, lambda each: each.blend) < error(beside, lambda each: each.last)


def test_a_rate_that_was_decided_before_the_hour_has_no_averaging_of_ours() -> None:
    found = list(samples([recorded("kraken", None)]))
    assert error(found, lambda each: each.published) < 0.02
    flat = candidate("2", Averaging.FLAT, {})
    assert error(found, flat) > 2 * error(found, lambda each: each.published)


def test_holes_are_counted() -> None:
    runs = recorded("hyperliquid", Averaging.FLAT).runs
    settlements, holes = sum(run.settlements for run in runs), sum(run.holes for run in runs)
    assert 0.85 * settlements < holes < settlements
