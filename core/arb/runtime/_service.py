"""What a run tells its extensions."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from arb.api import ExchangeState
from arb.model import (
    ExchangeName,
    FundingKind,
    FundingRate,
    Hedge,
    Instrument,
    InstrumentId,
    MarketStats,
    OpportunityFilter,
    OpportunityScan,
    Position,
    Reading,
)
from arb.risk import Halts

from ._engine import EngineParts


class RunService:
    """See :class:`arb.api.FundingService`. It holds what trades, and lends none of it."""

    def __init__(self, parts: EngineParts, halts: Halts) -> None:
        self._p = parts
        self._halts = halts
        self._started_ns = parts.clock.now_ns()
        # Each scan may fetch dozens of books: however many ask at once, the venues see one asker.
        self._scanning = asyncio.Lock()

    @property
    def now_ns(self) -> int:
        """Return the run's time."""
        return self._p.clock.now_ns()

    @property
    def started_ns(self) -> int:
        """Return when the run began."""
        return self._started_ns

    @property
    def instruments(self) -> Mapping[InstrumentId, Instrument]:
        """Return every listed instrument: a view that follows the listings."""
        return MappingProxyType(self._p.instruments)

    def exchanges(self) -> Sequence[ExchangeState]:
        """Return the configured exchanges, in the order of the configuration."""
        listed = Counter(one.exchange for one in self._p.instruments.values())
        return tuple(self._state(name, listed[name]) for name in self._p.exchanges)

    def _state(self, name: ExchangeName, instruments: int) -> ExchangeState:
        exchange, collected = self._p.exchanges[name], self._p.collecting.collected(name)
        return ExchangeState(
            name=name,
            capabilities=exchange.capabilities,
            has_account=exchange.trading is not None,
            instruments=instruments,
            collected_ns=collected.complete_ns,
            failures=collected.failures,
            quarantine=self._p.funding_book.quarantined(name),
        )

    def funding(self, instrument: InstrumentId) -> Reading[FundingRate]:
        """Return the predicted rate of the coming settlement."""
        return self._p.funding_book.predicted(instrument, self.now_ns)

    def stats(self, instrument: InstrumentId) -> Reading[MarketStats]:
        """Return mark, index, volume and open interest as last read."""
        return self._p.stats_book.get(instrument, self.now_ns)

    async def history(
        self, instrument: InstrumentId, kind: FundingKind, start_ns: int, end_ns: int
    ) -> Sequence[FundingRate]:
        """Return stored rates of one kind in [start, end), oldest first."""
        return await self._p.recorder.journal.aside.funding_rates(instrument, kind, start_ns, end_ns)

    async def opportunities(self, wanted: OpportunityFilter) -> OpportunityScan:
        """Return the pairs worth opening, best first, and why the others are not; one scan at a time."""
        async with self._scanning:
            return await self._p.visitors_finder.scan(wanted)

    def positions(self) -> Mapping[ExchangeName, Reading[Sequence[Position]]]:
        """Return the open positions of every account."""
        names = (name for name, exchange in self._p.exchanges.items() if exchange.trading is not None)
        return {name: self._p.accounts.positions(name) for name in names}

    def hedges(self) -> Sequence[Hedge]:
        """Return every hedge that is not final."""
        return tuple(self._p.keeper.hedges)

    def halts(self) -> Sequence[str]:
        """Return what forbids opening risk now, one line each."""
        return tuple(str(halt) for halt in self._halts.active())
