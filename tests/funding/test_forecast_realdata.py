"""The forecast against a year of settled funding of three venues."""

from __future__ import annotations

import os
import statistics
from decimal import Decimal
from pathlib import Path

import pytest

from arb.funding import FundingBook, PairForecaster, Schedule
from arb.model import (
    BPS,
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    FundingKind,
    FundingRate,
    Instrument,
    InstrumentId,
    RateUnit,
)
from arb.testing import sample_instrument

DATA = Path(os.environ.get("ARB_REAL_DATA", Path(__file__).parents[2] / "../shared/data")) / "funding/zs-funding-1y"
BASES = frozenset({"SOL", "DOGE", "LINK", "APT", "ARB"})
HORIZON_NS = 72 * HOUR_NS

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"recorded funding is not there: {DATA} (set ARB_REAL_DATA)"),
]


def load(venue: str, book: FundingBook) -> list[Instrument]:
    """Read the settled rates of a venue's USDT or USDC contracts and return their instruments."""
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = ["canonical_symbol", "settlement_ts", "rate_raw", "interval_hours"]
    found: dict[str, Instrument] = {}
    quote = "USDC" if venue == "hyperliquid" else "USDT"
    for row in parquet.read_table(DATA / f"{venue}.parquet", columns=columns).to_pylist():
        base, listed_quote, _ = row["canonical_symbol"].split("-")
        if base not in BASES or listed_quote != quote or row["interval_hours"] is None:
            continue
        instrument = found.setdefault(base, sample_instrument(venue, base))
        interval_ns = int(row["interval_hours"] * HOUR_NS)
        settled_ns = int(row["settlement_ts"].timestamp()) * SECOND_NS // MINUTE_NS * MINUTE_NS
        rate = FundingRate(
            instrument=instrument.id,
            raw=Decimal(repr(row["rate_raw"])),
            unit=RateUnit(factor=Decimal(1), period_ns=interval_ns),
            interval_ns=interval_ns,
            kind=FundingKind.SETTLED,
            ts_event_ns=settled_ns,
            ts_init_ns=settled_ns,
        )
        book.add_settled([rate])
    return list(found.values())


def paid(book: FundingBook, instrument: InstrumentId, after_ns: int, until_ns: int) -> float:
    return sum(float(rate.rate / BPS) for rate in book.settled(instrument, after_ns + 1, until_ns + 1))


def compare(book: FundingBook, one: Instrument, other: Instrument) -> list[tuple[float, float, float]]:
    """Return (forecast, constant carry, what came) in basis points for a hold of three days begun each day."""
    forecaster = PairForecaster(book, default_half_life_hours=Decimal(24))
    results = []
    begin = max(book.settled(each.id)[0].ts_event_ns for each in (one, other)) + 15 * DAY_NS
    end = min(book.settled(each.id)[-1].ts_event_ns for each in (one, other)) - HORIZON_NS
    for now in range((begin // DAY_NS + 1) * DAY_NS + 30 * MINUTE_NS, end, DAY_NS):
        legs = []
        for instrument in (one, other):
            rate = book.settled(instrument.id, now - 2 * DAY_NS, now)[-1]
            schedule = Schedule(next_ns=rate.ts_event_ns + rate.interval_ns, interval_ns=rate.interval_ns)
            legs.append((instrument, rate, schedule))
        long, short = sorted(legs, key=lambda leg: leg[1].per_hour)
        forecast = forecaster.forecast(long, short, now).capture(now, now + HORIZON_NS)
        came = paid(book, short[0].id, now, now + HORIZON_NS) - paid(book, long[0].id, now, now + HORIZON_NS)
        constant = (short[1].per_hour - long[1].per_hour) * 72
        results.append((float(forecast / BPS), float(constant / BPS), came))
    return results


def test_the_forecast_is_closer_to_what_came_than_the_carry_of_the_moment() -> None:
    book = FundingBook(keep=20_000)
    venues = [load(venue, book) for venue in ("binance", "bybit", "hyperliquid")]
    results = []
    for index, first in enumerate(venues):
        for second in venues[index + 1 :]:
            for one in first:
                results += [row for other in second if other.base == one.base for row in compare(book, one, other)]
    assert len(results) > 2_000
    forecast, constant, came = zip(*results, strict=True)
    off = statistics.fmean(abs(a - b) for a, b in zip(forecast, came, strict=True))
    off_constant = statistics.fmean(abs(a - b) for a, b in zip(constant, came, strict=True))
    assert off < 0.7 * off_constant
    assert statistics.correlation(forecast, came) > statistics.correlation(constant, came) + 0.1
    # What looks best must not be mostly illusion: of ten points promised, at least six come.
    promising = [(a, c) for a, _, c in results if a > 8]
    assert len(promising) > 50
    assert statistics.fmean(c for _, c in promising) > 0.6 * statistics.fmean(a for a, _ in promising)
    # Most holds of a quick spread do not pay the twenty points of a usual round trip: few are promised to.
    assert sum(a > 20 for a in forecast) < 0.02 * len(forecast)
