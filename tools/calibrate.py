"""Print the measured figures that the profiles of the seeded market are set to.

    python tools/calibrate.py [costs|funding|spreads|simulated|tables ...]

Reads the recorded data in ARB_REAL_DATA (default: ../shared/data beside the checkout); needs pyarrow.
`costs` comes from costs/2026-02.csv.gz, `funding` and `spreads` from funding/finm-7venues and
funding/zs-funding-1y; `simulated` prints the same of the seeded market and needs no data; `tables` prints
both as the tables of docs/explanation/simulated-market.md. Rates are annual percentages (hourly rate x 8760).
"""

from __future__ import annotations

import csv
import gzip
import os
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from arb.model import HOUR_NS, SECOND_NS, Instrument, Side, parse_utc
from arb.simulation import ASSETS, PROFILES, SeededMarket

Key = tuple[str, str]
"""Coin and venue."""
Series = dict[int, float]
"""Annual percentage by hour."""

START_NS = parse_utc("2026-01-01")
COST_TITLE = "spread  slip 1k   10k      100k     1m"
RATE_TITLE = "I   settled   mean     sd     p5    p50    p95  half life  signs/day  at 10.95"
TIERS = ("1k", "10k", "100k", "1m")
STAND_INS = {
    ("HYPE", "hyperliquid"): ("HYPE", "lighter"),
    ("XRP", "lighter"): ("DOGE", "lighter"),
    ("XRP", "dydx"): ("DOGE", "dydx"),
}
"""Series of another coin or venue in place of one that is not recorded."""
PAIRS = (
    "binance-bybit",
    "binance-hyperliquid",
    "hyperliquid-lighter",
    "dydx-hyperliquid",
    "binance-dydx",
    "dydx-lighter",
)


def data_folder() -> Path:
    """Return the folder of recorded data, or leave with a message."""
    folder = Path(os.environ.get("ARB_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        sys.exit(f"no recorded data in {folder}: set ARB_REAL_DATA")
    return folder


def cost_rows(data: Path) -> dict[Key, list[dict[str, str]]]:
    """Return the recorded minutes of each coin and venue."""
    groups: dict[Key, list[dict[str, str]]] = defaultdict(list)
    with gzip.open(data / "costs" / "2026-02.csv.gz", "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if not row["error"] and row["spread_bps"]:
                groups[row["ticker"], row["exchange"]].append(row)
    return groups


def measured_costs(rows: list[dict[str, str]]) -> list[float]:
    """Return median spread and slippages in basis points of the mid price; a book too thin counts as infinite."""
    costs = [statistics.median(float(row["spread_bps"]) for row in rows)]
    for tier in TIERS:
        sides = [(row, side) for row in rows for side in ("ask", "bid")]
        slips = (row[f"{side}_slip_{tier}"] if row[f"{side}_fill_{tier}"] == "True" else "" for row, side in sides)
        costs.append(statistics.median(float(slip or "inf") for slip in slips))
    return costs


def print_costs(data: Path) -> None:
    """Print the recorded costs."""
    print(f"coin  venue        minutes  mid        {COST_TITLE}")
    for (coin, venue), rows in sorted(cost_rows(data).items()):
        mid = statistics.median(float(row["mid_price"]) for row in rows)
        print(f"{coin:5} {venue:12} {len(rows):7}  {mid:<10.6g}{cost_columns(measured_costs(rows))}")


def cost_columns(costs: list[float]) -> str:
    """Return spread and slippages as text."""
    return f"{costs[0]:7.3f}" + "".join(f"{cost:9.2f}" for cost in costs[1:])


def funding_series(data: Path) -> dict[Key, tuple[int, Series]]:
    """Return interval in hours and hourly annual percentage of each coin and venue."""
    stamps: dict[Key, Series] = defaultdict(dict)
    for coin, venue, hour, rate in funding_rows(data):
        stamps[coin, venue][hour] = rate
    series = {}
    for key, rates in stamps.items():
        interval = statistics.mode(later - earlier for earlier, later in pairwise(sorted(rates)))
        series[key] = (interval, hourly(rates, interval))
    return series


def hourly(rates: Series, interval: int) -> Series:
    """Return the annual percentage of each hour that the settlements pay for: those before each."""
    return {hour - back: rates[hour] / interval * 876_000 for hour in sorted(rates) for back in range(interval)}


def funding_rows(data: Path) -> Iterator[tuple[str, str, int, float]]:
    """Yield coin, venue, hour and rate: Hyperliquid, and XRP of Binance and Bybit, come from zs-funding-1y.

    The Hyperliquid rows of finm-7venues are known to be wrong.
    """
    import pyarrow.parquet as parquet

    for row in parquet.read_table(data / "funding/finm-7venues/funding_rates.parquet").to_pylist():
        if row["venue"] != "hyperliquid" and row["funding_rate"] is not None:
            yield row["coin"], row["venue"], round(row["timestamp"].timestamp() / 3600), row["funding_rate"]
    for name in ("hyperliquid", "binance", "bybit"):
        for row in parquet.read_table(data / f"funding/zs-funding-1y/{name}.parquet").to_pylist():
            coin, _, quote = row["canonical_symbol"].removesuffix("-PERP").partition("-")
            majors = name == "hyperliquid" and coin in ("BTC", "ETH", "SOL", "XRP", "DOGE")
            if majors or (coin, quote) == ("XRP", "USDT"):
                yield coin, name, round(row["settlement_ts"].timestamp() / 3600), row["rate_raw"]


def print_funding(data: Path) -> None:
    """Print level, spread and persistence of each venue's own rate."""
    print(f"coin  venue             {RATE_TITLE}")
    for (coin, venue), (interval, series) in sorted(funding_series(data).items()):
        print(f"{coin:5} {venue:16} {rate_columns(interval, series)}")


def rate_columns(interval: int, series: Series) -> str:
    """Return the figures of one series as text."""
    mean, deviation, low, median, high, signs, base, lasting, count = describe(interval, series)
    tails = f"{low:7.1f}{median:7.1f}{high:7.1f}{lasting:8.0f}h {signs:10.2f}{base:10.2f}"
    return f"{interval}h {count:7.0f} {mean:8.2f}{deviation:7.2f}{tails}"


def describe(interval: int, series: Series) -> list[float]:
    """Return the figures of the settled rates in the order of their table, then half life in hours and count."""
    values = [series[hour] for hour in sorted(series)][::interval]
    ordered, count = sorted(values), len(values)
    tails = [ordered[min(int(count * p), count - 1)] for p in (0.05, 0.5, 0.95)]
    signs = sum(1 for a, b in pairwise(values) if a * b < 0) / (count * interval / 24)
    base = sum(1 for value in values if abs(value - 10.95) < 0.05) / count
    mean, deviation = statistics.mean(values), statistics.pstdev(values)
    return [mean, deviation, *tails, signs, base, half_life(values) * interval, count]


def half_life(values: list[float]) -> int:
    """Return the first lag at which the autocorrelation is below one half."""
    mean, count = statistics.mean(values), len(values)
    centred = [value - mean for value in values]
    variance = sum(value * value for value in centred)
    lags = range(1, min(200, count - 1))
    sums = ((lag, sum(a * b for a, b in zip(centred, centred[lag:], strict=False))) for lag in lags)
    return next((lag for lag, value in sums if value < 0.5 * variance), 200)


def print_spreads(all_series: dict[Key, tuple[int, Series]]) -> None:
    """Print how large and how lasting the difference between two venues is."""
    print("coin  pair                      hours  mean |1h|  mean |24h|  mean |72h|  72h means above 10, 20, 40 %")
    for (coin, first), (_, left) in sorted(all_series.items()):
        for (other, second), (_, right) in sorted(all_series.items()):
            if coin == other and first < second and (found := compare(left, right)):
                pair, hours = f"{first}-{second}".replace("-like", ""), len(left.keys() & right.keys())
                sizes = f"{found[0]:9.2f}  {found[1]:10.2f}  {found[2]:10.2f}"
                print(f"{coin:5} {pair:24} {hours:6}  {sizes}  {' '.join(f'{share:6.3f}' for share in found[3:])}")


def compare(left: Series, right: Series) -> list[float]:
    """Return mean size over 1, 24 and 72 hours and shares above the limits; empty for too few hours."""
    spread = {hour: left[hour] - right[hour] for hour in left.keys() & right.keys()}
    three = window_means(spread, 72) if len(spread) >= 500 else []
    if not three:
        return []
    parts = (list(spread.values()), window_means(spread, 24), three)
    shares = (sum(1 for value in three if abs(value) > limit) / len(three) for limit in (10, 20, 40))
    return [*(statistics.mean(abs(value) for value in part) for part in parts), *shares]


def window_means(spread: Series, width: int) -> list[float]:
    """Return the mean of every whole window of `width` hours, beginning on multiples of a quarter of it."""
    starts = range(min(spread), max(spread) - width, width // 4)
    windows = ([spread[hour] for hour in range(start, start + width) if hour in spread] for start in starts)
    return [statistics.mean(window) for window in windows if len(window) == width]


def seeded(seed: int = 1) -> dict[Key, tuple[SeededMarket, Instrument]]:
    """Return every instrument of the seeded market by coin and profile."""
    markets = {
        (coin, name): SeededMarket(seed=seed, exchange=name, profile=profile, assets=[coin])
        for coin in ASSETS
        for name, profile in PROFILES.items()
    }
    return {key: (market, market.instruments()[0]) for key, market in markets.items()}


def simulated_series(market: SeededMarket, listed: Instrument, days: int = 180) -> tuple[int, Series]:
    """Return interval in hours and hourly annual percentage."""
    interval = (listed.funding_interval_ns or HOUR_NS) // HOUR_NS
    hours = range(interval, days * 24 + 1, interval)
    rates = {hour: market.settled_rate(listed.id, START_NS + hour * HOUR_NS) for hour in hours}
    return interval, hourly({hour: float(rate or 0) for hour, rate in rates.items()}, interval)


def simulated_costs(market: SeededMarket, listed: Instrument) -> list[float]:
    """Return median spread and slippages in basis points of the mid price, of 400 moments."""
    spreads: list[float] = []
    slips: list[list[float]] = [[] for _ in TIERS]
    for step in range(400):
        book = market.book(listed.id, START_NS + step * 1801 * SECOND_NS)
        bbo = book.bbo() if book else None
        if book is None or bbo is None:
            continue
        mid = bbo.mid_price
        spreads.append(float((bbo.ask - bbo.bid) / mid * 10_000))
        for side in Side:
            for column, notional in zip(slips, (10**3, 10**4, 10**5, 10**6), strict=True):
                vwap = book.walk(side, notional / mid).vwap
                column.append(float(abs((vwap or mid) / mid - 1) * 10_000))
    return [statistics.median(spreads), *(statistics.median(column) for column in slips)]


def print_simulated() -> None:
    """Print costs, funding and spreads of the seeded market."""
    listed = seeded()
    print(f"coin  venue             {COST_TITLE}")
    for (coin, name), row in listed.items():
        print(f"{coin:5} {name:16} {cost_columns(simulated_costs(*row))}")
    series = {key: simulated_series(*row) for key, row in listed.items()}
    print(f"\ncoin  venue             {RATE_TITLE}")
    for (coin, name), (interval, rates) in series.items():
        print(f"{coin:5} {name:16} {rate_columns(interval, rates)}")
    print()
    print_spreads(series)


def print_tables(data: Path) -> None:
    """Print measured / simulated: costs, settled funding, differences of the pairs that are recorded."""
    listed, costs, recorded = seeded(), cost_rows(data), funding_series(data)
    rows = []
    for (coin, name), row in listed.items():
        measured, found = measured_costs(costs[coin, name.removesuffix("-like")]), simulated_costs(*row)
        rows.append([coin, name, *both(measured[:1], found[:1], 3), *both(measured[2:], found[2:], 2)])
    print_table("coin | profile | spread | 10k | 100k | 1M", rows)
    series = {key: simulated_series(*row) for key, row in listed.items()}
    rows = []
    for (coin, name), (interval, rates) in series.items():
        key = (coin, name.removesuffix("-like"))
        old, new = describe(*recorded[STAND_INS.get(key, key)])[:7], describe(interval, rates)[:7]
        heads = [coin, f"{name} *" if key in STAND_INS else name, f"{interval}h"]
        rows.append([*heads, *both(old[:5], new[:5], 1), *both(old[5:], new[5:], 2)])
    figures = "mean | deviation | 5 % | median | 95 % | sign changes a day | at 10.95 %"
    print_table(f"coin | profile | interval | {figures}", rows)
    rows = []
    for coin, pair in ((coin, pair) for coin in ASSETS for pair in PAIRS):
        left, right = ((coin, name) for name in pair.split("-"))
        if left in recorded and right in recorded:
            simulated = compare(series[coin, f"{left[1]}-like"][1], series[coin, f"{right[1]}-like"][1])
            measured = compare(recorded[left][1], recorded[right][1])
            rows.append([coin, pair, *both(measured[:3], simulated[:3], 1), *both(measured[3:], simulated[3:], 2)])
    print_table("coin | pair | mean 1 h | mean 24 h | mean 72 h | 72 h above 10 % | above 20 % | above 40 %", rows)


def both(measured: Sequence[float], simulated: Sequence[float], digits: int) -> list[str]:
    """Return cells of measured and simulated figures."""
    return [f"{old:z.{digits}f} / {new:z.{digits}f}" for old, new in zip(measured, simulated, strict=True)]


def print_table(heading: str, rows: Iterable[Sequence[str]]) -> None:
    """Print a Markdown table."""
    print(f"| {heading} |\n|{'---|' * len(heading.split('|'))}")
    print("".join(f"| {' | '.join(cells)} |\n" for cells in rows))


def main() -> None:
    """Print the parts asked for, all by default."""
    parts: dict[str, Callable[[], None]] = {
        "costs": lambda: print_costs(data_folder()),
        "funding": lambda: print_funding(data_folder()),
        "spreads": lambda: print_spreads(funding_series(data_folder())),
        "simulated": print_simulated,
        "tables": lambda: print_tables(data_folder()),
    }
    wanted = sys.argv[1:] or list(parts)
    unknown = [name for name in wanted if name not in parts]
    if unknown:
        sys.exit(f"unknown part {unknown[0]!r}: choose from {', '.join(parts)}")
    for name in wanted:
        print(f"\n# {name}")
        parts[name]()


if __name__ == "__main__":
    main()
