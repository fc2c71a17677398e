"""Values of a collection."""

from __future__ import annotations

from dataclasses import dataclass

from arb.model import DAY_NS, SECOND_NS, Event, ExchangeName, FundingRate, MarketStats


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorSettings:
    """How much one collection may ask of an exchange.

    Attributes:
        timeout_ns: For all requests to one exchange together; what arrived before it counts. History
            is asked for during half of it, the rest is left to the next collection.
        backfill_ns: How much settled history is read at start, and at most by one request.
        history_requests: Most history requests to one exchange in one collection.
    """

    timeout_ns: int = 10 * SECOND_NS
    backfill_ns: int = 14 * DAY_NS
    history_requests: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionFailure:
    """Something an exchange did not deliver; what was known of it is kept and ages.

    Attributes:
        what: `funding_rates`, `stats`, `fx_rates`, `funding_history`, a currency's value or an instrument.
        reason: For people.
    """

    exchange: ExchangeName
    what: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionReport:
    """What one collection brought.

    Attributes:
        predicted: Rates read now, to be stored.
        settled: Settled rates not known before, to be stored.
        stats: Market statistics read now, to be stored.
        events: Changes of funding intervals.
    """

    ts_ns: int
    predicted: tuple[FundingRate, ...]
    settled: tuple[FundingRate, ...]
    stats: tuple[MarketStats, ...]
    failures: tuple[CollectionFailure, ...]
    events: tuple[Event, ...]
