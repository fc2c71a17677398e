"""Funding that a pair is expected to collect: a sum over settlements, not an integral (handbook C2, C4)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from arb.model import HOUR_NS, ZERO, hours

from ._calendar import Schedule
from ._runs import SpreadRuns

LN2: Final = Decimal(2).ln()


@dataclass(frozen=True, slots=True, kw_only=True)
class LegForecast:
    """What one leg's funding is expected to be.

    Attributes:
        rate_hour: Now, as a fraction of notional per hour; positive means longs pay.
        mean_hour: What it returns to in the long run.
        coming_hour: At the first settlement, part of which is decided already; None where the venue's
            averaging is not known, and the first is forecast like the others.
    """

    schedule: Schedule
    rate_hour: Decimal
    mean_hour: Decimal
    coming_hour: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairForecast:
    """Both legs of a pair, and how fast what is now gives way to what is usual.

    Attributes:
        from_ns: The time at which the rates are those given.
        half_life_hours: Of the deviation from the long-run rates; None keeps the rates as they are.
        runs: How long the pair's spreads lasted in the past; None without a history.
    """

    long: LegForecast
    short: LegForecast
    from_ns: int
    half_life_hours: Decimal | None
    runs: SpreadRuns | None = None

    def __post_init__(self) -> None:
        """Refuse a half-life that decays in no time."""
        if self.half_life_hours is not None and self.half_life_hours <= 0:
            raise ValueError(f"a half-life must be positive, not {self.half_life_hours} h")

    def survival(self, hours: Decimal) -> Decimal | None:
        """Return the share of the pair's past spreads that lasted so long; None when nobody knows."""
        return None if self.runs is None else self.runs.survival(hours)

    def capture(self, after_ns: int, until_ns: int) -> Decimal:
        """Return the funding expected in (after, until], as a fraction of one leg's notional."""
        return self._paid(self.short, after_ns, until_ns) - self._paid(self.long, after_ns, until_ns)

    def best_capture(self, after_ns: int, until_ns: int) -> tuple[int, Decimal]:
        """Return when to leave, at the latest at `until_ns`, to collect the most, and how much that is.

        Leaving pays right after a settlement only (handbook C2: choose the end on the union of both
        calendars), so the last settlement of each leg is tried. The latest end wins a tie.
        """
        ends = {until_ns}
        for leg in (self.long, self.short):
            last = leg.schedule.last_until(after_ns, until_ns)
            if last is not None:
                ends.add(last)
        captured = {end: self.capture(after_ns, end) for end in ends}
        best = max(ends, key=lambda end: (captured[end], end))
        return best, captured[best]

    def _paid(self, leg: LegForecast, after_ns: int, until_ns: int) -> Decimal:
        """Return what a long position in `leg` pays in (after, until]."""
        if until_ns <= after_ns:
            return ZERO
        excess = leg.rate_hour - leg.mean_hour if self.half_life_hours is not None else ZERO
        steady = leg.mean_hour if self.half_life_hours is not None else leg.rate_hour
        if leg.schedule.is_continuous:
            return steady * hours(until_ns - after_ns) + excess * self._decayed_hours(after_ns, until_ns)
        settlements = leg.schedule.between(after_ns, until_ns)
        if not settlements:
            return ZERO
        decayed = self._decay_sum(settlements) if excess else ZERO
        rates = steady * len(settlements) + excess * decayed
        if leg.coming_hour is not None and settlements[0] == leg.schedule.first_after(self.from_ns):
            rates += leg.coming_hour - steady - excess * self._decay(settlements[0] - self.from_ns)
        return rates * hours(leg.schedule.interval_ns)

    def _decay_sum(self, settlements: range) -> Decimal:
        """Return the sum of the decay factors at the settlements, as a geometric series."""
        first = self._decay(settlements[0] - self.from_ns)
        ratio = self._decay(settlements.step)
        if len(settlements) == 1 or ratio == 1:
            return first * len(settlements)
        return first * (1 - ratio ** len(settlements)) / (1 - ratio)

    def _decayed_hours(self, after_ns: int, until_ns: int) -> Decimal:
        """Return the integral of the decay factor over (after, until], in hours."""
        difference = self._decay(after_ns - self.from_ns) - self._decay(until_ns - self.from_ns)
        return (self.half_life_hours or ZERO) / LN2 * difference

    def _decay(self, age_ns: int) -> Decimal:
        return decay_factor(age_ns, self.half_life_hours)


def decay_factor(age_ns: int, half_life_hours: Decimal | None) -> Decimal:
    """Return what is left after `age_ns` of a deviation that halves every half-life: 2^(-t/h)."""
    if half_life_hours is None or age_ns <= 0:
        return Decimal(1)
    return (-LN2 * age_ns / (half_life_hours * HOUR_NS)).exp()


def capture_capacity(carry_hour: Decimal, half_life_hours: Decimal) -> Decimal:
    """Return all that a carry decaying to zero can ever bring: c0*h/ln2 (handbook C4)."""
    return carry_hour * half_life_hours / LN2
