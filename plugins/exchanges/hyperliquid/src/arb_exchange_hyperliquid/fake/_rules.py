"""The venue's rules, as the fake holds clients to them; nothing here is shared with the adapter."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

WEIGHT_A_MINUTE: Final = 1_200
MIN_VALUE: Final = Decimal(10)
_SIGNIFICANT: Final = 5
_DECIMALS: Final = 6
_LIGHT: Final = (
    "l2Book",
    "allMids",
    "clearinghouseState",
    "orderStatus",
    "spotClearinghouseState",
    "exchangeStatus",
)
_ROWS_PER_WEIGHT: Final[Mapping[str, int]] = {
    "userFills": 20,
    "userFillsByTime": 20,
    "fundingHistory": 20,
    "userFunding": 20,
    "historicalOrders": 20,
    "recentTrades": 20,
    "candleSnapshot": 60,
}


def takes_price(price: Decimal, sz_decimals: int) -> bool:
    """Whether a price has a form that the venue takes: an integer, or few enough figures and decimals."""
    _, digits, exponent = price.normalize().as_tuple()
    if not isinstance(exponent, int) or price <= 0:
        return False
    decimals = max(0, -exponent)
    return not decimals or (len(digits) <= _SIGNIFICANT and decimals <= _DECIMALS - sz_decimals)


def tick_near(price: Decimal, sz_decimals: int) -> Decimal:
    """Return the smallest power of ten by which a price of that size may move."""
    tick = Decimal(1)
    while takes_price(_with_last_digit(price, tick / 10), sz_decimals):
        tick /= 10
    return tick


def _with_last_digit(price: Decimal, tick: Decimal) -> Decimal:
    """Return a price of the same size whose last digit stands at `tick`."""
    whole = price // tick * tick
    return whole if (whole / tick) % 10 else whole + tick


def info_weight(kind: Any) -> int:
    """Return what a read weighs before its rows are counted."""
    if kind in _LIGHT:
        return 2
    return 60 if kind == "userRole" else 20


def rows_weight(kind: Any, answer: Any) -> int:
    """Return what the rows of an answer weigh."""
    per_weight = _ROWS_PER_WEIGHT.get(kind)
    return len(answer) // per_weight if per_weight and isinstance(answer, list) else 0


def action_weight(count: int) -> int:
    """Return what an action with so many orders or cancels weighs."""
    return 1 + count // 40
