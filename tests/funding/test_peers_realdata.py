"""A year of recorded rates of seven venues: none is suspected, and one that is misread is."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from arb.funding import suspected_units
from arb.model import (
    DAY_NS,
    HOUR_NS,
    SECOND_NS,
    ExchangeName,
    FundingKind,
    FundingRate,
    RateUnit,
    instrument_id,
)

DATA = Path(os.environ.get("ARB_REAL_DATA", Path(__file__).parents[2] / "../shared/data")) / "funding/finm-7venues"

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"recorded rates are not there: {DATA} (set ARB_REAL_DATA)"),
]

Week = Mapping[ExchangeName, Sequence[FundingRate]]


def weeks(coin: str) -> Iterator[Week]:
    """Yield the settled rates of a coin by venue, week by week; the interval is the usual time between two."""
    parquet = pytest.importorskip("pyarrow.parquet")
    by_venue: defaultdict[str, list[tuple[int, Decimal]]] = defaultdict(list)
    for row in parquet.read_table(DATA / "funding_rates.parquet", filters=[("coin", "=", coin)]).to_pylist():
        second = int(row["timestamp"].timestamp())
        by_venue[row["venue"]].append((second * SECOND_NS, Decimal(repr(row["funding_rate"]))))
    found: defaultdict[int, dict[ExchangeName, list[FundingRate]]] = defaultdict(lambda: defaultdict(list))
    for venue, rows in by_venue.items():
        rows.sort()
        steps = Counter(round((after - before) / HOUR_NS) for (before, _), (after, _) in pairwise(rows))
        interval_ns = steps.most_common(1)[0][0] * HOUR_NS
        for ts_ns, fraction in rows:
            rate = FundingRate(
                instrument=instrument_id(f"{coin}-PERP", venue),
                raw=fraction,
                unit=RateUnit(factor=Decimal(1), period_ns=interval_ns),
                interval_ns=interval_ns,
                kind=FundingKind.SETTLED,
                ts_event_ns=ts_ns,
                ts_init_ns=ts_ns,
            )
            found[ts_ns // (7 * DAY_NS)][ExchangeName(venue)].append(rate)
    yield from found.values()


@pytest.mark.parametrize("coin", ["BTC", "ETH"])
def test_no_venue_of_a_major_is_suspected_in_a_year(coin: str) -> None:
    for week in weeks(coin):
        assert suspected_units(week) == ()


def test_a_venue_that_is_misread_is_suspected_in_most_weeks() -> None:
    factors = [Decimal(each) for each in ("8", "12.5", "100", "0.01")]
    seen, whole = Counter[Decimal](), 0
    for week in weeks("BTC"):
        if sum(len(rates) >= 20 for rates in week.values()) < 4:
            continue
        for venue, rates in week.items():
            if len(rates) < 20:
                continue
            whole += 1
            for factor in factors:
                misread = [replace(rate, raw=rate.raw * factor) for rate in rates]
                seen[factor] += any(one.exchange == venue for one in suspected_units({**week, venue: misread}))
    assert whole > 100
    assert all(seen[factor] > whole * 0.7 for factor in factors), (whole, seen)
