"""A FundingService that a test fills in. Whatever it is not told is unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from arb.api import ExchangeState, StorageError
from arb.model import (
    ExchangeName,
    FundingKind,
    FundingRate,
    Hedge,
    Instrument,
    InstrumentId,
    MarketStats,
    Opportunity,
    OpportunityFilter,
    OpportunityScan,
    Position,
    Reading,
    SkippedPair,
    Unknown,
    exchange_of,
)

from ._fakes_clock import START_NS

_UNTOLD = Unknown("the test does not say")


@dataclass(kw_only=True)
class FakeFundingService:
    """Implements `arb.api.FundingService`.

    Attributes:
        states: What `exchanges` returns.
        rates: What `funding` returns; `statistics` is the same for `stats`.
        stored: What `history` finds, in any order.
        storage_failure: What `history` raises instead, when a test sets it.
        found: What `opportunities` finds, best first; the filter's bases, exchanges and limit apply,
            its thresholds do not.
        asked: The filters of `opportunities`, in order.
        accounts: What `positions` returns.
        live_hedges: What `hedges` returns.
        standing_halts: What `halts` returns.
    """

    now_ns: int = START_NS
    started_ns: int = START_NS
    instruments: dict[InstrumentId, Instrument] = field(default_factory=dict)
    states: list[ExchangeState] = field(default_factory=list)
    rates: dict[InstrumentId, Reading[FundingRate]] = field(default_factory=dict)
    statistics: dict[InstrumentId, Reading[MarketStats]] = field(default_factory=dict)
    stored: list[FundingRate] = field(default_factory=list)
    storage_failure: StorageError | None = None
    found: list[Opportunity] = field(default_factory=list)
    skipped: list[SkippedPair] = field(default_factory=list)
    asked: list[OpportunityFilter] = field(default_factory=list)
    accounts: dict[ExchangeName, Reading[Sequence[Position]]] = field(default_factory=dict)
    live_hedges: list[Hedge] = field(default_factory=list)
    standing_halts: list[str] = field(default_factory=list)

    def exchanges(self) -> Sequence[ExchangeState]:
        """Return what the test told."""
        return tuple(self.states)

    def funding(self, instrument: InstrumentId) -> Reading[FundingRate]:
        """Return what the test told."""
        return self.rates.get(instrument, _UNTOLD)

    def stats(self, instrument: InstrumentId) -> Reading[MarketStats]:
        """Return what the test told."""
        return self.statistics.get(instrument, _UNTOLD)

    async def history(
        self, instrument: InstrumentId, kind: FundingKind, start_ns: int, end_ns: int
    ) -> Sequence[FundingRate]:
        """Return the stored rates in [start, end), oldest first; raises the failure that a test set."""
        if self.storage_failure is not None:
            raise self.storage_failure
        rows = [rate for rate in self.stored if rate.instrument == instrument and rate.kind is kind]
        return sorted(
            (rate for rate in rows if start_ns <= rate.ts_event_ns < end_ns), key=lambda rate: rate.ts_event_ns
        )

    async def opportunities(self, wanted: OpportunityFilter) -> OpportunityScan:
        """Return the opportunities told, as far as the filter names their asset and exchanges."""
        self.asked.append(wanted)
        rows = [
            each
            for each in self.found
            if (not wanted.bases or each.base in wanted.bases)
            and (not wanted.exchanges or {exchange_of(each.long), exchange_of(each.short)} <= wanted.exchanges)
        ]
        return OpportunityScan(ts_ns=self.now_ns, rows=tuple(rows[: wanted.limit]), skipped=tuple(self.skipped))

    def positions(self) -> Mapping[ExchangeName, Reading[Sequence[Position]]]:
        """Return what the test told."""
        return dict(self.accounts)

    def hedges(self) -> Sequence[Hedge]:
        """Return what the test told."""
        return tuple(self.live_hedges)

    def halts(self) -> Sequence[str]:
        """Return what the test told."""
        return tuple(self.standing_halts)
