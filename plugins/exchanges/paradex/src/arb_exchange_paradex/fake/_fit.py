"""The rules that Paradex can express for an instrument."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from arb.model import ZERO, Instrument, PriceBase, floor_to
from arb_exchange_paradex._markets import margin_tier, required

QUOTE: Final = "USDC"
MARGIN: Final = {"imf_base": "0.02", "imf_shift": "0", "imf_factor": "0", "mmf_factor": "0.5"}
"""Those of a large market of 2025; every market of the fake has them."""

_PRICE_DIGITS: Final = 5
_THOUSAND: Final = Decimal(1000)
_QUANTUM: Final = Decimal("0.00000001")
_LARGEST: Final = Decimal(100_000_000)


def fitted(instrument: Instrument, price: Decimal) -> Instrument:
    """Return the instrument with steps that are powers of ten, funding that accrues, and the fake's margins.

    A market of a thousand units has a `k` before its name, and no market has another multiplier.
    """
    magnitude = price.adjusted()
    by_thousand = instrument.multiplier == _THOUSAND
    symbol = f"{'k' if by_thousand else ''}{instrument.base}-USD-PERP"
    lot = max(Decimal(1).scaleb(-(magnitude + 1)), _QUANTUM)
    return replace(
        instrument,
        id=required(instrument.exchange, symbol),
        symbol=symbol,
        quote=QUOTE,
        tick_size=max(Decimal(1).scaleb(magnitude - _PRICE_DIGITS), _QUANTUM),
        lot_size=lot,
        min_quantity=lot,
        min_notional=instrument.min_notional,
        closing_min_notional=ZERO,
        max_quantity=floor_to(_LARGEST / price, lot),
        multiplier=_THOUSAND if by_thousand else Decimal(1),
        margin_tiers=(margin_tier(MARGIN, instrument.fees),),
        funding_interval_ns=0,
        funding_price_base=PriceBase.INDEX,
    )
