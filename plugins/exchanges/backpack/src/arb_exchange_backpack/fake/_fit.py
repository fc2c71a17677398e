"""The rules that Backpack can express for an instrument."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from arb.model import ZERO, Instrument, PriceBase
from arb_exchange_backpack._margin import MarginFunction, margin_tiers
from arb_exchange_backpack._markets import required

INITIAL: Final = MarginFunction(base=Decimal("0.02"), factor=Decimal("0.00006"))
MAINTENANCE: Final = MarginFunction(base=Decimal("0.0125"), factor=Decimal("0.000036"))
"""Those of a large market of 2025; every market of the fake has them."""

_PRICE_DIGITS: Final = 5
_THOUSAND: Final = Decimal(1000)
QUOTE: Final = "USDC"


def fitted(instrument: Instrument, price: Decimal) -> Instrument:
    """Return the instrument with steps that are powers of ten, no minimum notional, and the fake's margins.

    A market of a thousand units has a `k` before its name, and no market has another multiplier.
    """
    magnitude = price.adjusted()
    by_thousand = instrument.multiplier == _THOUSAND
    symbol = f"{'k' if by_thousand else ''}{instrument.base}_{QUOTE}_PERP"
    lot = Decimal(1).scaleb(-(magnitude + 1))
    return replace(
        instrument,
        id=required(instrument.exchange, symbol),
        symbol=symbol,
        quote=QUOTE,
        tick_size=Decimal(1).scaleb(magnitude - _PRICE_DIGITS),
        lot_size=lot,
        min_quantity=lot,
        min_notional=ZERO,
        closing_min_notional=ZERO,
        max_quantity=None,
        multiplier=_THOUSAND if by_thousand else Decimal(1),
        margin_tiers=margin_tiers(INITIAL, MAINTENANCE),
        funding_price_base=PriceBase.MARK,
    )
