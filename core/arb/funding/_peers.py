"""Rates of venues beside each other: a unit error looks like an opportunity (handbook C1 rule 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Final

from arb.model import ExchangeName, FundingRate

_MIN_RATES: Final = 20
_MIN_PEERS: Final = 3
"""Of fewer one that is wrong would make the others look wrong."""
_BEYOND: Final = Decimal("5.3")
"""Venues differ, but seldom so many times: two thirds of the least error.

Of 1,191 recorded weeks of a coin on a venue 6 differ more, none of BTC or ETH; of the same ones misread by one of
the factors 78 to 100 in a hundred do.
"""
_ERRORS: Final = (Decimal(8), Decimal("12.5"), Decimal(100), Decimal(24))
_FACTORS: Final = (*_ERRORS, *(1 / each for each in _ERRORS))


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectedUnit:
    """A venue whose usual rate is a unit error away from its peers'.

    Attributes:
        ratio: Its median absolute rate over the median of the peers' medians.
        factor: The error that it looks most like; below 1 where its rates are too small.
    """

    exchange: ExchangeName
    ratio: Decimal
    factor: Decimal


def suspected_units(settled: Mapping[ExchangeName, Sequence[FundingRate]]) -> tuple[SuspectedUnit, ...]:
    """Return the venues whose rates of one liquid asset over the same week look like a unit error.

    It proves nothing: a payment does. Fewer than twenty rates or three peers say nothing.
    """
    usual = {
        name: median([abs(rate.per_hour) for rate in rates])
        for name, rates in settled.items()
        if len(rates) >= _MIN_RATES
    }
    found = []
    for name, value in sorted(usual.items()):
        peers = [other for peer, other in usual.items() if peer != name and other]
        if len(peers) < _MIN_PEERS or not value:
            continue
        ratio = value / median(peers)
        if _apart(ratio, Decimal(1)) >= _BEYOND:
            factor = min(_FACTORS, key=lambda each: _apart(ratio, each))
            found.append(SuspectedUnit(exchange=name, ratio=ratio, factor=factor))
    return tuple(found)


def _apart(one: Decimal, other: Decimal) -> Decimal:
    return max(one / other, other / one)
