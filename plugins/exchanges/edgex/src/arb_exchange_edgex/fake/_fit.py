"""The rules that EdgeX can express for an instrument."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from arb.model import ZERO, Instrument, PriceBase
from arb_exchange_edgex._markets import our_id

QUOTE: Final = "USDC"
_PRICE_DIGITS: Final = 5
_MOST_LOTS: Final = Decimal(10) ** 8
_THOUSAND: Final = Decimal(1000)


def fitted(instrument: Instrument, price: Decimal) -> Instrument:
    """Return the instrument with steps that are powers of ten, a minimum and a maximum in contracts, and no notional.

    A contract of a thousand units has 1000 before its name, and no contract has another multiplier. Funding is paid
    on the oracle price, which is the mark price.
    """
    magnitude = price.adjusted()
    by_thousand = instrument.multiplier == _THOUSAND
    coin = f"{'1000' if by_thousand else ''}{instrument.base}"
    lot = Decimal(1).scaleb(-(magnitude + 1))
    return replace(
        instrument,
        id=our_id(instrument.exchange, coin, QUOTE),
        symbol=f"{coin}{QUOTE}",
        quote=QUOTE,
        tick_size=Decimal(1).scaleb(magnitude - _PRICE_DIGITS),
        lot_size=lot,
        min_quantity=lot,
        min_notional=ZERO,
        closing_min_notional=ZERO,
        max_quantity=lot * _MOST_LOTS,
        multiplier=_THOUSAND if by_thousand else Decimal(1),
        funding_price_base=PriceBase.MARK,
    )
