"""The venue's numbers of each book: every change that anybody sees gets the next ones, for everybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from arb.model import BookLevel, OrderBook
from arb.simulation import changed_levels

from ._shapes import levels

_FIRST: Final = 390_497_000
_TOP: Final = 5_000
_HOLE: Final = 3
_WIDTH: Final = 4
Follower = Callable[[dict[str, Any], OrderBook], None]


class BookTape:
    """Numbers the changes of books; the numbers outlive connections.

    As on the venue an event covers several numbers, and there are holes between one event's last (`u`) and the
    next one's first (`U`): only `pu` links them.
    """

    def __init__(self, memory: dict[str, Any]) -> None:
        self._books: dict[str, tuple[int, tuple[BookLevel, ...], tuple[BookLevel, ...]]] = memory.setdefault(
            "books", {}
        )
        self._followers: dict[str, list[Follower]] = {}

    def follow(self, symbol: str, follower: Follower) -> Callable[[], None]:
        """Let changes of a book be told; return what ends it."""
        self._followers.setdefault(symbol, []).append(follower)
        return lambda: self._followers[symbol].remove(follower)

    def observe(self, symbol: str, book: OrderBook, now_ns: int) -> int:
        """Take a book as it is now, tell what changed, and return its number."""
        number, bids, asks = self._books.get(symbol, (_FIRST, book.bids[:_TOP], book.asks[:_TOP]))
        changed = changed_levels(bids, book.bids), changed_levels(asks, book.asks)
        if not any(changed):
            self._books[symbol] = (number, book.bids, book.asks)
            return number
        first = number + _HOLE
        last = first + _WIDTH
        self._books[symbol] = (last, book.bids, book.asks)
        event = {
            "e": "depthUpdate",
            "E": now_ns // 1_000_000,
            "T": book.ts_event_ns // 1_000_000,
            "s": symbol,
            "ps": symbol,
            "st": 1,
            "U": first,
            "u": last,
            "pu": number,
            "b": levels(changed[0]),
            "a": levels(changed[1]),
        }
        for follower in list(self._followers.get(symbol, ())):
            follower(event, book)
        return last
