"""A StrategyView that a test fills in. Whatever it is not told is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from arb.model import (
    Bbo,
    ExchangeName,
    Fresh,
    FundingRate,
    Hedge,
    HedgeId,
    HedgeOutlook,
    Instrument,
    InstrumentId,
    Opportunity,
    OpportunityFilter,
    OpportunityScan,
    Reading,
    SkippedPair,
    Stale,
    Unknown,
)

from ._fakes_clock import START_NS

_UNTOLD = Unknown("the test does not say")


@dataclass(kw_only=True)
class FakeView:
    """Implements `arb.api.StrategyView`.

    Attributes:
        opportunities: What a scan finds, best first; the filter's bases, exchanges and limit apply,
            its thresholds do not.
        outlooks: By hedge; a hedge without one has an outlook of which nothing is known.
        scans: The filters asked for, in order.
    """

    now_ns: int = START_NS
    instruments: Mapping[InstrumentId, Instrument] = field(default_factory=dict)
    hedges: list[Hedge] = field(default_factory=list)
    equities: dict[ExchangeName, Reading[Decimal]] = field(default_factory=dict)
    rates: dict[InstrumentId, Reading[FundingRate]] = field(default_factory=dict)
    quotes: dict[InstrumentId, Fresh[Bbo]] = field(default_factory=dict)
    opportunities: list[Opportunity] = field(default_factory=list)
    skipped: list[SkippedPair] = field(default_factory=list)
    outlooks: dict[HedgeId, HedgeOutlook] = field(default_factory=dict)
    scans: list[OpportunityFilter] = field(default_factory=list)

    def equity_usd(self, exchange: ExchangeName) -> Reading[Decimal]:
        """Return what the test told."""
        return self.equities.get(exchange, _UNTOLD)

    def funding(self, instrument: InstrumentId) -> Reading[FundingRate]:
        """Return what the test told."""
        return self.rates.get(instrument, _UNTOLD)

    async def bbo(self, instrument: InstrumentId, max_age_ns: int) -> Reading[Bbo]:
        """Return the quote, stale when it is older than asked."""
        quote = self.quotes.get(instrument)
        if quote is None:
            return _UNTOLD
        if self.now_ns - quote.observed_ns > max_age_ns:
            return Stale(quote.value, quote.source, quote.observed_ns)
        return quote

    async def scan(self, wanted: OpportunityFilter) -> OpportunityScan:
        """Return the opportunities told, as far as the filter names their asset and exchanges."""
        self.scans.append(wanted)
        rows = [
            each
            for each in self.opportunities
            if (not wanted.bases or each.base in wanted.bases)
            and all(
                not wanted.exchanges or leg.rpartition(".")[2] in wanted.exchanges for leg in (each.long, each.short)
            )
        ]
        return OpportunityScan(ts_ns=self.now_ns, rows=tuple(rows[: wanted.limit]), skipped=tuple(self.skipped))

    async def outlook(self, hedge: Hedge, horizon_hours: Decimal) -> HedgeOutlook:
        """Return what the test told, or an outlook that knows nothing."""
        told = self.outlooks.get(hedge.id)
        return told or HedgeOutlook(
            hedge=hedge,
            ts_ns=self.now_ns,
            horizon_hours=horizon_hours,
            notional_usd=None,
            carry_bps_hour=None,
            capture_bps=None,
            exit_cost_bps=None,
            funding=Decimal(0),
            fees=Decimal(0),
            price_pnl=None,
            liquidation_distance=None,
            stale=("everything: the test does not say",),
        )
