"""Whether a book can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from arb.model import BookLevel, InstrumentId, OrderBook


def book_problem(instrument: InstrumentId, book: OrderBook) -> str | None:
    """Return why `book` must not be used as the book of `instrument`; None when it may be.

    A locked book (bid equal to ask) counts as crossed: a venue would have matched it.
    """
    if book.instrument != instrument:
        return f"it is the book of {book.instrument}"
    bids, asks = book.bids, book.asks
    if not bids or not asks:
        sides = "both sides are" if not bids and not asks else f"the {'ask' if bids else 'bid'} side is"
        return f"{sides} empty"
    try:
        if bids[0].price >= asks[0].price:
            return f"it is crossed: bid {bids[0].price}, ask {asks[0].price}"
        if not _falls(bids) or not _falls(asks[::-1]):
            return "its levels are out of order"
        if not bids[-1].price > 0 or not all(level.size > 0 for level in (*bids, *asks)):
            return "it has a price or size that is not positive"
    except (ArithmeticError, AttributeError, TypeError):  # NaN, or not levels of Decimals at all
        return "it has a price or size that is not a number"
    return None


def _falls(levels: Sequence[BookLevel]) -> bool:
    prices = [level.price for level in levels]
    return all(higher > lower for higher, lower in pairwise(prices))
