"""Which prices and sizes the venue takes (its documentation, "Tick and lot size").

A perpetual's price has at most five significant figures and at most `6 - szDecimals` decimals; integers always pass.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from arb.model import Side, ceil_to, floor_to

SIGNIFICANT: Final = 5
PERP_DECIMALS: Final = 6


def price_step(price: Decimal, sz_decimals: int) -> Decimal:
    """Return the step between valid prices near `price`."""
    finest = Decimal(1).scaleb(sz_decimals - PERP_DECIMALS)
    coarse = Decimal(1).scaleb(price.adjusted() + 1 - SIGNIFICANT)
    return max(finest, min(coarse, Decimal(1)))


def round_price(side: Side, price: Decimal, sz_decimals: int) -> Decimal:
    """Return the valid price next to `price` that is not worse for `side`; zero where none is above zero."""
    step = price_step(price, sz_decimals)
    return floor_to(price, step) if side is Side.BUY else ceil_to(price, step)


def is_valid_price(price: Decimal, sz_decimals: int) -> bool:
    """Return whether the venue takes a price."""
    return price > 0 and price % price_step(price, sz_decimals) == 0


def lot(sz_decimals: int) -> Decimal:
    """Return the step of sizes."""
    return Decimal(1).scaleb(-sz_decimals)
