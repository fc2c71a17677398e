"""Opportunity scan: 10 venues x 1,000 symbols, all pairs, rates and fees only (no book is fetched).

Run: `python benchmarks/scan.py`. The peer in the same run is the loop that most bots have: every ordered pair, Decimal,
fees subtracted, no intervals, no calendar, no reasons. Figures are medians of interleaved rounds.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import defaultdict
from decimal import Decimal
from typing import Any

from arb.api import StaleData
from arb.funding import FinderSettings, FundingBook, FundingCollector, FxBook, OpportunityFinder, StatsBook
from arb.model import (
    HOUR_NS,
    MINUTE_NS,
    FeeSchedule,
    Fresh,
    FundingKind,
    FundingRate,
    Instrument,
    InstrumentId,
    OpportunityFilter,
    OrderBook,
    RateUnit,
)
from arb.testing import START_NS, FakeClock, MemoryExchange, sample_instrument

VENUES, SYMBOLS, ROUNDS = 10, 1_000, 7
NOW = START_NS + 30 * MINUTE_NS
WANTED = OpportunityFilter(notional_usd=Decimal(1_000), horizon_hours=Decimal(72))


class NoBooks:
    """A price provider that has nothing: the scan ends where books would be needed."""

    async def get_book(self, instrument: InstrumentId, max_age_ns: int) -> Fresh[OrderBook]:
        """Raise, as for a dead feed."""
        raise StaleData("benchmark")


def market(funding: FundingBook, *, stands_out: int = 90) -> dict[InstrumentId, Instrument]:
    """List everything; rates are near the baseline, one asset in 50 has one venue that stands out."""
    instruments = {}
    for venue in range(VENUES):
        fees = FeeSchedule(maker=Decimal(0), taker=Decimal("0.0002") + Decimal(venue) / 100_000)
        for symbol in range(SYMBOLS):
            listed = sample_instrument(f"v{venue}", f"S{symbol}", fees=fees, funding_interval_ns=HOUR_NS)
            instruments[listed.id] = listed
            funding.observe(predicted(listed.id, venue, symbol, stands_out=stands_out), NOW)
    return instruments


def predicted(
    instrument: InstrumentId, venue: int, symbol: int, extra: int = 0, *, stands_out: int = 90
) -> FundingRate:
    """Return a rate of about 0.125 bp an hour."""
    outlier = stands_out if symbol % 50 == 0 and venue == symbol // 50 % VENUES else 0
    return FundingRate(
        instrument=instrument,
        raw=Decimal(10 + (symbol * 7 + venue * 3) % 5 + outlier + extra) / 1_000_000,
        unit=RateUnit(factor=Decimal(1), period_ns=HOUR_NS),
        interval_ns=HOUR_NS,
        kind=FundingKind.PREDICTED,
        ts_event_ns=NOW,
        ts_init_ns=NOW,
        next_funding_ns=START_NS + HOUR_NS,
    )


def naive(instruments: dict[InstrumentId, Instrument], funding: FundingBook) -> int:
    """Count the ordered pairs whose carry over the horizon exceeds the fees of four fills."""
    by_base: dict[str, list[tuple[str, Decimal, Decimal]]] = {}
    for instrument in instruments.values():
        reading = funding.predicted(instrument.id, NOW)
        assert isinstance(reading, Fresh)
        entry = (instrument.exchange, reading.value.per_hour, instrument.fees.taker)
        by_base.setdefault(instrument.base, []).append(entry)
    hits = 0
    for legs in by_base.values():
        for long_exchange, long_rate, long_fee in legs:
            for short_exchange, short_rate, short_fee in legs:
                if long_exchange == short_exchange:
                    continue
                if (short_rate - long_rate) * 72 - 2 * (long_fee + short_fee) > 0:
                    hits += 1
    return hits


def finder_of(funding: FundingBook, instruments: dict[InstrumentId, Instrument], *, explain: bool) -> OpportunityFinder:
    """Return a finder on the market."""
    return OpportunityFinder(
        instruments=instruments,
        funding=funding,
        stats=StatsBook(),
        fx=FxBook(assumed={"USDC": Decimal(1)}),
        prices=NoBooks(),
        clock=FakeClock(NOW),
        settings=FinderSettings(explain=explain),
    )


async def scan_ms(finder: OpportunityFinder) -> float:
    """Return milliseconds of one scan."""
    begin = time.perf_counter_ns()
    await finder.scan(WANTED)
    return (time.perf_counter_ns() - begin) / 1e6


async def bench_scan() -> None:
    """Compare scans with the naive loop and with a broadcast of numpy, where it is installed."""
    funding, quiet = FundingBook(), FundingBook()
    instruments = market(funding)
    market(quiet, stands_out=0)
    plain, explained = (finder_of(funding, instruments, explain=explain) for explain in (False, True))
    screened = finder_of(quiet, instruments, explain=False)
    first = await scan_ms(plain)
    await scan_ms(screened)
    times: defaultdict[str, list[float]] = defaultdict(list)
    arrays = numpy_arrays(instruments, funding)
    for extra in range(1, ROUNDS + 1):
        begin = time.perf_counter_ns()
        naive(instruments, funding)
        times["naive Decimal loop"].append((time.perf_counter_ns() - begin) / 1e6)
        times["scan: 180 pairs that pay their fees, forecast on both calendars"].append(await scan_ms(plain))
        times["scan, every one of 45,000 pairs explained"].append(await scan_ms(explained))
        times["scan, nothing pays its fees, nothing changed"].append(await scan_ms(screened))
        quiet.observe(predicted(next(iter(instruments)), 0, 0, extra, stands_out=0), NOW)
        times["scan, nothing pays its fees, one rate changed"].append(await scan_ms(screened))
        if arrays is not None:
            begin = time.perf_counter_ns()
            numpy_hits(*arrays)
            times["numpy broadcast on arrays kept up to date (the bound)"].append(
                (time.perf_counter_ns() - begin) / 1e6
            )
    floor = statistics.median(times["naive Decimal loop"])
    print(f"{VENUES} venues x {SYMBOLS} symbols; first scan after all rates changed: {first:.1f} ms")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:64} {median:8.2f} ms   {median / floor:6.3f} x naive")


def numpy_arrays(instruments: dict[InstrumentId, Instrument], funding: FundingBook) -> tuple[Any, Any] | None:
    """Return rates and fees as arrays of symbols x venues; None where numpy is not installed."""
    try:
        import numpy as np
    except ImportError:
        return None
    readings = [funding.predicted(one, NOW) for one in instruments]
    rates = np.array([float(one.value.per_hour) for one in readings if isinstance(one, Fresh)])
    fees = np.array([float(one.fees.taker) for one in instruments.values()])
    return rates.reshape(VENUES, SYMBOLS).T.copy(), fees.reshape(VENUES, SYMBOLS).T.copy()


def numpy_hits(rates: Any, fees: Any) -> int:
    """Count as :func:`naive` does, in floats."""
    gain = (rates[:, None, :] - rates[:, :, None]) * 72 - 2 * (fees[:, None, :] + fees[:, :, None])
    return int((gain > 0).sum())


async def bench_collect() -> None:
    """Time collections of 3 exchanges x 5 instruments, settling each hour, as in thirty simulated days."""
    clock = FakeClock()
    exchanges = [
        MemoryExchange(f"v{index}", clock=clock, prices=dict.fromkeys("ABCDE", 100), deposit=1) for index in range(3)
    ]
    instruments: dict[InstrumentId, Instrument] = {}
    for exchange in exchanges:
        for listed in await exchange.market.fetch_instruments():
            exchange.add_instrument(sample_instrument(exchange.name, listed.base, funding_interval_ns=HOUR_NS))
            exchange.set_funding(listed.id, "0.0001")
        instruments.update({each.id: each for each in await exchange.market.fetch_instruments()})
    collector = FundingCollector(
        exchanges=exchanges,
        instruments=instruments,
        clock=clock,
        funding=FundingBook(),
        stats=StatsBook(),
        fx=FxBook(assumed={}),
    )
    total = 0
    calls = 400
    for call in range(calls):
        clock.advance(15 * MINUTE_NS)
        if call % 4 == 3:
            for exchange in exchanges:
                for instrument in await exchange.market.fetch_instruments():
                    exchange.settle_funding(instrument.id, "0.0001")
        begin = time.perf_counter_ns()
        await collector.collect(clock.now_ns())
        total += time.perf_counter_ns() - begin
    each_ms = total / calls / 1e6
    print(f"collection of 3 x 5 instruments: {each_ms:.2f} ms; 2,880 of them: {each_ms * 2.88:.1f} s")


if __name__ == "__main__":
    asyncio.run(bench_scan())
    asyncio.run(bench_collect())
