"""Print the measured figures that the profiles of the seeded market are set to.

    python tools/calibrate.py [costs|funding|spreads|simulated ...]

Reads the recorded data in ARB_REAL_DATA (default: ../shared/data beside the checkout); needs pyarrow.
`costs` comes from costs/2026-02.csv.gz, `funding` and `spreads` from funding/finm-7venues and
funding/zs-funding-1y; `simulated` prints the same of the seeded market and needs no data. Rates are
annual percentages (hourly rate x 8760).
"""

from __future__ import annotations

import csv
import gzip
import os
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

from arb.model import HOUR_NS, SECOND_NS, Instrument, Side, parse_utc
from arb.simulation import ASSETS, PROFILES, SeededMarket

Series = dict[int, float]
"""Annual percentage by hour since the epoch."""

START_NS = parse_utc("2026-01-01")
SPREAD_TITLE = "coin  pair                      hours  mean |1h|  mean |24h|  mean |72h|  72h means above 10, 20, 40 %"
TIERS = ("1k", "10k", "100k", "1m")


def data_folder() -> Path:
    """Return the folder of recorded data, or leave with a message."""
    folder = Path(os.environ.get("ARB_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        sys.exit(f"no recorded data in {folder}: set ARB_REAL_DATA")
    return folder


def print_costs(data: Path) -> None:
    """Print median spread and slippage of each venue and coin in basis points of the mid price."""
    groups: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    with gzip.open(data / "costs" / "2026-02.csv.gz", "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if not row["error"] and row["spread_bps"]:
                groups[row["ticker"], row["exchange"]].append(row)
    print("coin  venue        minutes  mid        spread  slip 1k   10k      100k     1m")
    for (coin, venue), rows in sorted(groups.items()):
        mid = statistics.median(float(row["mid_price"]) for row in rows)
        spread = statistics.median(float(row["spread_bps"]) for row in rows)
        slips = "".join(f"{median_slip(rows, tier):9.2f}" for tier in TIERS)
        print(f"{coin:5} {venue:12} {len(rows):7}  {mid:<10.6g} {spread:6.3f}{slips}")


def median_slip(rows: list[dict[str, str]], tier: str) -> float:
    """Return the median over both sides; a book too thin for the tier counts as infinite."""
    values = []
    for row in rows:
        for side in ("ask", "bid"):
            text = row[f"{side}_slip_{tier}"]
            values.append(float(text) if text and row[f"{side}_fill_{tier}"] == "True" else float("inf"))
    return statistics.median(values)


def funding_series(data: Path) -> dict[tuple[str, str], tuple[int, Series]]:
    """Return interval in hours and hourly annual percentage of each (coin, venue)."""
    stamps: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for venue, coin, hour, rate in (*finm_rows(data), *zs_rows(data)):
        stamps[coin, venue][hour] = rate
    series = {}
    for key, rates in stamps.items():
        hours = sorted(rates)
        gaps = [later - earlier for earlier, later in pairwise(hours)]
        interval = statistics.mode(gaps)
        percent = {hour: rates[hour] / interval * 876_000 for hour in hours}
        series[key] = (interval, {hour - back: percent[hour] for hour in hours for back in range(interval)})
    return series


def finm_rows(data: Path) -> Iterator[tuple[str, str, int, float]]:
    """Yield venue, coin, hour and rate; its Hyperliquid rows are known to be wrong and left out."""
    import pyarrow.parquet as parquet

    for row in parquet.read_table(data / "funding/finm-7venues/funding_rates.parquet").to_pylist():
        if row["venue"] != "hyperliquid" and row["funding_rate"] is not None:
            yield row["venue"], row["coin"], round(row["timestamp"].timestamp() / 3600), row["funding_rate"]


def zs_rows(data: Path) -> Iterator[tuple[str, str, int, float]]:
    """Yield the Hyperliquid rows, and XRP of Binance and Bybit."""
    import pyarrow.parquet as parquet

    for name in ("hyperliquid", "binance", "bybit"):
        for row in parquet.read_table(data / f"funding/zs-funding-1y/{name}.parquet").to_pylist():
            coin, _, quote = row["canonical_symbol"].removesuffix("-PERP").partition("-")
            if (name == "hyperliquid" and coin in ("BTC", "ETH", "SOL", "XRP", "DOGE")) or (coin, quote) == (
                "XRP",
                "USDT",
            ):
                yield name, coin, round(row["settlement_ts"].timestamp() / 3600), row["rate_raw"]


def print_funding(data: Path) -> None:
    """Print level, spread and persistence of each venue's own rate."""
    print("coin  venue        I   settled   mean     sd     p5    p50    p95  half life  signs/day  at 10.95")
    for (coin, venue), (interval, series) in sorted(funding_series(data).items()):
        values = [series[hour] for hour in sorted(series)][::interval]
        print(f"{coin:5} {venue:12} {interval}h {describe(values, interval)}")


def describe(values: list[float], interval: int) -> str:
    """Return the figures of one series of settled rates."""
    ordered = sorted(values)
    mean, deviation = statistics.mean(values), statistics.pstdev(values)
    signs = sum(1 for a, b in pairwise(values) if a * b < 0)
    base = sum(1 for value in values if abs(value - 10.95) < 0.05) / len(values)
    tails = "".join(f"{ordered[min(int(len(ordered) * p), len(ordered) - 1)]:7.1f}" for p in (0.05, 0.5, 0.95))
    days = len(values) * interval / 24
    return (
        f"{len(values):7} {mean:8.2f}{deviation:7.2f}{tails}{half_life(values) * interval:8}h "
        f"{signs / days:10.2f}{base:10.2f}"
    )


def half_life(values: list[float]) -> int:
    """Return the first lag at which the autocorrelation is below one half."""
    mean, count = statistics.mean(values), len(values)
    centred = [value - mean for value in values]
    variance = sum(value * value for value in centred)
    for lag in range(1, min(200, count - 1)):
        if sum(a * b for a, b in zip(centred, centred[lag:], strict=False)) < 0.5 * variance:
            return lag
    return 200


def print_spreads(data: Path) -> None:
    """Print how large and how lasting the difference between two venues is."""
    series = {key: rates for key, (_, rates) in funding_series(data).items()}
    print(
        "coin  pair                      hours  mean |1h|  mean |24h|  mean |72h|  share of 72h means above 10 20 40 %"
    )
    for (coin, first), left in sorted(series.items()):
        for (other, second), right in sorted(series.items()):
            if coin == other and first < second:
                print_pair(coin, f"{first}-{second}", left, right)


def print_pair(coin: str, pair: str, left: Series, right: Series) -> None:
    """Print one pair; windows with holes are left out."""
    spread = {hour: left[hour] - right[hour] for hour in left.keys() & right.keys()}
    if len(spread) < 500:
        return
    day, three = window_means(spread, 24), window_means(spread, 72)
    if not three:
        return
    shares = " ".join(f"{sum(1 for v in three if abs(v) > limit) / len(three):6.3f}" for limit in (10, 20, 40))
    means = [statistics.mean(abs(value) for value in part) for part in (list(spread.values()), day, three)]
    print(f"{coin:5} {pair:24} {len(spread):6}  {means[0]:9.2f}  {means[1]:10.2f}  {means[2]:10.2f}  {shares}")


def window_means(spread: Series, width: int) -> list[float]:
    """Return the mean of every whole window of `width` hours, beginning on multiples of a quarter of it."""
    means = []
    for start in range(min(spread), max(spread) - width, width // 4):
        window = [spread[hour] for hour in range(start, start + width) if hour in spread]
        if len(window) == width:
            means.append(statistics.mean(window))
    return means


def print_simulated(seed: int = 1, days: int = 180) -> None:
    """Print the figures of the seeded market: costs at 400 moments, funding and spreads of `days` days."""
    markets = {
        name: SeededMarket(seed=seed, exchange=name, profile=profile, assets=list(ASSETS))
        for name, profile in PROFILES.items()
    }
    print("coin  venue             spread  slip 1k   10k      100k     1m")
    listed = [(market, row) for market in markets.values() for row in market.instruments()]
    for market, row in sorted(listed, key=lambda each: each[1].base):
        print(f"{row.base:5} {row.exchange:16} {simulated_costs(market, row)}")
    series = {}
    print("\ncoin  venue             I   settled   mean     sd     p5    p50    p95  half life  signs/day  at 10.95")
    for market, row in sorted(listed, key=lambda each: each[1].base):
        interval = (row.funding_interval_ns or HOUR_NS) // HOUR_NS
        rates = [market.settled_rate(row.id, START_NS + n * interval * HOUR_NS) for n in range(days * 24 // interval)]
        values = [float(rate or 0) / interval * 876_000 for rate in rates]
        hourly = (value for value in values for _ in range(interval))
        series[row.base, row.exchange] = dict(enumerate(hourly))
        print(f"{row.base:5} {row.exchange:16} {interval}h {describe(values, interval)}")
    print(f"\n{SPREAD_TITLE}")
    for (coin, first), left in sorted(series.items()):
        for (other, second), right in sorted(series.items()):
            if coin == other and first < second:
                pair = f"{first}-{second}".replace("-like", "")
                print_pair(coin, pair, left, right)


def simulated_costs(market: SeededMarket, listed: Instrument) -> str:
    """Return median spread and slippages in basis points of the mid price."""
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
    columns = "".join(f"{statistics.median(column):9.2f}" for column in slips)
    return f"{statistics.median(spreads):7.3f}{columns}"


def main() -> None:
    """Print the parts asked for, all by default."""
    parts: dict[str, Callable[[], None]] = {
        "costs": lambda: print_costs(data_folder()),
        "funding": lambda: print_funding(data_folder()),
        "spreads": lambda: print_spreads(data_folder()),
        "simulated": print_simulated,
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
