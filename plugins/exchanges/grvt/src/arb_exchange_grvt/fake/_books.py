"""The venue's sequence of each book: every change that anybody sees gets the next number, for everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from arb.model import BookLevel, OrderBook
from arb.simulation import changed_levels

_FIRST: Final = 36_480
Follower = Callable[[list[BookLevel], list[BookLevel], int, OrderBook], None]


class BookTape:
    """Numbers the changes of books; the numbers outlive connections."""

    def __init__(self, memory: dict[str, Any]) -> None:
        self._books: dict[str, tuple[int, tuple[BookLevel, ...], tuple[BookLevel, ...]]] = memory.setdefault(
            "books", {}
        )
        self._followers: dict[str, list[Follower]] = {}

    def follow(self, symbol: str, follower: Follower) -> Callable[[], None]:
        """Let changes of a book be told; return what ends it."""
        self._followers.setdefault(symbol, []).append(follower)
        return lambda: self._followers[symbol].remove(follower)

    def observe(self, symbol: str, book: OrderBook) -> int:
        """Take a book as it is now, tell what changed, and return its number."""
        number, bids, asks = self._books.get(symbol, (_FIRST, book.bids, book.asks))
        bought, sold = changed_levels(bids, book.bids), changed_levels(asks, book.asks)
        if bought or sold:
            number += 1
        self._books[symbol] = (number, book.bids, book.asks)
        if bought or sold:
            for follower in list(self._followers.get(symbol, ())):
                follower(bought, sold, number, book)
        return number
