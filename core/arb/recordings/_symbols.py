"""What the symbols of venues say: the contract's own name and its quote currency."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

_QUOTES: Final = ("USDT", "USDC", "USD1", "USD")
_BY_VENUE: Final = MappingProxyType({"hyperliquid": "USDC", "bitget": "USDC"})
"""Where the symbol says nothing: Hyperliquid's are coins; Bitget's PERP stands for USDC."""
_ALIASES: Final = MappingProxyType({"XBT": "BTC"})


def contract_name(venue: str, symbol: str, base: str) -> tuple[str, str] | None:
    """Return the contract, with any denomination before the asset, and its quote; None when the symbol says neither.

    `1000PEPEUSDT` of Aster is 1000PEPE in USDT, `PF_XBTUSD` of Kraken BTC in USD.
    """
    bare = symbol
    for alias, name in _ALIASES.items():
        if base == name and base not in symbol:
            bare = symbol.replace(alias, base)
    before, found, after = bare.partition(base)
    if not found or not base:
        return None
    denomination = before.rpartition("_")[2].rpartition(":")[2]
    quote = next((quote for quote in _QUOTES if quote in after), _BY_VENUE.get(venue))
    return None if quote is None else (f"{denomination}{base}", quote)
