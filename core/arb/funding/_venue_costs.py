"""What a taker pays on a venue where no book is at hand: typical figures, not those of the moment."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueCosts:
    """One taker fill, in basis points of its notional at the mid price.

    Attributes:
        impact_bps: Beyond the touch, by notional in US dollars, ascending; at least one.
    """

    taker_bps: Decimal
    half_spread_bps: Decimal
    impact_bps: Sequence[tuple[Decimal, Decimal]]

    def fill_bps(self, notional: Decimal) -> Decimal | None:
        """Return fee, half spread and impact; None when the notional is larger than was ever measured.

        Between two measured notionals the impact is taken to grow in a straight line; below the first it
        is that of the first.
        """
        impact = self._impact(notional)
        return None if impact is None else self.taker_bps + self.half_spread_bps + impact

    def _impact(self, notional: Decimal) -> Decimal | None:
        at = bisect_left(self.impact_bps, notional, key=lambda each: each[0])
        if at == len(self.impact_bps):
            return None
        above = self.impact_bps[at]
        if at == 0:
            return above[1]
        below = self.impact_bps[at - 1]
        return below[1] + (above[1] - below[1]) * (notional - below[0]) / (above[0] - below[0])


def usual_round_trip_bps(long: VenueCosts, short: VenueCosts, notional: Decimal) -> Decimal | None:
    """Return what the four fills of a hedge cost (handbook C4); None when a leg's is not known at the size."""
    fills = [leg.fill_bps(notional) for leg in (long, short)]
    known = [fill for fill in fills if fill is not None]
    return 2 * sum(known, Decimal(0)) if len(known) == len(fills) else None
