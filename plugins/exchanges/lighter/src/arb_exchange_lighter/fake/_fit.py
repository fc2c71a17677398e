"""Instruments as Lighter can list them."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from arb.model import HOUR_NS, FeeSchedule, Instrument, MarginTier, PriceBase, instrument_id

from ._rows import symbol_of

_QUOTE_DECIMALS: Final = 6
"""Decimals of price and size together: so many has USDC."""

_DIGITS: Final = 6
_FEE_STEP: Final = Decimal("0.000001")
_MARGIN_STEP: Final = Decimal("0.0001")
_LEAST_NOTIONAL: Final = Decimal(10)


def fitted(instrument: Instrument, price: Decimal) -> Instrument:
    """Return an instrument with steps that are powers of ten, one tier of margin, and hourly funding.

    A market of a thousand units is named `1000PEPE`.
    """
    symbol = symbol_of(instrument)
    decimals = min(max(_DIGITS - 1 - price.adjusted(), 0), _QUOTE_DECIMALS)
    tick, lot = Decimal(1).scaleb(-decimals), Decimal(1).scaleb(decimals - _QUOTE_DECIMALS)
    tier = instrument.margin_tiers[0]
    fraction = (1 / tier.max_leverage).quantize(_MARGIN_STEP, ROUND_CEILING)
    fitting = MarginTier(
        max_notional=None,
        maintenance_rate=min(tier.maintenance_rate, fraction).quantize(_MARGIN_STEP, ROUND_FLOOR),
        max_leverage=1 / fraction,
    )
    return replace(
        instrument,
        id=instrument_id(f"{symbol}-PERP", instrument.exchange),
        symbol=symbol,
        tick_size=tick,
        lot_size=lot,
        min_quantity=lot,
        min_notional=_LEAST_NOTIONAL,
        closing_min_notional=_LEAST_NOTIONAL,
        max_quantity=((1 << 48) - 1) * lot,
        margin_tiers=(fitting,),
        fees=FeeSchedule(
            maker=max(instrument.fees.maker, Decimal(0)).quantize(_FEE_STEP),
            taker=max(instrument.fees.taker, Decimal(0)).quantize(_FEE_STEP),
        ),
        funding_interval_ns=HOUR_NS,
        funding_price_base=PriceBase.INDEX,
    )
