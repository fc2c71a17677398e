"""Text of others, made fit for the journal."""

from __future__ import annotations

import re
from typing import Final

_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_LONGEST_LINE: Final = 1_000


def storable(text: str) -> str:
    """Return `text` with what no storage keeps, half of a surrogate pair and the zero character, as U+FFFD.

    A text that cannot be stored or printed may not keep the journal from telling what became of an order.
    """
    if text.isascii() and "\0" not in text:
        return text  # nearly all of what is stored: rates come by the thousand
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def line(text: str) -> str:
    """Return `text` as one storable line of bounded length: a venue may answer with a page."""
    whole = " ".join(storable(text).split())
    return whole if len(whole) <= _LONGEST_LINE else f"{whole[:_LONGEST_LINE]}..."
