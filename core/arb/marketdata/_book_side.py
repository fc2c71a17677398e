"""One side of a live book, kept so that its best levels are cheap to read."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from decimal import Context, Decimal
from operator import ge, le
from typing import Final

from arb.model import BookLevel

_SPARE: Final = 8
"""How many times the depth that is read is put in order, so that some of it may go."""

_EXACT: Final = Context(prec=60)
"""Holds every price that can be computed with; see `is_bookable`."""


class BookSide:
    """Levels by price, the best of them in order.

    A venue has thousands of levels and changes a hundred of them between two reads, while a reader wants the best
    few. So the best prices stay in order from change to change, and all are looked through only when too few of them
    are left.
    """

    def __init__(self, levels: Iterable[BookLevel], *, is_falling: bool) -> None:
        """Begin with a snapshot; where prices are falling, the highest is the best."""
        self._levels = {_key(level.price): level for level in levels}
        self._is_falling = is_falling
        self._is_as_good, self._worst = (ge, 0) if is_falling else (le, -1)
        self._best: list[Decimal] = []
        """By rising price: all that are as good as the worst of these, or better."""

    def change(self, levels: Iterable[BookLevel]) -> None:
        """Take new sizes; zero removes a level."""
        held, best, is_as_good, worst = self._levels, self._best, self._is_as_good, self._worst
        for level in levels:
            price, size = level
            key = _key(price)
            if size:
                if key not in held and best and is_as_good(price, best[worst]):
                    insort(best, price)
                held[key] = level
            elif held.pop(key, None) and best and is_as_good(price, best[worst]):
                del best[bisect_left(best, price)]

    def best(self, depth: int) -> tuple[BookLevel, ...]:
        """Return the best `depth` levels, the best first."""
        held = self._levels
        if len(self._best) < min(depth, len(held)):
            prices = sorted((level.price for level in held.values()), reverse=self._is_falling)
            self._best = sorted(prices[: depth * _SPARE])
        prices = self._best[: -depth - 1 : -1] if self._is_falling else self._best[:depth]
        return tuple(held[_key(price)] for price in prices)


def _key(price: Decimal) -> str:
    """Return what equal prices have in common; to hash a Decimal takes four times as long."""
    return str(price.normalize(_EXACT))
