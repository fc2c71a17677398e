"""The premium of one instrument over the index, and the funding it leads to."""

from __future__ import annotations

from itertools import accumulate
from typing import Final, NamedTuple

from arb.model import DAY_NS, HOUR_NS, MINUTE_NS

from ._seeded_noise import HALF_LIFE_24_STEPS, HALF_LIFE_36_STEPS, Blocks, mean_reverting, uniforms
from ._seeded_profiles import Listing, VenueProfile

SAMPLE_NS: Final = 5 * MINUTE_NS
_SAMPLES: Final = DAY_NS // SAMPLE_NS
_PER_HOUR: Final = HOUR_NS // SAMPLE_NS
_HOURS: Final = 240
_REGIME_HOURS: Final = 96
# Shares of the deviation: their squares and that of the regimes sum to about one.
_FAST: Final = 0.62
_COMMON: Final = 0.55
_OWN: Final = 0.42
_BPS: Final = 0.0001


class _Day(NamedTuple):
    """Samples of a day in basis points, and their running sums, plain and weighted by position."""

    samples: list[float]
    sums: list[float]
    weighted: list[float]


class Premium:
    """A fast part, a slow part all venues share, a slow part of its own, and regimes.

    Their half lives are 2 h, 36 h and 24 h. A regime lifts or lowers the premium by some deviations
    for one to three days; about one period of four days in eight has one.
    """

    def __init__(self, seed: int, exchange: str, asset: str, listing: Listing) -> None:
        self._common = f"{seed}/premium/{asset}"
        self._own = f"{seed}/premium/{asset}/{exchange}"
        self._mean = listing.premium
        self._deviation = listing.premium_deviation
        self._slow = Blocks(self._make_slow, 3)
        self._days = Blocks(self._make_day, 6)

    def at(self, ts_ns: int) -> float:
        """Return the premium as a fraction, between the last two samples."""
        index, rest = divmod(ts_ns, SAMPLE_NS)
        before, now = self._sample(index - 1), self._sample(index)
        return (before + (now - before) * (rest / SAMPLE_NS)) * _BPS

    def sums(self, first: int, count: int) -> tuple[float, float]:
        """Return the plain and the weighted (1..count) sum of `count` samples from `first` on, one day's at most."""
        day, start = divmod(first, _SAMPLES)
        sums, weighted = self._days.get(day)[1:]
        plain = sums[start + count] - sums[start]
        return plain, weighted[start + count] - weighted[start] - start * plain

    def _sample(self, index: int) -> float:
        day, position = divmod(index, _SAMPLES)
        return self._days.get(day).samples[position]

    def _make_day(self, day: int) -> _Day:
        first = day * _SAMPLES
        fast = mean_reverting(f"{self._own}/fast", first, _SAMPLES, HALF_LIFE_24_STEPS, 240)
        samples = []
        for position, value in enumerate(fast):
            hour, part = divmod(first + position, _PER_HOUR)
            before, now = self._hour(hour - 1), self._hour(hour)
            slow = before + (now - before) * (part / _PER_HOUR)
            samples.append(self._mean + self._deviation * (_FAST * value + slow))
        weighted = (value * (position + 1) for position, value in enumerate(samples))
        return _Day(samples, list(accumulate(samples, initial=0.0)), list(accumulate(weighted, initial=0.0)))

    def _hour(self, hour: int) -> float:
        block, index = divmod(hour, _HOURS)
        return self._slow.get(block)[index]

    def _make_slow(self, block: int) -> list[float]:
        first = block * _HOURS
        common = mean_reverting(self._common, first, _HOURS, HALF_LIFE_36_STEPS, 360)
        own = mean_reverting(self._own, first, _HOURS, HALF_LIFE_24_STEPS, 360)
        return [
            _COMMON * shared + _OWN * alone + self._regime(first + hour)
            for hour, (shared, alone) in enumerate(zip(common, own, strict=True))
        ]

    def _regime(self, hour: int) -> float:
        """Return a regime's part, in deviations: it rises to its height and falls back in straight lines."""
        period, position = divmod(hour, _REGIME_HOURS)
        happens, sign, height, length, start = uniforms(f"{self._own}/regime/{period}", 5)
        if happens >= 0.125:
            return 0.0
        half = 12.0 + 24.0 * length
        distance = abs(position - half - start * (_REGIME_HOURS - 2.0 * half)) / half
        peak = (1.0 + 2.0 * height) * (1.0 if sign < 0.5 else -1.0)
        return peak * (1.0 - distance) if distance < 1.0 else 0.0


class FundingRule:
    """How a venue turns premium into a rate (handbook C2), as a fraction of one settlement."""

    def __init__(self, profile: VenueProfile, interval_ns: int, premium: Premium) -> None:
        self._profile = profile
        self._premium = premium
        self._interval_ns = interval_ns
        self._count = interval_ns // SAMPLE_NS

    def next_settlement_ns(self, ts_ns: int) -> int:
        """Return the first settlement after `ts_ns`: whole intervals since the epoch."""
        return (ts_ns // self._interval_ns + 1) * self._interval_ns

    def settled(self, settlement_ns: int) -> float | None:
        """Return the rate paid at a settlement, from the samples of the interval before it; None at other times."""
        if settlement_ns % self._interval_ns:
            return None
        first = settlement_ns // SAMPLE_NS - self._count
        return self._rate(self._average(first, self._count, 0.0))

    def predicted(self, ts_ns: int) -> float:
        """Return what is expected at `ts_ns` if the premium stays as it is.

        With linear weights an elapsed fraction p has decided p^2 of the rate, with equal ones p.
        """
        first = ts_ns // self._interval_ns * self._count
        elapsed = ts_ns // SAMPLE_NS - first
        return self._rate(self._average(first, elapsed, self._premium.at(ts_ns) / _BPS))

    def _average(self, first: int, elapsed: int, rest: float) -> float:
        """Return the average of `elapsed` samples and, for those to come, `rest`."""
        plain, weighted = self._premium.sums(first, elapsed)
        if not self._profile.linear_weights:
            return (plain + rest * (self._count - elapsed)) / self._count
        total = self._count * (self._count + 1) / 2
        decided = elapsed * (elapsed + 1) / 2
        return (weighted + rest * (total - decided)) / total

    def _rate(self, premium: float) -> float:
        profile = self._profile
        pull = max(-profile.clamp, min(profile.clamp, profile.interest - premium))
        rate = (premium + pull) * _BPS * self._interval_ns / (8 * HOUR_NS)
        return max(-profile.cap, min(profile.cap, rate))
