"""What the price provider counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceStatistics:
    """Counts since the start.

    Attributes:
        hits: Reads answered at once from the first local cache tier.
        misses: All other reads; `hits + misses` is the number of reads.
        joined: Times that a miss waited for a fetch somebody else had begun.
        tier_hits: Misses answered by another cache tier, one for all who waited for it.
        fetches: Calls of a price source.
        errors: Of these, those that raised or were late.
        refused: Books that were crossed, empty, of another instrument or otherwise not believable.
        served: Values served; smaller than the reads by those that failed.
        age_total_ns: Sum of the ages of the values served; with `served` it gives their mean.
    """

    hits: int
    misses: int
    joined: int
    tier_hits: int
    fetches: int
    errors: int
    refused: int
    served: int
    age_total_ns: int
