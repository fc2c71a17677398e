"""Prices of orders: always bounded."""

from __future__ import annotations

from decimal import Decimal

from arb.model import Instrument, OrderMode, Side

from ._band import banded_price
from ._steps import LegQuote


def order_price(instrument: Instrument, side: Side, mode: OrderMode, quote: LegQuote, band_bps: Decimal) -> Decimal:
    """Return the price of an order by its mode.

    A maker joins its own side of the book; an aggressive order meets the other side's touch. Neither
    goes beyond the band that a taker would have, and a side of the book that is empty leaves the band.
    """
    bound = banded_price(instrument, side, quote.mid_price, band_bps)
    bbo = quote.book.bbo()
    if mode is OrderMode.MARKET or bbo is None:
        return bound
    own = bbo.bid if side is Side.BUY else bbo.ask
    touch = bbo.price_to(side) if mode is OrderMode.AGGRESSIVE else own
    wanted = instrument.limit_price(side, touch)
    return min(wanted, bound) if side is Side.BUY else max(wanted, bound)
