"""The index price of an asset: one path for all venues of a seed."""

from __future__ import annotations

from typing import Final

from arb.model import MINUTE_NS

from ._seeded_noise import HALF_LIFE_60_STEPS, Blocks, mean_reverting, normals
from ._seeded_profiles import Asset

_MINUTES: Final = 1440
_DAYS: Final = 64
_WARM_UP_DAYS: Final = 480
_STATIONARY: Final = 6.617
"""Stationary over daily deviation of the process of levels: 1 / HALF_LIFE_60_STEPS.gain."""
_MINUTE_SHARE: Final = 0.0263523
"""One over the root of 1440."""


class IndexPath:
    """A price that reverts to the asset's own over two months, with a bridge of minutes inside each day.

    The price at a moment lies between the last two whole minutes, so a reader sees nothing of a
    minute that has not begun.
    """

    def __init__(self, seed: int, name: str, asset: Asset) -> None:
        self._key = f"{seed}/index/{name}"
        self._price = asset.price
        self._volatility = asset.daily_volatility
        self._levels = Blocks(self._make_levels, 4)
        self._days = Blocks(self._make_day, 3)

    def at(self, ts_ns: int) -> float:
        """Return the price in US dollars."""
        minute, rest = divmod(ts_ns, MINUTE_NS)
        day, index = divmod(minute, _MINUTES)
        now = self._days.get(day)[index]
        before = self._days.get(day)[index - 1] if index else self._days.get(day - 1)[-1]
        return before + (now - before) * (rest / MINUTE_NS)

    def _level(self, day: int) -> float:
        block, index = divmod(day, _DAYS)
        return self._levels.get(block)[index]

    def _make_levels(self, block: int) -> list[float]:
        scale = self._volatility * _STATIONARY
        path = mean_reverting(f"{self._key}/days", block * _DAYS, _DAYS, HALF_LIFE_60_STEPS, _WARM_UP_DAYS)
        return [scale * value for value in path]

    def _make_day(self, day: int) -> list[float]:
        start, end = self._level(day), self._level(day + 1)
        step = self._volatility * _MINUTE_SHARE
        total, walk = 0.0, []
        for draw in normals(f"{self._key}/minutes/{day}", _MINUTES):
            walk.append(total)
            total += step * draw
        drift = (end - start - total) / _MINUTES
        return [self._price * _growth(start + value + drift * minute) for minute, value in enumerate(walk)]


def _growth(level: float) -> float:
    """Return nearly e^level for levels within +-1, of + - * / alone."""
    level = max(-1.0, min(1.0, level))
    return (2.0 + level) / (2.0 - level)
