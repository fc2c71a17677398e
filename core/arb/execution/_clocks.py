"""How far venues' clocks are trusted."""

from __future__ import annotations

from typing import Final

from arb.model import SECOND_NS

CLOCKS_NS: Final = 15 * SECOND_NS
"""By how much a venue's clock may be off ours: its entries may seem older, or younger, than they are."""
