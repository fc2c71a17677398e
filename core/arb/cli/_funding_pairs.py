"""What pairs earned over the settled rates of a journal, less one round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Final

from rich.console import Console

from arb.funding import (
    PairEarnings,
    SettledSeries,
    break_even_hours,
    pair_earnings,
    settled_series,
    usual_round_trip_bps,
)
from arb.model import BPS, FundingKind, Instrument, exchange_of

from ._stored import stored_run
from ._venue_facts import VenueFacts, venue_facts

_END_NS: Final = 1 << 62
_HOURS_A_YEAR: Final = 8760


@dataclass(frozen=True, slots=True, kw_only=True)
class PairsWanted:
    """Which pairs, at which size.

    Attributes:
        notional: Of one leg, US dollars.
        costs: A file in place of the costs that come with arb.
    """

    notional: Decimal
    costs: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EarnedPair:
    """One pair over the whole time both legs were recorded; basis points of one leg's notional."""

    base: str
    earned: PairEarnings
    cost_bps: Decimal

    @property
    def captured_bps(self) -> Decimal:
        """Return what the settlements brought."""
        return self.earned.captured / BPS

    @property
    def net_bps(self) -> Decimal:
        """Return what was left after one round trip."""
        return self.captured_bps - self.cost_bps

    @property
    def apr(self) -> Decimal:
        """Return the mean carry as a simple annual rate of one leg's notional, without costs (handbook C3)."""
        return self.earned.per_hour * _HOURS_A_YEAR

    @property
    def break_even_hours(self) -> Decimal | None:
        """Return after how long the mean carry pays the round trip (handbook C4)."""
        return break_even_hours(self.cost_bps, self.earned.per_hour / BPS)


@dataclass(slots=True)
class EarnedPairs:
    """Every pair, the best first.

    Attributes:
        without_cost: Exchanges whose costs are not known at the size; their pairs are not judged.
        apart: Pairs that were never recorded at the same time.
        instruments: With settled rates, of assets that are on two exchanges or more.
    """

    rows: list[EarnedPair] = field(default_factory=list)
    without_cost: set[str] = field(default_factory=set)
    apart: int = 0
    instruments: int = 0


def read_pairs(file: Path, wanted: PairsWanted) -> EarnedPairs:
    """Return what the pairs of a stored run earned.

    Raises:
        ArbError: a file or the storage cannot be read.
    """
    return asyncio.run(_read(file, wanted))


async def _read(file: Path, wanted: PairsWanted) -> EarnedPairs:
    async with stored_run(file) as run:
        facts = venue_facts(run.config, wanted.costs)
        found = EarnedPairs()
        assets = _assets(await run.journal.instruments())
        with Console(stderr=True).status("adding up") as shown:
            for base, instruments in assets.items():
                shown.update(f"adding up: {base}")
                rates = [
                    await run.journal.funding_rates(one.id, FundingKind.SETTLED, 0, _END_NS) for one in instruments
                ]
                series = [each for one in rates if (each := settled_series(one)) is not None]
                found.instruments += len(series)
                for pair in _pairs(base, series, facts, wanted.notional, found):
                    found.rows.append(pair)
    found.rows.sort(key=lambda row: (-row.net_bps, row.earned.long, row.earned.short))
    return found


def _assets(instruments: Sequence[Instrument]) -> Mapping[str, list[Instrument]]:
    """Group by ticker and class: asset classes never mix."""
    groups: dict[tuple[str, str], list[Instrument]] = {}
    for one in instruments:
        groups.setdefault((one.base, one.asset_class), []).append(one)
    return {base: group for (base, _), group in sorted(groups.items()) if len({one.exchange for one in group}) > 1}


def _pairs(
    base: str, series: Sequence[SettledSeries], facts: VenueFacts, notional: Decimal, found: EarnedPairs
) -> Iterator[EarnedPair]:
    for one, other in combinations(series, 2):
        exchanges = (exchange_of(one.instrument), exchange_of(other.instrument))
        if exchanges[0] == exchanges[1]:
            continue
        costs = [facts.costs(exchange) for exchange in exchanges]
        unknown = {
            exchange
            for exchange, cost in zip(exchanges, costs, strict=True)
            if cost is None or cost.fill_bps(notional) is None
        }
        found.without_cost |= unknown
        known = [cost for cost in costs if cost is not None]
        total = None if unknown else usual_round_trip_bps(known[0], known[1], notional)
        if total is None:
            continue
        both = pair_earnings(one, other)
        if both is None:
            found.apart += 1
            continue
        for earned in both:
            yield EarnedPair(base=base, earned=earned, cost_bps=total)
