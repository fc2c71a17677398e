"""The bound that every order of ours has."""

from __future__ import annotations

from decimal import Decimal

from arb.model import BPS, Instrument, Side


def banded_price(instrument: Instrument, side: Side, mid: Decimal, band_bps: Decimal) -> Decimal:
    """Return the worst price a taker order on `side` may pay: `mid` moved by `band_bps`, on the tick."""
    return instrument.limit_price(side, mid * (1 + side.sign * band_bps * BPS))
