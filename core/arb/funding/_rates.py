"""Funding rates in the period in which the venue publishes them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from arb.model import DAY_NS, FundingRate, is_bookable, is_moment

MAX_RATE_HOUR: Final = Decimal("0.05")
"""Largest fraction of notional per hour that is believed of a prediction. The widest cap of a venue is
4 % an hour; a rate in percent or basis points that is taken for a fraction is beyond it."""


MAX_DISTANCE_NS: Final = 31 * DAY_NS
"""Farthest from now that a prediction is published or paid, and the longest interval."""


def clamp_native(rate: FundingRate, cap: Decimal) -> FundingRate:
    """Return the rate cut to +-`cap`, a fraction of notional in the published period.

    The cut comes before any conversion: a cap of 1 % an hour is not a cap of 8 % in eight hours
    (handbook C2).
    """
    limit = abs(cap / rate.unit.factor)
    raw = max(-limit, min(limit, rate.raw))
    return rate if raw == rate.raw else replace(rate, raw=raw)


def is_usable(rate: FundingRate) -> bool:
    """Return whether the published numbers are numbers at all."""
    return (
        is_bookable(rate.raw)
        and is_bookable(rate.unit.factor)
        and is_moment(rate.unit.period_ns)
        and is_moment(rate.ts_event_ns)
        and is_moment(rate.ts_init_ns)
        and (rate.next_funding_ns is None or is_moment(rate.next_funding_ns))
        and rate.unit.factor > 0
        and rate.unit.period_ns > 0
        and 0 <= rate.interval_ns <= MAX_DISTANCE_NS
    )


def prediction_problem(rate: FundingRate, observed_ns: int) -> str | None:
    """Return why a usable prediction cannot be what a venue will pay; None when it can.

    The figure itself is left out: the text tells whether a failure is news, and a rate changes each time.
    """
    if abs(rate.per_hour) > MAX_RATE_HOUR:
        return f"a rate above {MAX_RATE_HOUR * 100:.0f} % an hour is not believed: is the unit of the rate right?"
    moments = (rate.ts_event_ns, rate.ts_event_ns if rate.next_funding_ns is None else rate.next_funding_ns)
    if any(abs(moment - observed_ns) > MAX_DISTANCE_NS for moment in moments):
        return "a time more than 31 days from now is not believed: is the unit of the time right?"
    return None
