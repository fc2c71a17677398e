"""How long `await prices.get_bbo(...)` takes on a hit, beside its floors, in one run.

    python benchmarks/price_hit.py [--json]

Contenders are interleaved and timed in batches, so that drift of the machine touches all of them.
The p99 is that of single calls, with the cost of reading the clock taken off. Needs
arb-cache-tier-memory; cachetools is compared when it is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from importlib.util import find_spec
from statistics import median

from arb.api import Exchange
from arb.marketdata import PriceProvider
from arb.model import SECOND_NS, Bbo, BookLevel, ExchangeName, Fresh, InstrumentId, OrderBook, instrument_id
from arb.runtime import WallClock
from arb_cache_tier_memory._tier import MemoryTier

INSTRUMENT = instrument_id("BTC-PERP", "venue")
MAX_AGE_NS = 3600 * SECOND_NS
BATCH = 2_000
ROUNDS = 60
SINGLES = 20_000

Contender = Callable[[InstrumentId, int], Awaitable[object]]


def make_book(now_ns: int) -> OrderBook:
    """Return a book of 20 levels a side."""
    return OrderBook(
        instrument=INSTRUMENT,
        bids=tuple(BookLevel(Decimal(100_000 - n), Decimal(1)) for n in range(1, 21)),
        asks=tuple(BookLevel(Decimal(100_000 + n), Decimal(1)) for n in range(1, 21)),
        sequence=1,
        ts_event_ns=now_ns,
        ts_init_ns=now_ns,
    )


async def make_provider(clock: WallClock) -> PriceProvider:
    """Return a provider over the memory tier, holding the book."""
    exchanges: dict[ExchangeName, Exchange] = {}
    prices = PriceProvider(clock, exchanges, {"memory": MemoryTier(4096)}, {})
    await prices.put_book(INSTRUMENT, make_book(clock.now_ns()), "benchmark")
    return prices


async def contenders() -> dict[str, Contender]:
    """Return what is compared; each is awaited once a call."""
    clock = WallClock()
    prices = await make_provider(clock)
    bbo = make_book(clock.now_ns()).bbo()
    assert bbo is not None
    held: dict[str, Fresh[Bbo]] = {INSTRUMENT: Fresh(bbo, "benchmark", time.monotonic_ns())}

    async def nothing(instrument: InstrumentId, max_age_ns: int) -> None:
        return None

    async def dict_and_monotonic(instrument: InstrumentId, max_age_ns: int) -> Fresh[Bbo]:
        value = held[instrument]
        if time.monotonic_ns() - value.observed_ns > max_age_ns:
            raise AssertionError
        return value

    async def dict_and_clock(instrument: InstrumentId, max_age_ns: int) -> Fresh[Bbo]:
        value = held[instrument]
        if clock.now_ns() - value.observed_ns > 1 << 62:
            raise AssertionError
        return value

    found: dict[str, Contender] = {
        "await floor": nothing,
        "dict + monotonic": dict_and_monotonic,
        "dict + Clock": dict_and_clock,
        "get_bbo hit": prices.get_bbo,
        "get_book hit": prices.get_book,
    }
    if find_spec("cachetools"):
        from cachetools import TTLCache

        cache: TTLCache[str, Bbo] = TTLCache(4096, 3600)
        cache[INSTRUMENT] = bbo

        async def ttl_cache(instrument: InstrumentId, max_age_ns: int) -> Bbo:
            return cache[instrument]

        found["cachetools.TTLCache"] = ttl_cache
    return found


async def time_batch(call: Contender) -> float:
    """Return microseconds a call."""
    start = time.perf_counter_ns()
    for _ in range(BATCH):
        await call(INSTRUMENT, MAX_AGE_NS)
    return (time.perf_counter_ns() - start) / BATCH / 1_000


async def time_singles(call: Contender) -> list[float]:
    """Return microseconds of single calls, sorted, less what reading the clock costs."""
    read = time.perf_counter_ns
    cost = median(-(read() - read()) for _ in range(2_000))
    found = []
    for _ in range(SINGLES):
        start = read()
        await call(INSTRUMENT, MAX_AGE_NS)
        found.append((read() - start - cost) / 1_000)
    return sorted(found)


async def measure() -> dict[str, dict[str, float]]:
    """Return p50 (of batches) and p99 (of single calls) of every contender, and p50 over the floor's."""
    calls = await contenders()
    batches: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            batches[name].append(await time_batch(call))
    results = {}
    for name, call in calls.items():
        singles = await time_singles(call)
        results[name] = {"p50_us": median(batches[name]), "p99_us": singles[int(len(singles) * 0.99)]}
    peer = results["dict + monotonic"]["p50_us"]
    for figures in results.values():
        figures["x_dict"] = figures["p50_us"] / peer
    return {name: {key: round(value, 3) for key, value in figures.items()} for name, figures in results.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print JSON")
    as_json = parser.parse_args().json
    results = asyncio.run(measure())
    if as_json:
        json.dump(results, sys.stdout, indent=2)
        print()
        return
    print(f"{'contender':<22}{'p50 us':>9}{'p99 us':>9}{'x dict':>8}")
    for name, figures in results.items():
        print(f"{name:<22}{figures['p50_us']:>9.3f}{figures['p99_us']:>9.3f}{figures['x_dict']:>8.2f}")


if __name__ == "__main__":
    main()
