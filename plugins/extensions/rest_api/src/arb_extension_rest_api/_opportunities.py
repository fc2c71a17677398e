"""GET /opportunities."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from arb.model import BPS, ZERO, Opportunity, OpportunityFilter, OpportunityScan, SkippedPair, exchange_of

from ._desk import Desk
from ._pages import Key, Paged, page
from ._values import Answer, Moment, Names, Number, moment


class OpportunitiesParams(Paged):
    """Parameters of /opportunities."""

    min_profit: Annotated[
        Decimal,
        Field(
            ge=-1,
            le=1,
            description="Least expected funding minus all costs over the horizon, as a fraction of one leg's notional. "
            "Below zero it also shows pairs that do not earn their costs.",
        ),
    ] = ZERO
    size_usd: Annotated[
        Decimal, Field(ge=1, le=10**9, description="Of one leg; costs are those of trading this size.")
    ] = Decimal(1000)
    horizon_hours: Annotated[
        Decimal, Field(ge=Decimal("0.1"), le=8760, description="How long the pair would be held.")
    ] = Decimal(24)
    min_volume: Annotated[
        Decimal, Field(ge=0, le=10**15, description="24 h volume of the thinner leg, US dollars.")
    ] = ZERO
    max_oi: Annotated[
        Decimal | None, Field(ge=0, le=10**15, description="Largest open interest of a leg, US dollars.")
    ] = None
    dexes: Annotated[Names, Field(description="Only these exchanges.")] = ()
    symbols: Annotated[Names, Field(description="Only these assets.")] = ()
    include_skipped: Annotated[bool, Field(description="Name the pairs that were left, with the reason.")] = False

    def wanted(self, desk: Desk) -> OpportunityFilter:
        """Return the filter for the run.

        Raises:
            Problem: an exchange or a symbol is unknown.
        """
        return OpportunityFilter(
            notional_usd=self.size_usd,
            horizon_hours=self.horizon_hours,
            min_net_bps=self.min_profit / BPS,
            # Who asks for less than nothing wants to see what does not earn its costs.
            min_capture_ratio=Decimal(1) if self.min_profit >= 0 else ZERO,
            min_volume_24h_usd=self.min_volume,
            max_open_interest_usd=self.max_oi,
            bases=desk.symbols.bases(self.symbols),
            exchanges=frozenset(desk.symbols.exchange(name) for name in self.dexes),
            limit=1000,  # all of them: the pages are made here
        )


class CostRow(Answer):
    """Cost of both entries and both exits, basis points of one leg's notional."""

    fees_bps: Number
    spread_bps: Number
    impact_bps: Number
    total_bps: Number


class OpportunityRow(Answer):
    """A pair that is expected to earn what was asked for."""

    base: str
    long_exchange: str
    long_instrument: str
    long_quantity: Number = Field(description="Contracts.")
    long_rate_per_hour: Number
    short_exchange: str
    short_instrument: str
    short_quantity: Number = Field(description="Contracts.")
    short_rate_per_hour: Number
    notional_usd: Number = Field(description="Of one leg.")
    capture_bps: Number = Field(description="Expected funding over the horizon.")
    cost: CostRow
    profit: Number = Field(description="Capture minus cost, as a fraction of one leg's notional.")
    net_usd: Number = Field(description="Capture minus cost.")
    carry_bps_hour: Number = Field(description="Short leg's minus long leg's funding per hour, now.")
    break_even_hours: Number | None = Field(description="Cost over carry.")
    basis_bps: Number = Field(description="Short leg's over long leg's mid price, minus one.")
    capital_usd: Number = Field(description="Margin of both legs with a buffer.")
    score: Number = Field(description="The rank: net_usd per unit of capital and hour of the horizon.")


class SkippedRow(Answer):
    """A pair that was looked at and left."""

    long_instrument: str
    short_instrument: str
    reason: str = Field(description="A stable code, such as `funding_unknown` or `capture_below_fees`.")
    value: Number | None = Field(description="The number that failed, where one did.")
    limit: Number | None = Field(description="What it was compared with.")


class Opportunities(Answer):
    """A page of pairs, best first."""

    scanned_at: Moment | None
    scanned_ns: int
    total: int = Field(description="Rows of all pages.")
    opportunities: tuple[OpportunityRow, ...]
    next_cursor: str | None = Field(description="Of the next page; null on the last. Each page is a new scan.")
    skipped_reasons: dict[str, int] = Field(description="How many pairs were left for which reason.")
    skipped: tuple[SkippedRow, ...] | None = Field(
        description="The pairs left, at most `limit` of them; null unless asked for."
    )


async def opportunities(desk: Desk, params: OpportunitiesParams) -> Opportunities:
    """Find the pairs that are worth opening now, costs included."""
    wanted = params.wanted(desk)
    with desk.scans.place():
        scan = await desk.service.opportunities(wanted)
    return _answer(scan, params)


def _answer(scan: OpportunityScan, params: OpportunitiesParams) -> Opportunities:
    ranked = sorted(scan.rows, key=_rank)
    rows, cursor = page(ranked, params, _rank)
    skipped = tuple(_skipped(each) for each in scan.skipped[: params.limit]) if params.include_skipped else None
    return Opportunities(
        scanned_at=moment(scan.ts_ns),
        scanned_ns=scan.ts_ns,
        total=len(ranked),
        opportunities=tuple(_row(each) for each in rows),
        next_cursor=cursor,
        skipped_reasons=dict(sorted(Counter(each.reason for each in scan.skipped).items())),
        skipped=skipped,
    )


def _rank(row: Opportunity) -> Key:
    return 0, -row.score, f"{row.long} {row.short}"


def _row(row: Opportunity) -> OpportunityRow:
    return OpportunityRow(
        base=row.base,
        long_exchange=exchange_of(row.long),
        long_instrument=row.long,
        long_quantity=row.long_quantity,
        long_rate_per_hour=row.long_rate_hour,
        short_exchange=exchange_of(row.short),
        short_instrument=row.short,
        short_quantity=row.short_quantity,
        short_rate_per_hour=row.short_rate_hour,
        notional_usd=row.notional_usd,
        capture_bps=row.capture_bps,
        cost=CostRow(
            fees_bps=row.cost.fees_bps,
            spread_bps=row.cost.spread_bps,
            impact_bps=row.cost.impact_bps,
            total_bps=row.cost.total_bps,
        ),
        profit=row.net_bps * BPS,
        net_usd=row.net_usd,
        carry_bps_hour=row.carry_bps_hour,
        break_even_hours=row.break_even_hours,
        basis_bps=row.basis_bps,
        capital_usd=row.capital_usd,
        score=row.score,
    )


def _skipped(pair: SkippedPair) -> SkippedRow:
    return SkippedRow(
        long_instrument=pair.long,
        short_instrument=pair.short,
        reason=pair.reason,
        value=pair.value,
        limit=pair.limit,
    )
