"""How many units of an asset a contract's name claims to be: a hypothesis, never a fact."""

from __future__ import annotations

import re
from decimal import Decimal
from types import MappingProxyType
from typing import Final

_WORDS: Final = MappingProxyType({"k": Decimal(1_000), "1K": Decimal(1_000), "1M": Decimal(1_000_000)})


def claimed_units(symbol: str, base: str) -> Decimal:
    """Return what stands right before the asset in a venue's symbol, as a number; 1 where nothing does.

    1000PEPEUSDT and kPEPE claim a thousand PEPE, 1MBABYDOGE a million; 2Z claims nothing about Z. Only a
    price ratio can prove a claim (:class:`AssetIdentity`): digits may as well be a part of the name.
    """
    found = re.search(rf"(?<![0-9A-Za-z])(10{{3,9}}|1[KM]|k){re.escape(base)}", symbol)
    if found is None:
        return Decimal(1)
    claim = found.group(1)
    return _WORDS[claim] if claim in _WORDS else Decimal(claim)
