"""Public market data: books, trades, prices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from ._ids import InstrumentId
from ._money import ZERO
from ._order import Side


class BookLevel(NamedTuple):
    """Contracts on offer at one price."""

    price: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Bbo:
    """Best bid and offer.

    Attributes:
        sequence: The venue's book sequence; 0 where it has none.
        ts_event_ns: The venue's time.
        ts_init_ns: Our time of receipt.
    """

    instrument: InstrumentId
    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    sequence: int
    ts_event_ns: int
    ts_init_ns: int

    @property
    def mid_price(self) -> Decimal:
        """Return the middle of bid and ask."""
        return (self.bid + self.ask) / 2

    def price_to(self, side: Side) -> Decimal:
        """Return the price a taker on `side` meets first."""
        return self.ask if side is Side.BUY else self.bid


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthWalk:
    """What taking a quantity from a book would do.

    Attributes:
        quantity: Contracts that the book can give, at most those asked.
        notional: Their cost, quote currency.
        worst_price: The price of the last level touched; None when nothing is there.
    """

    quantity: Decimal
    notional: Decimal
    worst_price: Decimal | None

    @property
    def vwap(self) -> Decimal | None:
        """Return the average price; None when nothing can be taken."""
        return self.notional / self.quantity if self.quantity else None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBook:
    """A snapshot of depth: bids by falling, asks by rising price."""

    instrument: InstrumentId
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    sequence: int
    ts_event_ns: int
    ts_init_ns: int

    def bbo(self) -> Bbo | None:
        """Return the top; None when a side is empty (an empty side is not a price of zero)."""
        if not self.bids or not self.asks:
            return None
        bid, ask = self.bids[0], self.asks[0]
        return Bbo(
            instrument=self.instrument,
            bid=bid.price,
            ask=ask.price,
            bid_size=bid.size,
            ask_size=ask.size,
            sequence=self.sequence,
            ts_event_ns=self.ts_event_ns,
            ts_init_ns=self.ts_init_ns,
        )

    def walk(self, side: Side, quantity: Decimal, *, limit: Decimal | None = None) -> DepthWalk:
        """Take `quantity` contracts as a taker on `side`, not beyond the price `limit`."""
        left, notional, worst = quantity, ZERO, None
        for price, size in self.asks if side is Side.BUY else self.bids:
            if left <= 0 or (limit is not None and (price - limit) * side.sign > 0):
                break
            taken = min(left, size)
            notional += taken * price
            left -= taken
            worst = price
        return DepthWalk(quantity=quantity - left, notional=notional, worst_price=worst)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookDelta:
    """A change of a book: levels with their new size, zero removes.

    Attributes:
        previous: The sequence this delta continues; a gap to the local book means resync.
    """

    instrument: InstrumentId
    bids: tuple[BookLevel, ...]
    asks: tuple[BookLevel, ...]
    previous: int
    sequence: int
    ts_event_ns: int
    ts_init_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BookGap:
    """From here to the next snapshot the book is not known: something between the changes was lost.

    Attributes:
        reason: What is missing, for people.
    """

    instrument: InstrumentId
    reason: str


BookUpdate = OrderBook | BookDelta | BookGap
"""What a stream of a book tells: a snapshot, a change that continues it, or that it is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A public trade; `side` is the taker's."""

    instrument: InstrumentId
    side: Side
    price: Decimal
    quantity: Decimal
    ts_event_ns: int
    ts_init_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketStats:
    """Prices and activity of one instrument. What the venue does not publish is None, never zero.

    Attributes:
        volume_24h: Quote currency.
        open_interest: Quote currency.
    """

    instrument: InstrumentId
    mark_price: Decimal | None
    index_price: Decimal | None
    volume_24h: Decimal | None
    open_interest: Decimal | None
    ts_event_ns: int
    ts_init_ns: int
