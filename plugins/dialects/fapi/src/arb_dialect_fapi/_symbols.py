"""Symbols, the names of their instruments, and how much of an asset a contract is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from arb.model import InstrumentId, instrument_id

_THOUSANDS: Final = re.compile(r"(1000+)([A-Z].*)")
_MILLION: Final = re.compile(r"1M([A-Z].*)")
"""`1MBABYDOGE` is a million. `1INCH`, `0G`, `4USDT` and `2Z` are names that begin with a digit."""

_TERM: Final = "_"
"""Before the day on which a contract ends: `BTCUSDT_261225`."""


def asset_of(base: str) -> tuple[str, Decimal]:
    """Return the asset behind the venue's base asset, and how many of it one contract holds."""
    if (thousands := _THOUSANDS.fullmatch(base)) is not None:
        return thousands[2], Decimal(thousands[1])
    if (million := _MILLION.fullmatch(base)) is not None:
        return million[1], Decimal(1_000_000)
    return base, Decimal(1)


def perpetual(exchange: str, symbol: Any, quotes: Iterable[str]) -> InstrumentId | None:
    """Return our id of a perpetual future by its symbol, listed or not any more; None for what is none.

    The first of the quotes is not part of the name: `BTCUSDT` is `BTC-PERP`, `BTCUSDC` is `BTC-USDC-PERP`.
    """
    if not isinstance(symbol, str) or _TERM in symbol:
        return None
    for place, quote in enumerate(quotes):
        base = symbol.removesuffix(quote)
        if base and base != symbol:
            return instrument_id(f"{base}-PERP" if not place else f"{base}-{quote}-PERP", exchange)
    return None


def required(exchange: str, symbol: Any, quotes: Iterable[str]) -> InstrumentId:
    """Return our id of a perpetual future; raises ValueError for what is none."""
    found = perpetual(exchange, symbol, quotes)
    if found is None:
        raise ValueError(f"{symbol!r} is no perpetual future")
    return found
