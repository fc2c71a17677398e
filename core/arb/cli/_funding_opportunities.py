"""Ranking the pairs worth opening, at the venues' prices of now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from arb.api import ConfigError, StorageError
from arb.funding import CollectionFailure
from arb.kernel import compose, read_config
from arb.model import (
    BPS,
    DAY_NS,
    HOUR_NS,
    FundingKind,
    FundingRate,
    Opportunity,
    OpportunityFilter,
    OpportunityScan,
    SkippedPair,
    format_utc,
)
from arb.runtime import LOOKOUT_FAMILIES, Lookout, look

from ._export import print_csv
from ._figures import number
from ._money import NOTHING, signed, usd
from ._options import disabled_plugins
from ._output import print_json, print_table
from ._stored import stored_run


@dataclass(frozen=True, slots=True, kw_only=True)
class OpportunitiesWanted:
    """Which pairs, and how."""

    exchange: tuple[str, ...]
    symbol: tuple[str, ...]
    size: Decimal
    horizon: int
    min_profit: Decimal
    min_volume: Decimal
    max_oi: Decimal | None
    hurdle: Decimal
    min_survival: Decimal | None
    limit: int
    skipped: bool
    as_json: bool
    as_csv: bool

    def filter(self) -> OpportunityFilter:
        """Return what the finder is asked."""
        return OpportunityFilter(
            notional_usd=self.size,
            horizon_hours=Decimal(self.horizon) / HOUR_NS,
            min_net_bps=self.min_profit / BPS,
            min_volume_24h_usd=self.min_volume,
            max_open_interest_usd=self.max_oi,
            hurdle_apr=self.hurdle,
            min_survival=self.min_survival,
            bases=frozenset(self.symbol),
            exchanges=frozenset(self.exchange),
            limit=self.limit,
        )


def show_opportunities(file: Path, wanted: OpportunitiesWanted) -> None:
    """Look at every exchange once and print the pairs, best first.

    Raises:
        ArbError: the file or a plugin cannot be used.
    """
    composition = compose(read_config(file), str(file), disabled=disabled_plugins(), families=LOOKOUT_FAMILIES)
    unknown = sorted(set(wanted.exchange) - set(composition.config.exchanges))
    if unknown:
        raise ConfigError(f"--exchange {unknown[0]}: {file} has no [exchanges.{unknown[0]}]")
    if wanted.size <= 0:
        raise click.UsageError("--size has to be above zero")
    clock_ns, settled = asyncio.run(_stored(file))

    async def work(lookout: Lookout) -> tuple[OpportunityScan, Sequence[CollectionFailure]]:
        failures = list(await lookout.load_instruments())
        failures += (await lookout.collect()).failures
        return await lookout.finder.scan(wanted.filter()), failures

    scan, failures = look(composition, work, start_ns=clock_ns, settled=settled)
    for failure in failures:
        click.echo(f"{failure.exchange}, {failure.what}: {failure.reason}", err=True)
    _publish(scan, wanted)


async def _stored(file: Path) -> tuple[int | None, Sequence[FundingRate]]:
    """Return the stored run's time and the settled rates of its last two weeks; nothing where none is stored."""
    try:
        async with stored_run(file) as run:
            clock_ns = await run.journal.clock()
            latest = await run.journal.latest_funding_rates(FundingKind.SETTLED)
            rates: list[FundingRate] = []
            for one in latest:
                since_ns = one.ts_event_ns - 14 * DAY_NS
                found = await run.journal.funding_rates(
                    one.instrument, FundingKind.SETTLED, since_ns, one.ts_event_ns + 1
                )
                rates.extend(found)
            return clock_ns, rates
    except StorageError:
        return None, ()


def _publish(scan: OpportunityScan, wanted: OpportunitiesWanted) -> None:
    rows = [plain_opportunity(row) for row in scan.rows]
    skipped = [plain_skipped(row) for row in scan.skipped] if wanted.skipped else None
    if wanted.as_json:
        print_json({"time": format_utc(scan.ts_ns), "opportunities": rows, "skipped": skipped})
        return
    if wanted.as_csv:
        names = list(rows[0]) if rows else ("base",)
        print_csv(names, [list(row.values()) for row in rows])
        return
    if scan.rows:
        head = (
            "asset",
            "long",
            "short",
            "size usd",
            "carry bps/h",
            "capture bps",
            "cost bps",
            "net bps",
            "net usd",
            "even after",
            "capital",
            "lasted",
            "basis bps",
        )
        print_table(head, [_cells(row) for row in scan.rows])
    else:
        click.echo(f"No pair pays its cost now; {len(scan.skipped)} were passed over. --skipped says why.", err=True)
    if wanted.skipped and scan.skipped:
        click.echo()
        cells = [(row.long, row.short, row.reason, _figure(row.value), _figure(row.limit)) for row in scan.skipped]
        print_table(("long", "short", "reason", "value", "limit"), cells)


def _cells(row: Opportunity) -> tuple[str, ...]:
    hours = row.break_even_hours
    return (
        row.base,
        row.long,
        row.short,
        usd(row.notional_usd, 0),
        f"{row.carry_bps_hour:.4f}",
        f"{row.capture_bps:.2f}",
        f"{row.cost.total_bps:.2f}",
        f"{row.net_bps:+.2f}",
        signed(row.net_usd),
        NOTHING if hours is None else f"{hours:.1f} h",
        usd(row.capital_usd, 0),
        NOTHING if row.survival is None else f"{row.survival:.0%}",
        f"{row.basis_bps:+.1f}",
    )


def _figure(value: Decimal | None) -> str:
    return "" if value is None else f"{value:.6g}"


def plain_opportunity(row: Opportunity) -> dict[str, Any]:
    """Return an opportunity as plain values, exact."""
    return {
        "base": row.base,
        "long": row.long,
        "short": row.short,
        "long_quantity": number(row.long_quantity),
        "short_quantity": number(row.short_quantity),
        "notional_usd": number(row.notional_usd),
        "long_per_hour": f"{row.long_rate_hour:f}",
        "short_per_hour": f"{row.short_rate_hour:f}",
        "carry_bps_hour": f"{row.carry_bps_hour:f}",
        "capture_bps": f"{row.capture_bps:f}",
        "fees_bps": f"{row.cost.fees_bps:f}",
        "spread_bps": f"{row.cost.spread_bps:f}",
        "impact_bps": f"{row.cost.impact_bps:f}",
        "net_bps": f"{row.net_bps:f}",
        "net_usd": f"{row.net_usd:f}",
        "break_even_hours": None if row.break_even_hours is None else f"{row.break_even_hours:f}",
        "basis_bps": f"{row.basis_bps:f}",
        "capital_usd": f"{row.capital_usd:f}",
        "score": f"{row.score:f}",
        "survival": None if row.survival is None else f"{row.survival:f}",
    }


def plain_skipped(row: SkippedPair) -> dict[str, Any]:
    """Return a pair that was passed over, with the number that failed."""
    return {
        "long": row.long,
        "short": row.short,
        "reason": str(row.reason),
        "value": None if row.value is None else f"{row.value:f}",
        "limit": None if row.limit is None else f"{row.limit:f}",
    }
