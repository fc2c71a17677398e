"""What an asset's funding was, exchange by exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from arb.model import BPS, ZERO, FundingKind, FundingRate, InstrumentId, exchange_of, format_utc, name_of
from arb.storage import JournalReader

from ._export import print_csv
from ._money import duration, minute
from ._output import print_json, print_table
from ._plot import PlotUnavailable
from ._rate_plot import draw_rates
from ._sparkline import sparkline
from ._stored import stored_run

Series = Mapping[InstrumentId, Sequence[FundingRate]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryWanted:
    """Which series, and how."""

    symbol: str
    exchanges: tuple[str, ...]
    period_ns: int
    predicted: bool
    plot: Path | None
    as_json: bool
    as_csv: bool


def show_history(file: Path, wanted: HistoryWanted) -> None:
    """Print one line a series, or every rate as JSON or CSV.

    Raises:
        ArbError: the file or the storage cannot be read, or the plot cannot be written.
        UsageError: nothing of that name is stored.
    """
    series = asyncio.run(_read(file, wanted))
    if wanted.as_json:
        print_json({"symbol": wanted.symbol, "series": [_plain(key, rates) for key, rates in series.items()]})
    elif wanted.as_csv:
        rows = [_row(rate) for rates in series.values() for rate in rates]
        print_csv(("instrument", "time_ns", "time", "rate", "per_hour", "interval_ns"), rows)
    else:
        head = ("instrument", "rates", "from", "to", "every", "mean bps/h", "apr %", "least", "most", "positive", "")
        print_table(head, [_cells(key, rates) for key, rates in series.items()])
    if wanted.plot is not None:
        try:
            draw_rates(series, wanted.plot, f"Funding of {wanted.symbol}")
        except PlotUnavailable as reason:
            click.echo(str(reason), err=True)
        else:
            click.echo(f"Plot: {wanted.plot}", err=True)


async def _read(file: Path, wanted: HistoryWanted) -> Series:
    kind = FundingKind.PREDICTED if wanted.predicted else FundingKind.SETTLED
    async with stored_run(file) as run:
        latest = await run.journal.latest_funding_rates(kind)
        ids = await _named(run.journal, wanted, [rate.instrument for rate in latest])
        newest = {rate.instrument: rate.ts_event_ns for rate in latest}
        end_ns = max(newest[key] for key in ids) + 1
        found = {
            key: await run.journal.funding_rates(key, kind, end_ns - wanted.period_ns, end_ns) for key in sorted(ids)
        }
    return {key: rates for key, rates in found.items() if rates}


async def _named(
    journal: JournalReader, wanted: HistoryWanted, stored: Sequence[InstrumentId]
) -> Sequence[InstrumentId]:
    """Return the instruments with stored rates that the symbol means."""
    bases = {one.id: one.base for one in await journal.instruments()}
    symbol = wanted.symbol
    found = [
        key
        for key in stored
        if symbol in (key, name_of(key), bases.get(key))
        and (not wanted.exchanges or exchange_of(key) in wanted.exchanges)
    ]
    if not found:
        import difflib

        known = sorted({bases.get(key, name_of(key)) for key in stored})
        close = difflib.get_close_matches(symbol.upper(), known, n=3)
        hint = f"; did you mean {', '.join(close)}?" if close else f"; {len(known)} assets have stored rates"
        raise click.UsageError(f"no stored rate of {symbol}{hint}")
    return found


def _cells(key: InstrumentId, rates: Sequence[FundingRate]) -> tuple[str, ...]:
    hourly = [rate.per_hour for rate in rates]
    mean = sum(hourly, ZERO) / len(hourly)
    positive = sum(value > 0 for value in hourly)
    return (
        key,
        str(len(rates)),
        minute(rates[0].ts_event_ns),
        minute(rates[-1].ts_event_ns),
        "/".join(dict.fromkeys(duration(rate.interval_ns) if rate.interval_ns else "always" for rate in rates)),
        f"{mean / BPS:+.4f}",
        f"{mean * 876_000:+.2f}",
        f"{min(hourly) / BPS:+.3f}",
        f"{max(hourly) / BPS:+.3f}",
        f"{100 * positive // len(hourly)} %",
        sparkline(hourly, width=30),
    )


def _plain(key: InstrumentId, rates: Sequence[FundingRate]) -> dict[str, Any]:
    names = ("instrument", "time_ns", "time", "rate", "per_hour", "interval_ns")
    return {"instrument": key, "rates": [dict(zip(names, _row(rate), strict=True)) for rate in rates]}


def _row(rate: FundingRate) -> tuple[Any, ...]:
    return (
        rate.instrument,
        rate.ts_event_ns,
        format_utc(rate.ts_event_ns),
        f"{rate.rate:f}",
        f"{rate.per_hour:f}",
        rate.interval_ns,
    )
