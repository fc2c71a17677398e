"""Margin tiers out of Backpack's margin functions.

The venue has no tiers. A market gives `imfFunction` and `mmfFunction` of type `sqrt`; the margin fraction of a
position is `max(base, factor x sqrt(notional))`. The tiers here are steps above that curve: each asks from its
whole range what the function asks at its upper end, so none asks less than the venue.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final, NamedTuple

from arb.model import MarginTier
from arb.net import Row, number, positive

_ONE: Final = Decimal(1)
_STEP: Final = Decimal(2)
_RATE_UNIT: Final = Decimal("0.000001")
_LEVERAGE_UNIT: Final = Decimal("0.01")
_MOST_TIERS: Final = 40
_LAST_RATE: Final = Decimal("0.999999")
"""Beyond the last step the function asks for more than the position is worth: nothing can be opened there."""


class MarginFunction(NamedTuple):
    """`max(base, factor x sqrt(notional))`, both as fractions."""

    base: Decimal
    factor: Decimal

    def at(self, notional: Decimal) -> Decimal:
        """Return the margin fraction of a position of `notional` quote currency."""
        return max(self.base, self.factor * notional.sqrt())

    @property
    def bend(self) -> Decimal:
        """Return the notional up to which the base alone counts."""
        return (self.base / self.factor) ** 2


def margin_function(row: Row) -> MarginFunction:
    """Read a function; raises ValueError for a type that is not known."""
    if row["type"] != "sqrt":
        raise ValueError(f"margin function of the unknown type {row['type']!r}")
    found = MarginFunction(base=positive(row["base"]), factor=number(row["factor"]))
    if not found.base < 1 or found.factor < 0:
        raise ValueError(f"margin function {found} is no fraction")
    return found


def margin_tiers(initial: MarginFunction, maintenance: MarginFunction) -> tuple[MarginTier, ...]:
    """Return tiers of which none asks less than the two functions: steps that double from their bend on."""
    if not initial.factor and not maintenance.factor:
        return (_tier(None, initial.base, maintenance.base),)
    bends = [each.bend for each in (initial, maintenance) if each.factor]
    limit = min(bends).to_integral_value(ROUND_FLOOR) or _ONE
    tiers: list[MarginTier] = []
    while len(tiers) < _MOST_TIERS and initial.at(limit) < 1 and maintenance.at(limit) < _LAST_RATE:
        tiers.append(_tier(limit, initial.at(limit), maintenance.at(limit)))
        limit *= _STEP
    return (*tiers, MarginTier(max_notional=None, maintenance_rate=_LAST_RATE, max_leverage=_ONE))


def _tier(limit: Decimal | None, initial: Decimal, maintenance: Decimal) -> MarginTier:
    leverage = (_ONE / initial).quantize(_LEVERAGE_UNIT, ROUND_FLOOR)
    return MarginTier(
        max_notional=limit,
        maintenance_rate=maintenance.quantize(_RATE_UNIT, ROUND_CEILING),
        max_leverage=max(leverage, _ONE),
    )
