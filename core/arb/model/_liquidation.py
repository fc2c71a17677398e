"""How far a price may move before a position is liquidated, by our own formula (handbook C7)."""

from __future__ import annotations

from decimal import Decimal

from ._account import PositionSide
from ._money import ZERO


def liquidation_price(
    side: PositionSide, quantity: Decimal, price: Decimal, margin: Decimal, maintenance_rate: Decimal
) -> Decimal:
    """Return the price at which `margin` no longer covers the maintenance margin.

    Long (q*P - M)/(q*(1 - mmr)), short (q*P + M)/(q*(1 + mmr)). For an isolated position P is the
    entry price and M its margin. For a position in a cross account P is the mark price and M the
    equity less the maintenance margin of all other positions, which are taken to stand still.

    Args:
        quantity: Contracts, positive.
        margin: Quote currency, after accrued funding and fees.
    """
    notional = quantity * price
    if side is PositionSide.LONG:
        return max(ZERO, (notional - margin) / (quantity * (1 - maintenance_rate)))
    return max(ZERO, (notional + margin) / (quantity * (1 + maintenance_rate)))


def liquidation_distance(side: PositionSide, price: Decimal, liquidation: Decimal) -> Decimal:
    """Return the adverse move to the liquidation price as a fraction of `price`; zero when it is passed."""
    move = (price - liquidation) * side.sign / price
    return max(ZERO, move)
