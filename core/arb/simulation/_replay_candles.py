"""Hourly candles of one instrument, read without looking ahead."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from math import gcd
from typing import Final, NamedTuple

from arb.api import ConfigError
from arb.model import DAY_NS, HOUR_NS, ZERO, format_utc

PRICE_LIFE_NS: Final = 2 * HOUR_NS
"""How long the last close stands for the price after its hour has ended."""
_SMALLEST_TICK: Final = Decimal("1e-12")
_LOT_WORTH: Final = Decimal(10)


class Candle(NamedTuple):
    """One hour; `volume` is in base units, None where it was not recorded."""

    start_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None

    @property
    def end_ns(self) -> int:
        """Return the moment from which high, low, close and volume are known."""
        return self.start_ns + HOUR_NS


class CandleSeries:
    """Prices as functions of time.

    An hour's open is known when the hour begins, the rest when it ends. So the price is the open
    of the running hour for all of that hour; where that candle is missing, it is the last close
    for up to two hours, and then unknown.
    """

    def __init__(self, candles: Sequence[Candle]) -> None:
        """Take candles by rising time.

        Raises:
            ConfigError: they overlap, or one is not low <= open, close <= high with a positive low.
        """
        for candle in candles:
            if not 0 < candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high:
                raise ConfigError(f"not a candle at {format_utc(candle.start_ns)}: {candle[1:5]}")
        for one, two in pairwise(candles):
            if two.start_ns < one.end_ns:
                raise ConfigError(f"candles overlap at {format_utc(two.start_ns)}; hourly ones are needed")
        self._candles = candles
        self._starts = [candle.start_ns for candle in candles]
        self._turnover = [ZERO]
        for candle in candles:
            self._turnover.append(self._turnover[-1] + (candle.volume or ZERO) * candle.close)

    def price(self, ts_ns: int) -> Decimal | None:
        """Return the price at `ts_ns`; None when it is not known."""
        index = bisect_right(self._starts, ts_ns) - 1
        if index < 0:
            return None
        candle = self._candles[index]
        if ts_ns < candle.end_ns:
            return candle.open
        return candle.close if ts_ns - candle.end_ns <= PRICE_LIFE_NS else None

    def ended_in(self, start_ns: int, end_ns: int) -> Sequence[Candle]:
        """Return the candles whose hour ended in (start, end]."""
        return self._candles[
            bisect_right(self._starts, start_ns - HOUR_NS) : bisect_right(self._starts, end_ns - HOUR_NS)
        ]

    def turnover_24h(self, ts_ns: int) -> Decimal | None:
        """Return the quote volume of the last 24 whole hours; None unless all were recorded."""
        last = bisect_right(self._starts, ts_ns - HOUR_NS)
        first = bisect_right(self._starts, ts_ns - HOUR_NS - DAY_NS)
        if last - first != 24 or any(candle.volume is None for candle in self._candles[first:last]):
            return None
        return self._turnover[last] - self._turnover[first]

    def tick_size(self) -> Decimal | None:
        """Return the step all recorded prices are multiples of; None when that is no real step."""
        if not self._candles:
            return None
        steps = 0
        for candle in self._candles:
            for price in candle[1:5]:
                steps = gcd(steps, int(price / _SMALLEST_TICK))
        tick = (steps * _SMALLEST_TICK).normalize()
        return tick if tick > self._candles[0].open * Decimal("1e-8") else None

    def lot_size(self) -> Decimal:
        """Return the largest power of ten that was worth at most 10 at the first price."""
        first = self._candles[0].open if self._candles else Decimal(1)
        return Decimal(1).scaleb((_LOT_WORTH / first).adjusted())
