"""Tickers that mean different assets on different venues, and denominations, by the stored prices."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from arb.funding import DOLLARS, MIN_OBSERVATIONS, PRICE_LIMIT, Asset, AssetSurvey, PairPrices, Ticker
from arb.model import DAY_NS

from ._figures import number
from ._output import print_json, print_table
from ._stored import stored_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What the stored prices say.

    Attributes:
        unpriced: Quote currencies of which nobody says what they are worth; their instruments were left out.
    """

    tickers: tuple[Ticker, ...]
    unpriced: tuple[str, ...]


def show_assets(file: Path, period_ns: int, *, show_all: bool, as_json: bool) -> None:
    """Print the tickers that a person should know about, or every one.

    Raises:
        ArbError: the file or the storage cannot be read.
    """
    with Console(stderr=True).status("comparing prices"):
        survey = asyncio.run(_read(file, period_ns))
    if as_json:
        shown = [ticker for ticker in survey.tickers if show_all or is_remarkable(ticker)]
        print_json(
            {
                "limit": f"{PRICE_LIMIT:f}",
                "min_observations": MIN_OBSERVATIONS,
                "tickers": [plain_ticker(ticker) for ticker in shown],
                "compared": len(survey.tickers),
                "unpriced": list(survey.unpriced),
            }
        )
        return
    _print(survey.tickers, show_all=show_all)
    if survey.unpriced:
        click.echo(
            f"Not compared: what is quoted in {', '.join(survey.unpriced)}; say under [run] fx what it is worth.",
            err=True,
        )


def is_remarkable(ticker: Ticker) -> bool:
    """Return whether a ticker is ambiguous or doubtful, or has a denomination."""
    return ticker.is_ambiguous or bool(ticker.doubtful) or any(_denominations(asset) for asset in ticker.assets)


async def _read(file: Path, period_ns: int) -> Survey:
    async with stored_run(file) as run:
        usd = {**DOLLARS, **run.config.run.fx}
        instruments = await run.journal.instruments()
        survey = AssetSurvey(instruments, usd)
        latest = await run.journal.latest_stats()
        end_ns = max((row.ts_event_ns for row in latest), default=0) + 1
        start_ns = (end_ns - period_ns) // DAY_NS * DAY_NS
        for day_ns in range(start_ns, end_ns, DAY_NS):
            survey.add_day(await run.journal.stats(None, day_ns, min(day_ns + DAY_NS, end_ns)))
    return Survey(tickers=survey.tickers(), unpriced=tuple(sorted({one.quote for one in instruments} - usd.keys())))


def _print(tickers: Sequence[Ticker], *, show_all: bool) -> None:
    differing = [ticker for ticker in tickers if ticker.is_ambiguous]
    doubtful = [(ticker.base, pair) for ticker in tickers for pair in ticker.doubtful]
    if differing:
        rows = [row for ticker in differing for row in _asset_rows(ticker)]
        print_table(("different assets", "asset", "price ratio", "days", "instruments"), rows)
        click.echo()
    _print_denominations(tickers)
    if doubtful:
        rows = [(base, pair.first, pair.second, *_judged(pair)) for base, pair in doubtful]
        print_table(("doubtful", "one", "other", "ratio", "days apart"), rows)
        click.echo()
    if show_all:
        print_table(("ticker", "assets", "instruments", "unproved"), [_ticker_cells(ticker) for ticker in tickers])
        click.echo()
    unproved = sum(len(ticker.unproved) for ticker in tickers)
    click.echo(
        f"{len(tickers)} tickers of more than one instrument: {len(differing)} mean different assets, "
        f"{len({base for base, _ in doubtful})} are doubtful; "
        f"{unproved} instruments have no prices, or too few beside any other."
    )


def _print_denominations(tickers: Sequence[Ticker]) -> None:
    rows = [
        (ticker.base, number(units), ", ".join(sorted(key for key, held in asset.units.items() if held == units)))
        for ticker in tickers
        for asset in ticker.assets
        for units in sorted(set(_denominations(asset).values()))
    ]
    if rows:
        print_table(("denominations", "units", "instruments"), rows)
        click.echo()


def _asset_rows(ticker: Ticker) -> list[tuple[str, ...]]:
    """Return a line for each asset, with how its price compares with the first one's."""
    rows: list[tuple[str, ...]] = []
    for index, asset in enumerate(ticker.assets):
        pair = next((one for one in ticker.differing if _across(one, ticker.assets[0], asset)), None)
        ratio, days = ("1", "") if not index or pair is None else _judged(pair, first=asset)
        rows.append((ticker.base, f"{index + 1}", ratio, days, ", ".join(asset.units)))
    return rows


def _across(pair: PairPrices, one: Asset, other: Asset) -> bool:
    ends = {pair.first, pair.second}
    return bool(ends & one.units.keys()) and bool(ends & other.units.keys())


def _judged(pair: PairPrices, first: Asset | None = None) -> tuple[str, str]:
    """Return the price ratio, of `first` over the other, and the days on which they were not one asset."""
    ratio = pair.last.ratio or Decimal(1)
    turned = first is not None and pair.first not in first.units
    return f"{1 / ratio if turned else ratio:.5g}", f"{pair.differed} of {pair.days}"


def _denominations(asset: Asset) -> Mapping[str, Decimal]:
    return {key: units for key, units in asset.units.items() if units != 1}


def _ticker_cells(ticker: Ticker) -> tuple[str, ...]:
    assets = " | ".join(", ".join(asset.units) for asset in ticker.assets)
    return (ticker.base, str(len(ticker.assets)), assets, ", ".join(ticker.unproved))


def plain_ticker(ticker: Ticker) -> dict[str, Any]:
    """Return a ticker as plain values, exact."""
    return {
        "base": ticker.base,
        "ambiguous": ticker.is_ambiguous,
        "assets": [{key: f"{units:f}" for key, units in asset.units.items()} for asset in ticker.assets],
        "differing": [_plain_pair(pair) for pair in ticker.differing],
        "doubtful": [_plain_pair(pair) for pair in ticker.doubtful],
        "unproved": list(ticker.unproved),
    }


def _plain_pair(pair: PairPrices) -> dict[str, Any]:
    return {
        "first": pair.first,
        "second": pair.second,
        "sameness": pair.last.sameness.value,
        "ratio": None if pair.last.ratio is None else f"{pair.last.ratio:f}",
        "observations": pair.last.observations,
        "days": pair.days,
        "days_apart": pair.differed,
    }
