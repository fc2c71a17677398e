"""The funding service: what a run knows, by direct call; nothing here can trade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

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

from ._exchange import Capability


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeState:
    """One configured exchange as the run sees it.

    Attributes:
        instruments: How many it lists.
        collected_ns: When its funding, statistics and currencies were last read without a failure; None
            before the first time.
        failures: What could not be read at the last collection, one line each.
        quarantine: Why its rates are not used; empty while they are.
    """

    name: ExchangeName
    capabilities: frozenset[Capability]
    has_account: bool
    instruments: int
    collected_ns: int | None
    failures: tuple[str, ...]
    quarantine: str


class FundingService(Protocol):
    """Rates, statistics, opportunities and accounts of a run. All of it is for reading.

    It is called on the loop that trades: ask for little at a time. Until the first collection, soon after
    an extension starts, nothing is known.
    """

    @property
    def now_ns(self) -> int:
        """Return the run's time."""
        ...

    @property
    def started_ns(self) -> int:
        """Return when the run began."""
        ...

    @property
    def instruments(self) -> Mapping[InstrumentId, Instrument]:
        """Return every listed instrument; it follows the listings while it is held."""
        ...

    def exchanges(self) -> Sequence[ExchangeState]:
        """Return the configured exchanges, in the order of the configuration."""
        ...

    def funding(self, instrument: InstrumentId) -> Reading[FundingRate]:
        """Return the predicted rate of the coming settlement."""
        ...

    def stats(self, instrument: InstrumentId) -> Reading[MarketStats]:
        """Return mark, index, volume and open interest as last read."""
        ...

    async def history(
        self, instrument: InstrumentId, kind: FundingKind, start_ns: int, end_ns: int
    ) -> Sequence[FundingRate]:
        """Return stored rates of one kind in [start, end), oldest first; read weeks, not years, at once.

        Raises:
            StorageError: the storage cannot be read.
        """
        ...

    async def opportunities(self, wanted: OpportunityFilter) -> OpportunityScan:
        """Return the pairs worth opening, best first, and why the others are not.

        Books that are not in the cache are fetched from the venues. Scans wait for one another.

        Raises:
            ValueError: the filter asks for no size or no time.
        """
        ...

    def positions(self) -> Mapping[ExchangeName, Reading[Sequence[Position]]]:
        """Return the open positions of every account."""
        ...

    def hedges(self) -> Sequence[Hedge]:
        """Return every hedge that is not final."""
        ...

    def halts(self) -> Sequence[str]:
        """Return what forbids opening risk now, one line each."""
        ...
