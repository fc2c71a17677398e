"""Whether a venue's rates mean what we take them for: proved from what was paid (handbook C1 rule 1).

At a settlement a position of `q` signed contracts receives `F = -q * P * R` (handbook C2). So the paid
fraction is `-F / (q * P)`, and its ratio to the published one is 1 where unit, period and sign are
understood. Venues round what they publish and what they pay: a payment of 0.01 known to half a cent
proves nothing, so each ratio is known within bounds, and only one with narrow bounds counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from statistics import median
from typing import Final

from arb.model import InstrumentId

MIN_SETTLEMENTS: Final = 3
"""Payments that must be able to tell before anything is called proved or wrong."""
TOLERANCE: Final = Decimal("0.01")
"""Largest deviation of the ratio from 1 where the venue names the price it used."""
COARSE_TOLERANCE: Final = Decimal("0.05")
"""The same where the price is the one we read nearest to the settlement."""
_MOST_DOUBT: Final = Decimal("0.2")
"""A ratio whose bounds are farther apart than this, as a share of it, cannot tell."""
_AGREEMENT: Final = Decimal("0.75")
_SEEN: Final = Decimal("0.0005")
"""A median deviation beyond this, below the tolerance, may be the price of another base."""

_CAUSES: Final = (
    (Decimal(-1), "the sign is turned: shorts pay where longs should"),
    (Decimal("0.01"), "a number in percent is taken for a fraction"),
    (Decimal(100), "a fraction is taken for a number in percent"),
    (Decimal(8), "a rate of one hour is paid as one of eight: the period is 8 h"),
    (Decimal("0.125"), "a rate of eight hours is taken for one of an hour"),
    (Decimal("0.08"), "a number in percent an hour is taken for a fraction of eight hours"),
    (Decimal("12.5"), "a fraction of eight hours is taken for percent an hour"),
    (Decimal(4), "a rate of one hour is paid as one of four: the period is 4 h"),
    (Decimal("0.25"), "a rate of four hours is taken for one of an hour"),
    (Decimal(24), "a rate of one hour is paid as one of a day"),
    (Decimal(1) / 24, "a rate of a day is taken for one of an hour"),
    (Decimal(1_000), "the contracts are a thousand of the asset"),
    (Decimal("0.001"), "a contract is a thousandth of what it is taken for"),
    (Decimal("0.0001"), "basis points are taken for a fraction"),
)
"""What a ratio of paid to published tells, where it is near one of these."""


class Verdict(StrEnum):
    """What a venue's settlements say of its rates."""

    PROVED = "proved"
    MISMATCH = "mismatch"
    UNPROVED = "unproved"
    """Too few payments, or too small ones, or they contradict each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidSettlement:
    """One settlement with all that its rate can be recomputed from.

    Attributes:
        amount: Received; paid is negative.
        quantity: Signed contracts held.
        price: Quote currency per contract.
        rate: Published fraction of notional of this settlement; positive means longs pay.
        amount_quantum: The last unit of the amount.
        rate_quantum: The last unit in which the rate was published, as a fraction of notional.
        coarse: The price is not the venue's own.
    """

    instrument: InstrumentId
    settled_ns: int
    amount: Decimal
    quantity: Decimal
    price: Decimal
    rate: Decimal
    amount_quantum: Decimal
    rate_quantum: Decimal
    coarse: bool = False

    @property
    def tolerance(self) -> Decimal:
        """Return how far its ratio may be from 1."""
        return COARSE_TOLERANCE if self.coarse else TOLERANCE

    def bounds(self) -> tuple[Decimal, Decimal] | None:
        """Return the least and the largest ratio of paid to published; None when it cannot tell."""
        notional = self.quantity * self.price
        half_rate = self.rate_quantum / 2
        if not notional or abs(self.rate) <= half_rate:
            return None
        paid = (-self.amount / notional, self.amount_quantum / abs(notional) / 2)
        corners = [(paid[0] + one * paid[1]) / (self.rate + other * half_rate) for one in (-1, 1) for other in (-1, 1)]
        low, high = min(corners), max(corners)
        middle = abs(paid[0] / self.rate)
        return (low, high) if high - low <= _MOST_DOUBT * middle else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the settlements of one venue, or of one instrument, prove.

    Attributes:
        settlements: Looked at.
        telling: Of these, those large enough to tell.
        ratio: Median of paid over published; None when none tells.
        worst: Largest distance of a single ratio from 1, beyond what rounding explains.
        coarse: Some price is not the venue's own, so only a wrong unit is seen, and no wrong price.
        cause: For people; empty where there is nothing to explain.
    """

    verdict: Verdict
    settlements: int
    telling: int
    ratio: Decimal | None
    worst: Decimal | None
    coarse: bool
    cause: str


def prove(settlements: Sequence[PaidSettlement]) -> Proof:
    """Return what the settlements prove; one that is wrong among many that are right is told and no mismatch."""
    bounds = [(one, found) for one in settlements if (found := one.bounds()) is not None]
    if not bounds:
        return Proof(
            verdict=Verdict.UNPROVED,
            settlements=len(settlements),
            telling=0,
            ratio=None,
            worst=None,
            coarse=False,
            cause="no payment yet" if not settlements else "every payment is too small for its rounding",
        )
    misses = [_miss(found) for _, found in bounds]
    agreeing = sum(miss <= one.tolerance for (one, _), miss in zip(bounds, misses, strict=True))
    ratio = median([(low + high) / 2 for _, (low, high) in bounds])
    coarse = any(one.coarse for one, _ in bounds)
    verdict = _verdict(agreeing, len(bounds))
    return Proof(
        verdict=verdict,
        settlements=len(settlements),
        telling=len(bounds),
        ratio=ratio,
        worst=max(misses),
        coarse=coarse,
        cause=_cause(verdict, ratio, agreeing, len(bounds), coarse=coarse),
    )


def named_cause(ratio: Decimal, tolerance: Decimal) -> str:
    """Return the usual error that makes paid over published so large; empty when none does."""
    for factor, text in _CAUSES:
        if abs(ratio / factor - 1) <= tolerance:
            return text
    return ""


def _miss(bounds: tuple[Decimal, Decimal]) -> Decimal:
    """Return how far 1 lies outside of the bounds."""
    low, high = bounds
    return max(low - 1, 1 - high, Decimal(0))


def _verdict(agreeing: int, telling: int) -> Verdict:
    if telling < MIN_SETTLEMENTS:
        return Verdict.UNPROVED
    if agreeing >= _AGREEMENT * telling:
        return Verdict.PROVED
    return Verdict.MISMATCH if telling - agreeing >= _AGREEMENT * telling else Verdict.UNPROVED


def _cause(verdict: Verdict, ratio: Decimal, agreeing: int, telling: int, *, coarse: bool) -> str:
    tolerance = COARSE_TOLERANCE if coarse else 3 * TOLERANCE
    if verdict is Verdict.MISMATCH:
        near_one = abs(ratio - 1) <= Decimal("0.1")
        other = "the price is not the one the venue multiplies with" if near_one else "no usual error explains it"
        return named_cause(ratio, tolerance) or other
    if telling < MIN_SETTLEMENTS:
        suspected = named_cause(ratio, tolerance)
        return f"only {telling} of {MIN_SETTLEMENTS} payments" + (f"; suspected: {suspected}" if suspected else "")
    if verdict is Verdict.UNPROVED:
        return f"the payments contradict each other: {agreeing} of {telling} agree"
    if agreeing < telling:
        return f"{telling - agreeing} of {telling} payments do not fit"
    return "the price may be of another base" if not coarse and abs(ratio - 1) > _SEEN else ""
