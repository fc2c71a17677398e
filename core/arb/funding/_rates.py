"""Funding rates in the period in which the venue publishes them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from arb.model import FundingRate


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
        rate.raw.is_finite()
        and rate.unit.factor.is_finite()
        and rate.unit.factor > 0
        and rate.unit.period_ns > 0
        and rate.interval_ns >= 0
    )
