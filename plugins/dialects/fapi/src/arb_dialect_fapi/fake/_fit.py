"""The rules that the dialect can express for an instrument."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from arb.model import ZERO, Instrument, PriceBase
from arb_dialect_fapi._symbols import required

_LARGEST: Final = 1_000_000
"""Lots in one order."""


def fitted(instrument: Instrument, price: Decimal) -> Instrument:
    """Return the instrument under its symbol, with whole leverages, the largest order, and closes of any size.

    A contract of a thousand or more units has the number before its name.
    """
    multiplier = instrument.multiplier
    prefix = f"{multiplier:f}" if multiplier >= 1000 else ""
    symbol = f"{prefix}{instrument.base}{instrument.quote}"
    tiers = tuple(
        replace(tier, max_leverage=max(Decimal(1), tier.max_leverage.to_integral_value(ROUND_FLOOR)))
        for tier in instrument.margin_tiers
    )
    return replace(
        instrument,
        id=required(instrument.exchange, symbol, (instrument.quote,)),
        symbol=symbol,
        min_quantity=max(instrument.min_quantity, instrument.lot_size),
        closing_min_notional=ZERO,
        max_quantity=instrument.lot_size * _LARGEST,
        multiplier=multiplier if prefix else Decimal(1),
        margin_tiers=tiers,
        funding_price_base=PriceBase.MARK,
        asset_class="crypto",
    )
