"""What a venue that accrues funding at every moment has realised, beside what had accrued by its own history.

Such a venue books when a position changes. What it books is of all the time since the change before:
`F = -q * sum(P * R)` over the steps of its history. That is evidence only where the contracts were the
same over the whole stretch and no step of the history is missing. A step of which they were held for a
part only has accrued nobody knows when in it: it is known to the smaller of this part and the rest.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from arb.model import CHANGE_NS, ZERO, ExpectedFunding, Fill, FundingPayment, FundingRate, by_change

from ._proof import PaidSettlement


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a step, above 0 and up to 1, that lies in a stretch."""

    step: FundingRate
    part: Decimal

    @property
    def fraction(self) -> Decimal:
        """Return the fraction of notional that accrued in this part, were it even over the step."""
        return _whole(self.step) * self.part

    @property
    def doubt(self) -> Decimal:
        """Return how far the fraction may be off."""
        return abs(_whole(self.step)) * min(self.part, 1 - self.part)


def shares(steps: Iterable[FundingRate], start_ns: int, end_ns: int) -> tuple[Share, ...]:
    """Return the steps of (start, end] with their parts in it, oldest first; none unless they cover all of it.

    Args:
        steps: Settled rates without settlements, each of the period of its unit that ended at its time.
        start_ns: Begin of the stretch.
        end_ns: End of it.
    """
    found: list[Share] = []
    reached_ns = start_ns
    for step in sorted(steps, key=lambda one: one.ts_event_ns):
        if reached_ns >= end_ns:
            break
        if step.interval_ns or step.ts_event_ns <= reached_ns:
            continue
        if step.ts_event_ns - step.unit.period_ns > reached_ns:
            return ()
        until_ns = min(step.ts_event_ns, end_ns)
        found.append(Share(step, Decimal(until_ns - reached_ns) / step.unit.period_ns))
        reached_ns = until_ns
    return tuple(found) if reached_ns >= end_ns else ()


def is_covered(rates: Iterable[FundingRate], ts_ns: int) -> bool:
    """Return whether the history of funding that accrues has come as far as a time."""
    return any(rate.interval_ns == 0 and rate.ts_event_ns >= ts_ns for rate in rates)


def realisations(
    payments: Sequence[FundingPayment],
    rates: Sequence[FundingRate],
    accrued: Sequence[ExpectedFunding],
    fills: Iterable[Fill],
    *,
    amount_quantum: Decimal,
    raw_quantum: Decimal,
) -> Iterator[PaidSettlement]:
    """Yield what can be recomputed of one instrument, oldest first.

    Args:
        payments: All since the first of them: each ends the stretch of the one before.
        rates: Its settled rates.
        accrued: What we expected: it tells the contracts, and the price near each step.
        fills: All since the first payment at least; each may have realised.
        amount_quantum: Of the venue's amounts.
        raw_quantum: Of the published numbers.
    """
    changes = sorted([one.settled_ns for one in payments] + [fill.ts_event_ns for fill in fills])
    noted = sorted(accrued, key=lambda one: one.settled_ns)
    for paid in by_change(payments):
        end_ns = paid[0].settled_ns
        start_ns = max((ts_ns for ts_ns in changes if ts_ns < end_ns - CHANGE_NS), default=None)
        if start_ns is None:
            continue
        held = [one for one in noted if start_ns + CHANGE_NS < one.settled_ns <= end_ns]
        found = shares(rates, start_ns, end_ns)
        prices = _prices(found, held)
        if len({one.quantity for one in held}) != 1 or not prices:
            continue
        price = held[-1].price
        weighted = [(share, near / price) for share, near in zip(found, prices, strict=True)]
        rate = sum((share.fraction * weight for share, weight in weighted), ZERO)
        doubt = sum((share.doubt * weight for share, weight in weighted), ZERO)
        # When exactly the position changed is known to `CHANGE_NS`, at both ends.
        doubt += abs(rate) * 2 * CHANGE_NS / (end_ns - start_ns)
        yield PaidSettlement(
            instrument=paid[0].instrument,
            settled_ns=end_ns,
            amount=sum((one.amount for one in paid), ZERO),
            quantity=held[-1].quantity,
            price=price,
            rate=rate,
            amount_quantum=amount_quantum * len(paid),
            rate_quantum=doubt + sum((raw_quantum * one.step.unit.factor for one in found), ZERO),
            coarse=True,
        )


def _prices(found: Sequence[Share], held: Sequence[ExpectedFunding]) -> Sequence[Decimal]:
    """Return the price that was read nearest to the end of each step; none where one was more than a step away."""
    times = [one.settled_ns for one in held]
    prices: list[Decimal] = []
    for share in found:
        ts_ns, at = share.step.ts_event_ns, bisect_left(times, share.step.ts_event_ns)
        near = min(held[max(0, at - 1) : at + 1], key=lambda one: abs(one.settled_ns - ts_ns), default=None)
        if near is None or abs(near.settled_ns - ts_ns) > share.step.unit.period_ns:
            return ()
        prices.append(near.price)
    return prices


def _whole(step: FundingRate) -> Decimal:
    """Return the fraction of notional that accrued in a whole step."""
    return step.raw * step.unit.factor
