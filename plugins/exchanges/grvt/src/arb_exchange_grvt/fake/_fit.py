"""The rules that GRVT can express for an instrument."""

from __future__ import annotations

import zlib
from dataclasses import replace
from decimal import Decimal
from typing import Final

from arb.model import Instrument, PriceBase
from arb_exchange_grvt._markets import QUOTE, required

BASE_DECIMALS: Final = 9
_PRICE_DIGITS: Final = 5
_THOUSAND: Final = Decimal(1000)
_MOST: Final = Decimal(10_000_000)
MIN_NOTIONAL: Final = Decimal(20)
_KNOWN: Final = {"BTC": "0x030501", "ETH": "0x030401"}


def fitted(instrument: Instrument, price: Decimal) -> Instrument:
    """Return the instrument with steps that are powers of ten, and one minimum for what opens and what closes.

    A market of a thousand units has a `K` before its name, and no market has another multiplier.
    """
    magnitude = price.adjusted()
    by_thousand = instrument.multiplier == _THOUSAND
    symbol = f"{'K' if by_thousand else ''}{instrument.base}_{QUOTE}_Perp"
    lot = Decimal(1).scaleb(-(magnitude + 1))
    return replace(
        instrument,
        id=required(instrument.exchange, symbol),
        symbol=symbol,
        quote=QUOTE,
        tick_size=Decimal(1).scaleb(magnitude - _PRICE_DIGITS),
        lot_size=lot,
        min_quantity=lot,
        min_notional=MIN_NOTIONAL,
        closing_min_notional=MIN_NOTIONAL,
        max_quantity=(_MOST / price).quantize(lot),
        multiplier=_THOUSAND if by_thousand else Decimal(1),
        funding_price_base=PriceBase.MARK,
    )


def venue_base(instrument: Instrument) -> str:
    """Return the venue's name of the base."""
    return instrument.symbol.partition("_")[0]


def asset_id(instrument: Instrument) -> str:
    """Return what stands for an instrument in what is signed."""
    base = venue_base(instrument)
    return _KNOWN.get(base, f"0x03{zlib.crc32(base.encode()):08x}01")
