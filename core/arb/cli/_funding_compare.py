"""Two exchanges' rates side by side."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from arb.api import ConfigError
from arb.model import BPS, FundingKind, FundingRate, exchange_of

from ._export import print_csv
from ._funding_rates import Latest, is_wanted, read_latest
from ._money import duration
from ._output import print_json, print_table


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareWanted:
    """Which two exchanges, and how."""

    first: str
    second: str
    symbols: tuple[str, ...]
    limit: int | None
    as_json: bool
    as_csv: bool


def show_comparison(file: Path, wanted: CompareWanted) -> None:
    """Print both exchanges' predicted rates of each asset that both have.

    Raises:
        ArbError: the file or the storage cannot be read, or an exchange has no stored rate.
    """
    latest = asyncio.run(read_latest(file, FundingKind.PREDICTED))
    sides = []
    for name in (wanted.first, wanted.second):
        side = [rate for rate in latest.rates if exchange_of(rate.instrument) == name]
        if not side:
            known = ", ".join(sorted({exchange_of(rate.instrument) for rate in latest.rates})) or "none"
            raise ConfigError(f"{name}: no predicted rate of it is stored; there are rates of: {known}")
        sides.append(side)
    pairs = [
        (one, two)
        for one in sides[0]
        for two in sides[1]
        if one.instrument != two.instrument and latest.base(one.instrument) == latest.base(two.instrument)
    ]
    pairs = [pair for pair in pairs if is_wanted(pair[0], latest, (), wanted.symbols)]
    pairs.sort(key=lambda pair: abs(pair[0].per_hour - pair[1].per_hour), reverse=True)
    rows = [plain_pair(one, two, latest) for one, two in pairs[: wanted.limit]]
    if wanted.as_json:
        print_json({"pairs": rows})
    elif wanted.as_csv:
        print_csv(list(rows[0]) if rows else ("base",), [list(row.values()) for row in rows])
    elif rows:
        head = (
            "asset",
            f"{wanted.first} bps/h",
            "every",
            f"{wanted.second} bps/h",
            "every",
            "spread bps/h",
            "apr %",
            "long",
            "short",
        )
        print_table(head, [_pair_cells(one, two, latest) for one, two in pairs[: wanted.limit]])
    else:
        click.echo("They have no asset in common.", err=True)


def plain_pair(one: FundingRate, two: FundingRate, latest: Latest) -> dict[str, Any]:
    """Return two rates of one asset as plain values; long is where funding is lower."""
    low, high = sorted((one, two), key=lambda rate: rate.per_hour)
    spread = high.per_hour - low.per_hour
    return {
        "base": latest.base(one.instrument),
        "first": one.instrument,
        "first_per_hour": f"{one.per_hour:f}",
        "first_interval_ns": one.interval_ns,
        "second": two.instrument,
        "second_per_hour": f"{two.per_hour:f}",
        "second_interval_ns": two.interval_ns,
        "spread_per_hour": f"{spread:f}",
        "spread_apr": f"{spread * 8760:f}",
        "long": low.instrument,
        "short": high.instrument,
    }


def _pair_cells(one: FundingRate, two: FundingRate, latest: Latest) -> tuple[str, ...]:
    low, high = sorted((one, two), key=lambda rate: rate.per_hour)
    spread = high.per_hour - low.per_hour
    return (
        latest.base(one.instrument),
        f"{one.per_hour / BPS:+.4f}",
        duration(one.interval_ns),
        f"{two.per_hour / BPS:+.4f}",
        duration(two.interval_ns),
        f"{spread / BPS:.4f}",
        f"{spread * 876_000:.2f}",
        exchange_of(low.instrument),
        exchange_of(high.instrument),
    )
