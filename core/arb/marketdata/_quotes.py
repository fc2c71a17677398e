"""What is believed of the books that cache tiers hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from arb.api import CachedBook
from arb.model import Bbo, Fresh, InstrumentId, OrderBook

from ._check import book_problem

MAX_QUOTES: Final = 4096
"""Quotes remembered. They are derived from what the tiers hold; forgetting them costs little."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A believed book, with its top made once.

    Attributes:
        depth: Levels a side that it answers for: as many as were asked of the venue, which may
            have fewer.
    """

    book: CachedBook
    bbo: Fresh[Bbo]
    observed_ns: int
    depth: int


class Quotes:
    """Checks each book once and remembers the result for as long as it is the same object.

    The tiers stay the only truth: a quote counts only while a tier holds the very book it was
    made from.
    """

    def __init__(self) -> None:
        self.table: dict[InstrumentId, Quote] = {}
        """The latest quote of each instrument, for the hit path."""
        self._dropped_ns: dict[InstrumentId, int] = {}

    def believe(self, instrument: InstrumentId, held: CachedBook, now_ns: int, depth: int | None = None) -> Quote | str:
        """Return the quote of `held`, or why it cannot be true."""
        if not _is_book(held):
            return "it is not an order book"
        if held.observed_ns > now_ns:
            return "it was observed in the future of our clock"
        known = self.table.get(instrument)
        if known is not None and known.book is held:
            return known
        problem = self._problem(instrument, held)
        if problem is not None:
            return problem
        top = held.value.bbo()
        if top is None:
            return "a side is empty"
        if depth is None:
            depth = min(len(held.value.bids), len(held.value.asks))
            if known is not None and known.book == held:  # a tier that hands out copies
                depth = max(depth, known.depth)
        quote = Quote(held, Fresh(top, held.source, held.observed_ns), held.observed_ns, depth)
        if known is None or known.observed_ns <= held.observed_ns:
            self._remember(instrument, quote)
        return quote

    def drop(self, instrument: InstrumentId, now_ns: int) -> None:
        """Believe no observation from before now any more, wherever it turns up."""
        self._dropped_ns[instrument] = now_ns
        self.table.pop(instrument, None)

    def _problem(self, instrument: InstrumentId, held: CachedBook) -> str | None:
        if held.observed_ns > held.value.ts_init_ns:
            # The request leaves before its answer arrives: somebody has made the book look younger.
            return "it claims an observation later than its own receipt"
        if held.observed_ns < self._dropped_ns.get(instrument, held.observed_ns):
            return "it was dropped since"
        return book_problem(instrument, held.value)

    def _remember(self, instrument: InstrumentId, quote: Quote) -> None:
        if len(self.table) >= MAX_QUOTES and instrument not in self.table:
            self.table.clear()
        self.table[instrument] = quote


def _is_book(held: object) -> bool:
    # What a tier brings back from elsewhere is whatever somebody put there.
    return isinstance(held, Fresh) and isinstance(held.value, OrderBook)
