"""Fields as EdgeX alone writes them: two spellings, hexadecimal numbers, and more decimals than a number has."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from arb.net import Row, text

_TOO_LONG: Final = re.compile(r"(-?[0-9]+\.[0-9]{30})[0-9]+")
_SCIENTIFIC: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?[eE]-?[0-9]{1,2}")


def shortened(row: Row) -> Row:
    """Return an object whose numbers end with the thirtieth decimal.

    What the venue computes from its oracle has up to 62 (`riskValue`), which is more than can be computed with.
    """
    return {name: _cut(value) for name, value in row.items()}


def either(row: Row, name: str, other: str) -> Any:
    """Return a field that the venue's documents and its Go client spell differently; raises KeyError."""
    return row[name] if name in row else row[other]


def resolution(value: Any) -> int:
    """Return how many units one of a thing has on the chain: decimal or hexadecimal text; raises ValueError."""
    written = text(value).strip()
    found = int(written, 16) if written[:2].lower() == "0x" else int(Decimal(written))
    if found <= 0:
        raise ValueError(f"a resolution of {value!r}")
    return found


def _cut(value: Any) -> Any:
    written = value
    if isinstance(value, Decimal) or (isinstance(value, str) and _SCIENTIFIC.fullmatch(value)):
        written = f"{Decimal(value):f}"
    long = _TOO_LONG.fullmatch(written) if isinstance(written, str) else None
    return long[1] if long else value
