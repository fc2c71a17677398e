"""The venue's versions of each book: every change that anybody sees gets the next one, for everybody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from arb.model import BookLevel, OrderBook
from arb.simulation import changed_levels

from ._shapes import levels

_FIRST: Final = 2_070_150_000
Follower = Callable[[dict[str, Any], OrderBook], None]
Key = tuple[str, int]


class BookTape:
    """Versions the books of each contract and level; the versions outlive connections."""

    def __init__(self, memory: dict[str, Any]) -> None:
        self._books: dict[Key, tuple[int, tuple[BookLevel, ...], tuple[BookLevel, ...]]] = memory.setdefault(
            "books", {}
        )
        self._followers: dict[Key, list[Follower]] = {}

    def follow(self, key: Key, follower: Follower) -> Callable[[], None]:
        """Let changes of a book be told; return what ends it."""
        self._followers.setdefault(key, []).append(follower)
        return lambda: self._followers[key].remove(follower)

    def observe(self, key: Key, symbol: str, whole: OrderBook) -> int:
        """Take a book as it is now, tell what changed, and return its version."""
        contract_id, level = key
        book = replace(whole, bids=whole.bids[:level], asks=whole.asks[:level])
        version, bids, asks = self._books.get(key, (_FIRST, book.bids, book.asks))
        changed = changed_levels(bids, book.bids), changed_levels(asks, book.asks)
        first = version
        if any(changed):
            version += 1 + len(changed[0]) + len(changed[1])
        self._books[key] = (version, book.bids, book.asks)
        if any(changed):
            row = {
                "startVersion": str(first),
                "endVersion": str(version),
                "level": level,
                "contractId": contract_id,
                "contractName": symbol,
                "asks": levels(changed[1]),
                "bids": levels(changed[0]),
                "depthType": "CHANGED",
            }
            for follower in list(self._followers.get(key, ())):
                follower(row, book)
        return version
