"""Whether a venue's rates mean what we take them for: proved from what was paid (handbook C1 rule 1).

At a settlement a position of `q` signed contracts receives `F = -q * P * R` (handbook C2). So the paid
fraction is `-F / (q * P)`, and its ratio to the published one is 1 where unit, period and sign are
understood. Venues round what they publish and what they pay, and some cut it: a number is known to its
last unit. A payment of 0.01 in cents proves nothing, so each ratio is known within bounds. One with
narrow bounds can prove; one with wide bounds can only contradict, when 1 lies outside of them.
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
LATEST: Final = 12
"""Settlements of an instrument that count: a venue whose plugin was mended is judged by what came since."""
TOLERANCE: Final = Decimal("0.01")
"""Largest deviation of the ratio from 1 where the venue names the price it used."""
COARSE_TOLERANCE: Final = Decimal("0.05")
"""The same where the price is the one we read nearest to the settlement."""
_MOST_DOUBT: Final = Decimal("0.2")
"""A ratio whose bounds are farther apart than this, as a share of it, cannot prove."""
_MOST_DOUBT_ACCRUED: Final = Decimal("0.5")
"""The same where funding accrues: no usual error is nearer to 1 than that."""
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
    """Too few payments, too small ones, they contradict each other, or our own numbers may be what is wrong."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The ratio of paid to published as written, and the least and the largest that fit what was rounded."""

    low: Decimal
    ratio: Decimal
    high: Decimal
    most_doubt: Decimal = _MOST_DOUBT

    @property
    def is_narrow(self) -> bool:
        """Whether the ratio is known well enough to prove a unit."""
        return self.high - self.low <= self.most_doubt * abs(self.ratio)

    def miss(self, ratio: Decimal = Decimal(1)) -> Decimal:
        """Return how far a ratio lies outside, as a share of it."""
        return max(self.low - ratio, ratio - self.high, Decimal(0)) / abs(ratio)


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
        coarse: The quantity or the price is not the venue's own.
        accrued: Of funding that accrues: bounds that are wide are no rounding and contradict nothing.
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
    accrued: bool = False

    @property
    def tolerance(self) -> Decimal:
        """Return how far its ratio may be from 1."""
        return COARSE_TOLERANCE if self.coarse else TOLERANCE

    def bounds(self) -> Bounds | None:
        """Return between which ratios of paid to published the true one lies; None when nothing bounds it."""
        notional = self.quantity * self.price
        if not notional or abs(self.rate) <= self.rate_quantum:
            return None
        paid, doubt = -self.amount / notional, self.amount_quantum / abs(notional)
        corners = [
            (paid + one * doubt) / (self.rate + other * self.rate_quantum) for one in (-1, 1) for other in (-1, 1)
        ]
        most_doubt = _MOST_DOUBT_ACCRUED if self.accrued else _MOST_DOUBT
        return Bounds(min(corners), paid / self.rate, max(corners), most_doubt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the settlements of one venue, or of one instrument, prove.

    Attributes:
        settlements: Looked at.
        telling: Of these, those that prove or contradict.
        ratio: Median of paid over published of the telling; None when there is none.
        worst: Largest distance of a single ratio from 1, beyond what rounding explains.
        coarse: Some quantity or price is not the venue's own, so only a wrong unit is seen, and no wrong price.
        cause: For people; empty where there is nothing to explain.
    """

    verdict: Verdict
    settlements: int
    telling: int
    ratio: Decimal | None
    worst: Decimal | None
    coarse: bool
    cause: str


def prove(settlements: Sequence[PaidSettlement], *, called: str = "payments") -> Proof:
    """Return what the settlements prove; one that is wrong among many that are right is told and no mismatch.

    Args:
        settlements: To be looked at.
        called: What they are to people.
    """
    bounded = [
        (one, bounds)
        for one in settlements
        if (bounds := one.bounds()) is not None and (bounds.is_narrow or not one.accrued)
    ]
    wrong = [bounds for one, bounds in bounded if bounds.miss() > one.tolerance]
    right = [bounds for one, bounds in bounded if bounds.is_narrow and bounds.miss() <= one.tolerance]
    telling = [*right, *wrong]
    verdict = _verdict(len(right), len(wrong), len(bounded))
    coarse = any(one.coarse for one, _ in bounded)
    cause = _cause(verdict, right, wrong, settlements, coarse=coarse, called=called)
    if verdict is Verdict.MISMATCH and coarse and not _usual_error(wrong):
        verdict = Verdict.UNPROVED
    return Proof(
        verdict=verdict,
        settlements=len(settlements),
        telling=len(telling),
        ratio=median(bounds.ratio for bounds in telling) if telling else None,
        worst=max(bounds.miss() for bounds in telling) if telling else None,
        coarse=coarse,
        cause=cause,
    )


def _verdict(right: int, wrong: int, bounded: int) -> Verdict:
    """Return the verdict; payments too small to prove speak against a mismatch where they are compatible with 1."""
    if right >= MIN_SETTLEMENTS and right >= _AGREEMENT * (right + wrong):
        return Verdict.PROVED
    if wrong >= MIN_SETTLEMENTS and wrong >= _AGREEMENT * bounded:
        return Verdict.MISMATCH
    return Verdict.UNPROVED


def _usual_error(wrong: Sequence[Bounds]) -> str:
    """Return the usual error, or errors, that make paid over published what it is; empty when none does."""
    if not wrong:
        return ""
    # The median of each: one payment that is wrong in another way hides nothing.
    usual = Bounds(
        median(bounds.low for bounds in wrong),
        median(bounds.ratio for bounds in wrong),
        median(bounds.high for bounds in wrong),
    )
    if usual.low <= 0 <= usual.high:
        return ""
    return ", or ".join(text for factor, text in _CAUSES if usual.miss(factor) <= COARSE_TOLERANCE)


def _cause(
    verdict: Verdict,
    right: Sequence[Bounds],
    wrong: Sequence[Bounds],
    settlements: Sequence[PaidSettlement],
    *,
    coarse: bool,
    called: str,
) -> str:
    if not settlements:
        return "no payment yet"
    usual, telling = _usual_error(wrong), len(right) + len(wrong)
    if verdict is Verdict.MISMATCH:
        return usual or _unusual(wrong, coarse=coarse)
    if verdict is Verdict.PROVED:
        if wrong:
            return f"{len(wrong)} of {telling} {called} do not fit"
        return "the price may be of another base" if not coarse and median(one.miss() for one in right) > _SEEN else ""
    if not telling:
        return "every payment is too small for its rounding"
    if telling < MIN_SETTLEMENTS:
        return f"only {telling} of {MIN_SETTLEMENTS} {called}" + (f"; suspected: {usual}" if usual else "")
    return f"the {called} contradict each other: {len(right)} of {telling} fit"


def _unusual(wrong: Sequence[Bounds], *, coarse: bool) -> str:
    if coarse:
        return "it does not fit, and no usual error explains it: the quantity or the price we took may be wrong"
    near_one = abs(median(bounds.ratio for bounds in wrong) - 1) <= Decimal("0.1")
    return "the price is not the one the venue multiplies with" if near_one else "no usual error explains it"
