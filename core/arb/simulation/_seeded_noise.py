"""Chance that is the same on every platform: hashes, and IEEE + - * / on what they give."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import shake_128
from struct import unpack
from typing import Final, Generic, NamedTuple, TypeVar

T = TypeVar("T")

_MEAN: Final = 131_070.0
_DEVIATION: Final = 37_837.22772
"""Of the sum of four integers drawn evenly from 0 to 65535."""


def uniforms(key: str, count: int) -> list[float]:
    """Return numbers from 0 up to but excluding 1, fixed by `key`."""
    return [raw / 65536.0 for raw in unpack(f"<{count}H", shake_128(key.encode()).digest(2 * count))]


def normals(key: str, count: int) -> list[float]:
    """Return numbers of mean 0 and deviation 1, near to normal (sums of four even draws), fixed by `key`."""
    raw = unpack(f"<{4 * count}H", shake_128(key.encode()).digest(8 * count))
    return [
        (a + b + c + d - _MEAN) / _DEVIATION
        for a, b, c, d in zip(raw[::4], raw[1::4], raw[2::4], raw[3::4], strict=True)
    ]


class Persistence(NamedTuple):
    """How slowly a mean-reverting process forgets: x' = keep * x + gain * draw keeps a deviation of 1.

    `keep` is 2^(-step / half life) and `gain` is (1 - keep^2)^0.5, written out so that no
    platform's own power function takes part.
    """

    keep: float
    gain: float


HALF_LIFE_24_STEPS: Final = Persistence(0.971531941, 0.236908606)
HALF_LIFE_36_STEPS: Final = Persistence(0.980930088, 0.194360908)
HALF_LIFE_60_STEPS: Final = Persistence(0.98851402, 0.151129191)
HALF_LIFE_5_STEPS: Final = Persistence(0.870550563, 0.492078975)


_DRAWS_A_CHUNK: Final = 120


def mean_reverting(key: str, first: int, count: int, persistence: Persistence, warm_up: int) -> list[float]:
    """Return `count` steps from step `first` on of a process of deviation 1, fixed by `key`.

    It starts at zero `warm_up` steps earlier, so that a block can be made without those before it.
    The draws belong to absolute steps: a block begins where the one before it ended, but for what
    the warm-up forgets (a thousandth of the deviation after ten half lives).
    """
    keep, gain = persistence
    value = 0.0
    values = []
    for draw in _draws(key, first - warm_up, warm_up + count):
        value = keep * value + gain * draw
        values.append(value)
    return values[warm_up:]


def _draws(key: str, first: int, count: int) -> list[float]:
    """Return the normal draws of `count` absolute steps."""
    chunk, skipped = divmod(first, _DRAWS_A_CHUNK)
    drawn: list[float] = []
    while len(drawn) < skipped + count:
        drawn += normals(f"{key}/{chunk}", _DRAWS_A_CHUNK)
        chunk += 1
    return drawn[skipped : skipped + count]


class Blocks(Generic[T]):
    """A cache of blocks made on demand; it keeps the last few used."""

    def __init__(self, make: Callable[[int], T], size: int) -> None:
        self._make = make
        self._size = size
        self._blocks: OrderedDict[int, T] = OrderedDict()

    def get(self, index: int) -> T:
        """Return block `index`."""
        block = self._blocks.get(index)
        if block is None:
            block = self._blocks[index] = self._make(index)
            if len(self._blocks) > self._size:
                self._blocks.popitem(last=False)
        return block
