"""A series in one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

_BARS: Final = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[Decimal], width: int = 40) -> str:
    """Return the values as bars from the smallest to the largest; of more than `width` the last of each group."""
    if not values:
        return ""
    shown = values if len(values) <= width else [values[(i + 1) * len(values) // width - 1] for i in range(width)]
    low, high = min(shown), max(shown)
    if low == high:
        return _BARS[0] * len(shown)
    steps = len(_BARS) - 1
    return "".join(_BARS[int((value - low) * steps / (high - low))] for value in shown)
