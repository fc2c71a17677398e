"""What a strategy plugin provides, and the read-only view it decides on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol, runtime_checkable

from arb.model import (
    Bbo,
    ExchangeName,
    FundingRate,
    Hedge,
    HedgeOutlook,
    Instrument,
    InstrumentId,
    Intent,
    OpportunityFilter,
    OpportunityScan,
    Reading,
)


class StrategyView(Protocol):
    """What a strategy may see. It cannot trade: it returns intents."""

    @property
    def now_ns(self) -> int:
        """Return the time of this cycle."""
        ...

    @property
    def instruments(self) -> Mapping[InstrumentId, Instrument]:
        """Return the instruments of the strategy's exchanges."""
        ...

    @property
    def hedges(self) -> Sequence[Hedge]:
        """Return this strategy's hedges that are not final."""
        ...

    def equity_usd(self, exchange: ExchangeName) -> Reading[Decimal]:
        """Return the account's equity."""
        ...

    def funding(self, instrument: InstrumentId) -> Reading[FundingRate]:
        """Return the predicted rate of the coming settlement."""
        ...

    async def bbo(self, instrument: InstrumentId, max_age_ns: int) -> Reading[Bbo]:
        """Return the top of the book; Fresh only when not older than `max_age_ns`."""
        ...

    async def scan(self, wanted: OpportunityFilter) -> OpportunityScan:
        """Return the pairs worth opening and why the others are not."""
        ...

    async def outlook(self, hedge: Hedge, horizon_hours: Decimal) -> HedgeOutlook:
        """Value an open hedge now and over the horizon."""
        ...


@runtime_checkable
class Strategy(Protocol):
    """Decides what to trade, never how."""

    @property
    def cycle_ns(self) -> int:
        """Return the time between two decisions."""
        ...

    async def decide(self, view: StrategyView) -> Sequence[Intent]:
        """Return what to open and close now, in order of importance: exits before entries."""
        ...
