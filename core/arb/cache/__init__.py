"""The cache of prices: an ordered chain of tiers, none of which can fail a read."""

from ._bounded import (
    within,
)
from ._chain import (
    Found,
    TierChain,
    TierCounts,
    Verdict,
)

__all__ = [
    "Found",
    "TierChain",
    "TierCounts",
    "Verdict",
    "within",
]
