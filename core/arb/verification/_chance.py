"""Chance that depends on a key and on nothing else.

One shared generator would shift every later draw when some version of Python asks once more or once
less. Here each draw has a name of its own: seed, venue, operation, count of that call.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final, TypeVar

T = TypeVar("T")

MILLION: Final = 1_000_000
_MASK: Final = (1 << 64) - 1


class Chance:
    """A stream of whole numbers; the same key gives the same stream on every platform."""

    __slots__ = ("_state",)

    def __init__(self, *key: object) -> None:
        text = "/".join(map(str, key))
        self._state = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")

    def bits(self) -> int:
        """Return 64 bits (splitmix64)."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def below(self, limit: int) -> int:
        """Return a number in [0, limit)."""
        return self.bits() * limit >> 64

    def between(self, low: int, high: int) -> int:
        """Return a number in [low, high]."""
        return low + self.below(high - low + 1)

    def happens(self, ppm: int) -> bool:
        """Whether something with a probability of `ppm` parts in a million happens."""
        return self.below(MILLION) < ppm

    def choice(self, items: Sequence[T]) -> T:
        """Return one of them."""
        return items[self.below(len(items))]

    def shuffle(self, items: list[Any]) -> None:
        """Put a list into another order, in place."""
        for index in range(len(items) - 1, 0, -1):
            other = self.below(index + 1)
            items[index], items[other] = items[other], items[index]

    def weighted(self, items: Sequence[tuple[T, int]]) -> T:
        """Return one of them by its weight; raises ValueError when all weights are zero."""
        left = self.below(sum(weight for _, weight in items))
        for item, weight in items:
            left -= weight
            if left < 0:
                return item
        raise ValueError("nothing has a weight")


class ChanceIds:
    """Identifiers of one process: the same seed and process repeat them, another process never does."""

    def __init__(self, *key: object) -> None:
        self._key = key
        self._count = 0

    def new(self) -> str:
        """Return 12 letters and digits."""
        self._count += 1
        text = "/".join(map(str, (*self._key, self._count)))
        return blake2b(text.encode(), digest_size=6).hexdigest()
