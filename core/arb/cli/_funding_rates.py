"""The newest stored rate of every instrument."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from arb.model import (
    BPS,
    FundingKind,
    FundingRate,
    Instrument,
    InstrumentId,
    MarketStats,
    exchange_of,
    format_utc,
    name_of,
)

from ._export import print_csv
from ._figures import number, price
from ._money import NOTHING, duration, minute, usd
from ._output import print_json, print_table
from ._stored import stored_run


@dataclass(frozen=True, slots=True, kw_only=True)
class RatesWanted:
    """Which rates, and how."""

    exchanges: tuple[str, ...]
    symbols: tuple[str, ...]
    settled: bool
    sort: str
    limit: int | None
    as_json: bool
    as_csv: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """The newest rates of one kind and what goes with them."""

    rates: tuple[FundingRate, ...]
    instruments: Mapping[InstrumentId, Instrument]
    stats: Mapping[InstrumentId, MarketStats]

    def base(self, instrument: InstrumentId) -> str:
        """Return the asset; the instrument's name where its rules are not stored."""
        listed = self.instruments.get(instrument)
        return name_of(instrument) if listed is None else listed.base


def show_rates(file: Path, wanted: RatesWanted) -> None:
    """Print the newest rate of each instrument.

    Raises:
        ArbError: the file or the storage cannot be read.
    """
    kind = FundingKind.SETTLED if wanted.settled else FundingKind.PREDICTED
    latest = asyncio.run(read_latest(file, kind))
    found = [rate for rate in latest.rates if is_wanted(rate, latest, wanted.exchanges, wanted.symbols)]
    if wanted.sort == "apr":
        found.sort(key=lambda rate: rate.apr, reverse=True)
    else:
        found.sort(key=lambda rate: (latest.base(rate.instrument), rate.instrument))
    found = found[: wanted.limit]
    rows = [plain_rate(rate, latest) for rate in found]
    if wanted.as_json:
        print_json({"rates": rows})
    elif wanted.as_csv:
        print_csv(list(rows[0]) if rows else ("instrument",), [list(row.values()) for row in rows])
    elif rows:
        head = (
            "asset",
            "instrument",
            "rate",
            "every",
            "bps/h",
            "apr %",
            "paid",
            "read",
            "mark",
            "volume 24h",
            "open interest",
        )
        print_table(head, [_cells(rate, latest) for rate in found])
    else:
        click.echo("No such rate: `arb funding collect` reads the venues, `arb funding import` a recording.", err=True)


async def read_latest(file: Path, kind: FundingKind) -> Latest:
    """Read the newest rates, as of one moment."""
    async with stored_run(file) as run:
        return Latest(
            rates=await run.journal.latest_funding_rates(kind),
            instruments={one.id: one for one in await run.journal.instruments()},
            stats={one.instrument: one for one in await run.journal.latest_stats()},
        )


def is_wanted(rate: FundingRate, latest: Latest, exchanges: Sequence[str], symbols: Sequence[str]) -> bool:
    """Return whether a rate is of one of the exchanges and assets; none named are all."""
    named = not exchanges or exchange_of(rate.instrument) in exchanges
    return named and (not symbols or latest.base(rate.instrument) in symbols or name_of(rate.instrument) in symbols)


def plain_rate(rate: FundingRate, latest: Latest) -> dict[str, Any]:
    """Return a rate as plain values, exact."""
    stats = latest.stats.get(rate.instrument)
    return {
        "base": latest.base(rate.instrument),
        "exchange": exchange_of(rate.instrument),
        "instrument": rate.instrument,
        "kind": rate.kind.value,
        "raw": f"{rate.raw:f}",
        "unit_factor": f"{rate.unit.factor:f}",
        "unit_period_ns": rate.unit.period_ns,
        "interval_ns": rate.interval_ns,
        "per_hour": f"{rate.per_hour:f}",
        "apr": f"{rate.apr:f}",
        "time": format_utc(rate.ts_event_ns),
        "next_funding": None if rate.next_funding_ns is None else format_utc(rate.next_funding_ns),
        "mark_price": _exact(None if stats is None else stats.mark_price),
        "index_price": _exact(None if stats is None else stats.index_price),
        "volume_24h": _exact(None if stats is None else stats.volume_24h),
        "open_interest": _exact(None if stats is None else stats.open_interest),
    }


def _exact(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def _cells(rate: FundingRate, latest: Latest) -> tuple[str, ...]:
    stats = latest.stats.get(rate.instrument)
    return (
        latest.base(rate.instrument),
        rate.instrument,
        f"{number(rate.raw * rate.unit.factor * 100)} %/{duration(rate.unit.period_ns)}",
        duration(rate.interval_ns) if rate.interval_ns else "always",
        f"{rate.per_hour / BPS:+.4f}",
        f"{rate.apr * 100:+.2f}",
        minute(rate.next_funding_ns),
        minute(rate.ts_event_ns),
        price(stats.mark_price) if stats else NOTHING,
        usd(stats.volume_24h, 0) if stats else NOTHING,
        usd(stats.open_interest, 0) if stats else NOTHING,
    )
