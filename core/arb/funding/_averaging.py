"""The coming settlement, from what a venue publishes inside the funding period (handbook C2).

A venue averages its premium over the period and publishes, inside it, the average so far. With `s` the
share of the settled rate that is decided already, and `E` what the rest of the period is expected to bring,

    settlement = s * published + (1 - s) * E

For an elapsed fraction p of the period and a time d left in it, the share follows from the weights:

    FLAT        s = p               each moment weighs the same
    LINEAR      s = p^2             moments weigh 1..n: the sum of the first pn weights over that of all n
    EWMA        s = 2^(-d/30 min)   rate(t+d) = raw + (rate - raw) * 2^(-d/30 min), with raw = E
    CONTINUOUS  s = 0               each moment pays the rate of that moment

`E` is the mean, over the time left, of a rate that returns from where it is now, x, to the usual rate of the
instrument, m, with a half-life h:

    E = m + (x - m) * (1 - 2^(-d/h)) / (d/h * ln 2)

m is the median of what was settled in the week before. The other candidates were the last settled rate, the
long-run mean, the present premium (mark/index - 1) with the interest component, and the published rate
itself; h = 2 h had the smallest error of all on the first half of a recording and kept it on the second
(docs/explanation/forecasts.md). The present premium is worse than any of them: a mark price is not the
impact price that a venue averages. Everything is computed in the period in which the venue publishes, and
cut to its cap there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from statistics import median
from typing import Final

from arb.model import DAY_NS, HOUR_NS, MINUTE_NS, Averaging, FundingRate, hours

from ._capture import LN2, decay_factor
from ._rates import clamp_native

USUAL_NS: Final = 7 * DAY_NS
"""How far back settlements count for the usual rate."""
MIN_USUAL: Final = 3
"""Settlements without which there is no usual rate, and the published one is all there is."""
REST_HALF_LIFE_HOURS: Final = Decimal(2)
_EWMA_HALF_LIFE_HOURS: Final = hours(30 * MINUTE_NS)
_ZERO, _ONE = Decimal(0), Decimal(1)


def decided_share(averaging: Averaging, elapsed: Decimal, left_ns: int) -> Decimal:
    """Return the share of the coming settlement that is decided already, from 0 to 1.

    Args:
        averaging: The venue's.
        elapsed: Fraction of the period that is over.
        left_ns: Until the settlement.
    """
    passed = max(_ZERO, min(_ONE, elapsed))
    match averaging:
        case Averaging.FLAT:
            return passed
        case Averaging.LINEAR:
            return passed * passed
        case Averaging.EWMA:
            return decay_factor(left_ns, _EWMA_HALF_LIFE_HOURS)
        case Averaging.CONTINUOUS:
            return _ZERO


def expected_rest(
    now: Decimal, usual: Decimal, left_ns: int, half_life_hours: Decimal = REST_HALF_LIFE_HOURS
) -> Decimal:
    """Return the mean rate of the time left, when `now` returns to `usual`."""
    if left_ns <= 0:
        return now
    halvings = LN2 * left_ns / (half_life_hours * HOUR_NS)
    kept = (1 - decay_factor(left_ns, half_life_hours)) / halvings
    return _between(now, usual, min(_ONE, kept))


def forecast_settlement(published: Decimal, rest: Decimal, share: Decimal, cap: Decimal | None = None) -> Decimal:
    """Return `share * published + (1 - share) * rest`, cut to +-`cap`; all in the period published."""
    value = _between(published, rest, share)
    return value if cap is None else max(-abs(cap), min(abs(cap), value))


def usual_hour(settled: Sequence[FundingRate]) -> Decimal | None:
    """Return the median settled rate, fraction per hour; None of fewer than three."""
    return median([rate.per_hour for rate in settled]) if len(settled) >= MIN_USUAL else None


def coming_rate(
    rate: FundingRate,
    averaging: Averaging,
    due_ns: int,
    *,
    usual: Decimal,
    believed: Decimal | None = None,
    cap: Decimal | None = None,
) -> FundingRate:
    """Return the rate that the settlement at `due_ns` is expected to have, in the unit of the published one.

    How much is decided is judged at the time of publication.

    Args:
        rate: As published, of a period that has a length.
        averaging: The venue's.
        due_ns: The settlement.
        usual: Of the instrument, fraction per hour.
        believed: What the rate is taken to be now, fraction per hour; None believes the published one.
        cap: Largest fraction of notional in one published period, where the venue has one.
    """
    left_ns = max(0, due_ns - rate.ts_event_ns)
    period_ns = rate.interval_ns or rate.unit.period_ns
    share = decided_share(averaging, 1 - Decimal(left_ns) / period_ns, left_ns)
    now = rate.raw if believed is None else _native(rate, believed)
    raw = forecast_settlement(rate.raw, expected_rest(now, _native(rate, usual), left_ns), share)
    value = replace(rate, raw=raw)
    return value if cap is None else clamp_native(value, cap)


def _native(rate: FundingRate, per_hour: Decimal) -> Decimal:
    return per_hour * rate.unit.period_ns / (rate.unit.factor * HOUR_NS)


def _between(one: Decimal, other: Decimal, share: Decimal) -> Decimal:
    """Return the mixture, never outside of both: the last digit of a product may round beyond them."""
    mixed = share * one + (1 - share) * other
    return max(min(one, other), min(max(one, other), mixed))
