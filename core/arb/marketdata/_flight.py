"""One way to the venue that everybody who misses the same book shares."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from arb.api import ExchangeError
from arb.model import InstrumentId

from ._quotes import Quote


@dataclass(frozen=True, slots=True)
class Landed:
    """A flight that brought a book.

    Attributes:
        fetched_ns: When the source was asked; None when a cache tier had the book.
    """

    quote: Quote
    fetched_ns: int | None


@dataclass(frozen=True, slots=True)
class Missed:
    """Why there is no value young enough.

    Attributes:
        error: Why no source could deliver; None when one did, but nothing usable.
        last: The latest book known; None also when a newer one was not believable.
    """

    reason: str
    error: ExchangeError | None = None
    last: Quote | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Flight:
    """A lookup in the cache tiers and, unless they have it, a fetch.

    Attributes:
        depth: Levels a side it will fetch.
        needed: Levels a side that suffice those who wait.
        max_age_ns: Of the most demanding of those who wait.
        overtaken: The instrument was dropped since; what arrives is neither kept nor served.
    """

    instrument: InstrumentId
    depth: int
    needed: int
    max_age_ns: int
    outcome: asyncio.Future[Landed | Missed]
    overtaken: bool = False

    def land(self, outcome: Landed | Missed) -> None:
        """Tell everybody who waits; only the first call counts."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)
