"""One order book as a stream tells it."""

from __future__ import annotations

from arb.model import BookDelta, InstrumentId, OrderBook

from ._book_side import BookSide


class LiveBook:
    """Applies a snapshot and the deltas that continue it; anything else leaves no book behind."""

    def __init__(self, instrument: InstrumentId) -> None:
        self._instrument = instrument
        self._bids = BookSide((), is_falling=True)
        self._asks = BookSide((), is_falling=False)
        self._sequence: int | None = None
        self._ts_event_ns = self._ts_init_ns = 0

    def apply(self, update: OrderBook | BookDelta) -> str:
        """Take an update; return what is wrong with it, or nothing.

        After something wrong there is no book until the next snapshot.
        """
        problem = self._problem(update)
        if problem:
            self.lose()
            return problem
        if isinstance(update, OrderBook):
            self._bids = BookSide(update.bids, is_falling=True)
            self._asks = BookSide(update.asks, is_falling=False)
        else:
            self._bids.change(update.bids)
            self._asks.change(update.asks)
        self._sequence = update.sequence
        self._ts_event_ns, self._ts_init_ns = update.ts_event_ns, update.ts_init_ns
        return ""

    def lose(self) -> None:
        """Have no book until the next snapshot."""
        self._sequence = None

    def book(self, depth: int) -> OrderBook | None:
        """Return the best `depth` levels a side; None while there is no whole book."""
        if self._sequence is None:
            return None
        return OrderBook(
            instrument=self._instrument,
            bids=self._bids.best(depth),
            asks=self._asks.best(depth),
            sequence=self._sequence,
            ts_event_ns=self._ts_event_ns,
            ts_init_ns=self._ts_init_ns,
        )

    def _problem(self, update: OrderBook | BookDelta) -> str:
        if update.instrument != self._instrument:
            return f"an update of {update.instrument}"
        if isinstance(update, BookDelta) and update.previous != self._sequence:
            return f"a change that continues {update.previous}, and the book stands at {self._sequence}"
        return ""
