"""Which prices of another exchange a paper account may be valued at and traded at.

A real account is liquidated by what its venue knows. A paper account sees only what a public API
answers, and one wrong digit there would empty it. What is not believed counts as not readable.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Self

from arb.model import MarketStats, OrderBook


@dataclass(frozen=True, slots=True)
class Belief:
    """A price that was true a while ago; one `factor` times it, or as small a part, is taken for an error."""

    price: Decimal
    factor: Decimal

    @classmethod
    def of_mark(cls, price: Decimal) -> Self:
        """Return what a mark price of the last minutes says."""
        return cls(price, Decimal(2))

    @classmethod
    def of_entry(cls, price: Decimal) -> Self:
        """Return what the entry price of a position says, which may be weeks old."""
        return cls(price, Decimal(10))


def stats_problem(row: MarketStats, believed: Belief | None) -> str | None:
    """Return why a reading must not be used; without a belief any price is possible."""
    for name, price in (("mark", row.mark_price), ("index", row.index_price)):
        problem = None if price is None else _price_problem(price, believed)
        if problem is not None:
            return f"its {name} price {problem}"
    return None


def book_problem(book: OrderBook, believed: Belief | None) -> str | None:
    """Return why no order may meet `book`; an empty side is nothing to trade with, and no problem."""
    for side, falling in ((book.bids, True), (book.asks, False)):
        if not all(_is_positive(level.price) and _is_positive(level.size) for level in side):
            return "its book has a price or size that is not a positive number"
        if not all((first.price > second.price) is falling for first, second in pairwise(side)):
            return "the levels of its book are out of order"
    top = book.bbo()
    if top is None:
        return None
    if top.bid >= top.ask:
        return f"its book is crossed: bid {top.bid}, ask {top.ask}"
    problem = _price_problem(top.mid_price, believed)
    return None if problem is None else f"the middle of its book {problem}"


def _price_problem(price: Decimal, believed: Belief | None) -> str | None:
    if not _is_positive(price):
        return f"is {price}"
    if believed is not None and not believed.price / believed.factor < price < believed.price * believed.factor:
        return f"went from {believed.price} to {price} at once"
    return None


def _is_positive(number: Decimal) -> bool:
    return number.is_finite() and number > 0
