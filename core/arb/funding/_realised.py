"""What a venue that accrues funding at every moment has realised, beside what had accrued by its own history.

Such a venue books when a position changes. What it books is of all the time since it booked last, or since
there was a position at all: `F = -q * sum(P * R)` over the steps of its history. That is evidence only where
the contracts were the same over the whole stretch and no step of the history is missing. A step of which
they were held for a part only has accrued nobody knows when in it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

from arb.model import CHANGE_NS, ZERO, Fill, FundingPayment, FundingRate

from ._proof import LATEST, PaidSettlement

Prices = Sequence[tuple[int, Decimal]]
"""When a price was read, and the price: oldest first."""


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a step, above 0 and up to 1, that lies in a stretch.

    Attributes:
        most: The largest amount, without its sign, that this step or one beside it accrued, for as long as this one.
    """

    step: FundingRate
    part: Decimal
    most: Decimal

    @property
    def fraction(self) -> Decimal:
        """Return the fraction of notional that accrued in this part, were it even over the step."""
        return self.step.raw * self.step.unit.factor * self.part

    @property
    def doubt(self) -> Decimal:
        """Return how far the fraction may be off: a step whose sign turned has moved more than is left of it."""
        return self.most * min(self.part, 1 - self.part)


def shares(steps: Iterable[FundingRate], start_ns: int, end_ns: int) -> tuple[Share, ...]:
    """Return the steps of (start, end] with their parts in it, oldest first; none unless they cover all of it.

    Args:
        steps: Settled rates; those without settlements count, each of the period of its unit that ended at its time.
        start_ns: Begin of the stretch.
        end_ns: End of it.
    """
    accruing = sorted((one for one in steps if not one.interval_ns), key=lambda one: one.ts_event_ns)
    found: list[Share] = []
    reached_ns = start_ns
    for at, step in enumerate(accruing):
        if reached_ns >= end_ns:
            break
        if step.ts_event_ns <= reached_ns:
            continue
        period_ns = step.unit.period_ns
        if step.ts_event_ns - period_ns > reached_ns:
            return ()
        until_ns = min(step.ts_event_ns, end_ns)
        beside = accruing[max(0, at - 1) : at + 2]
        most = max(abs(one.raw * one.unit.factor) * period_ns / one.unit.period_ns for one in beside)
        found.append(Share(step, Decimal(until_ns - reached_ns) / period_ns, most))
        reached_ns = until_ns
    return tuple(found) if reached_ns >= end_ns else ()


def is_covered(rates: Iterable[FundingRate], ts_ns: int) -> bool:
    """Return whether the history of funding that accrues has come as far as a time."""
    return any(rate.interval_ns == 0 and rate.ts_event_ns >= ts_ns for rate in rates)


@dataclass(slots=True)
class _Change:
    """What happened to a position within `CHANGE_NS`: fills, payments, or both.

    Attributes:
        held: Signed contracts before it.
    """

    first_ns: int
    held: Decimal
    last_ns: int = 0
    payments: list[FundingPayment] = field(default_factory=list)

    @property
    def begins(self) -> bool:
        """Whether nothing that accrued before is left after it.

        A fill is no proof of that: a venue may book nothing when a position grows.
        """
        return bool(self.payments) or not self.held


def _changes(payments: Iterable[FundingPayment], fills: Iterable[Fill]) -> list[_Change]:
    happened = [(one.ts_event_ns, one.quantity * one.side.sign, None) for one in fills]
    booked = [(one.settled_ns, ZERO, one) for one in payments]
    found: list[_Change] = []
    held = ZERO
    for ts_ns, quantity, payment in sorted([*happened, *booked], key=lambda one: one[0]):
        if not found or ts_ns - found[-1].first_ns > CHANGE_NS:
            found.append(_Change(ts_ns, held))
        found[-1].last_ns = ts_ns
        held += quantity
        if payment is not None:
            found[-1].payments.append(payment)
    return found


def needed_since_ns(payments: Iterable[FundingPayment], fills: Iterable[Fill]) -> int | None:
    """Return since when rates and prices are needed to judge what was realised last; None where nothing was.

    Args:
        payments: Of one instrument.
        fills: Of the same.
    """
    changes = _changes(payments, fills)
    realised = [number for number, one in enumerate(changes) if one.payments][-LATEST:]
    return changes[max(0, realised[0] - 1)].first_ns if realised else None


def realisations(
    payments: Iterable[FundingPayment],
    rates: Sequence[FundingRate],
    prices: Prices,
    fills: Iterable[Fill],
    *,
    amount_quantum: Decimal,
    raw_quantum: Decimal,
) -> Iterator[PaidSettlement]:
    """Yield what can be recomputed of one instrument, oldest first.

    Args:
        payments: All since the first of them: each ends the stretch of the one before.
        rates: Its settled rates.
        prices: Of the venue's price base.
        fills: All that there ever were: they tell the contracts.
        amount_quantum: Of the venue's amounts.
        raw_quantum: Of the published numbers.
    """
    for before, after in pairwise(_changes(payments, fills)):
        start_ns, end_ns = before.last_ns, after.first_ns
        if not (before.begins and after.payments and after.held and start_ns < end_ns):
            continue
        found = shares(rates, start_ns, end_ns)
        near = _near(found, prices)
        if not near:
            continue
        weighted = [(share, price / near[-1]) for share, price in zip(found, near, strict=True)]
        rate = sum((share.fraction * weight for share, weight in weighted), ZERO)
        doubt = sum((share.doubt * weight for share, weight in weighted), ZERO)
        # When exactly the position changed is known to `CHANGE_NS`, at both ends.
        doubt += abs(rate) * 2 * CHANGE_NS / (end_ns - start_ns)
        yield PaidSettlement(
            instrument=after.payments[0].instrument,
            settled_ns=after.payments[0].settled_ns,
            amount=sum((one.amount for one in after.payments), ZERO),
            quantity=after.held,
            price=near[-1],
            rate=rate,
            amount_quantum=amount_quantum * len(after.payments),
            rate_quantum=doubt + sum((raw_quantum * one.step.unit.factor for one in found), ZERO),
            coarse=True,
            accrued=True,
        )


def _near(found: Sequence[Share], prices: Prices) -> Sequence[Decimal]:
    """Return the price that was read nearest to the end of each step; none where one was more than a step away."""
    times = [ts_ns for ts_ns, _ in prices]
    near: list[Decimal] = []
    for share in found:
        ts_ns = share.step.ts_event_ns
        at = bisect_left(times, ts_ns)
        best = min(prices[max(0, at - 1) : at + 1], key=lambda one: abs(one[0] - ts_ns), default=None)
        if best is None or abs(best[0] - ts_ns) > share.step.unit.period_ns:
            return ()
        near.append(best[1])
    return near
