"""Numbers as the venue's signatures have them."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

_MOST_DECIMALS: Final = 8


def to_wire(number: Decimal) -> str:
    """Return a number as it is signed: plain digits without trailing zeros (SDK, float_to_wire).

    Raises:
        ValueError: it needs more than eight decimals.
    """
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if len(text.partition(".")[2]) > _MOST_DECIMALS:
        raise ValueError(f"{number} has more than {_MOST_DECIMALS} decimals")
    return "0" if text == "-0" else text
