"""Funding that was due beside funding that was booked, settlement by settlement."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from arb.model import ZERO, ExpectedFunding, FundingPayment, InstrumentId

from ._account_types import exact_sums
from ._expected import match_tolerance_ns

_PATIENCE: Final = 2


_DIFFERENCE: Final = (Decimal("0.2"), Decimal("0.02"))


def differs(expected: Decimal, paid: Decimal) -> bool:
    """Return whether a payment is not about what was due.

    The price we know is not the one the venue used, and a settlement may have been paid in parts; a
    payment of nothing, of double, or of the other sign is neither.
    """
    share, least = _DIFFERENCE
    with exact_sums():
        return abs(paid - expected) > max(abs(expected) * share, least)


class FundingState(StrEnum):
    """How a settlement stands."""

    PAID = "paid"
    """The venue booked about what was due."""
    DIFFERS = "differs"
    """The venue booked something else: beyond a fifth of what was due, and two cents."""
    DUE = "due"
    """Not booked yet, and less than two intervals old."""
    OVERDUE = "overdue"
    """Not booked two intervals later."""
    NOT_EXPECTED = "not_expected"
    """Booked, but we could not say what was due: no settled rate, no price near it, or a fill too near."""
    ACCRUED = "accrued"
    """Of an instrument whose funding accrues at every moment: all that accrued beside all that was realised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledFunding:
    """One settlement of one instrument; of a continuous one all of them together.

    Attributes:
        expected: What was due; None when nobody could say.
        paid: What the venue booked; None while it booked nothing.
    """

    instrument: InstrumentId
    settled_ns: int
    rate: Decimal | None
    quantity: Decimal | None
    price: Decimal | None
    expected: Decimal | None
    paid: Decimal | None
    currency: str
    state: FundingState

    @property
    def difference(self) -> Decimal | None:
        """Return what was paid beyond what was due; None where one of them is not known."""
        if self.expected is None or self.paid is None:
            return None
        with exact_sums():
            return self.paid - self.expected


def settled_funding(
    due: Sequence[ExpectedFunding], payments: Sequence[FundingPayment], now_ns: int
) -> tuple[SettledFunding, ...]:
    """Join both by instrument and time, oldest first. A payment counts for one settlement only."""
    of_due: defaultdict[InstrumentId, list[ExpectedFunding]] = defaultdict(list)
    of_paid: defaultdict[InstrumentId, list[FundingPayment]] = defaultdict(list)
    for one in due:
        of_due[one.instrument].append(one)
    for payment in payments:
        of_paid[payment.instrument].append(payment)
    rows: list[SettledFunding] = []
    for instrument in sorted(of_due.keys() | of_paid.keys()):
        owed, booked = of_due[instrument], of_paid[instrument]
        if any(one.interval_ns == 0 for one in owed):
            rows.append(_accrued(owed, booked))
        else:
            rows += _joined(owed, booked, now_ns)
    return tuple(sorted(rows, key=lambda row: (row.settled_ns, row.instrument)))


def _joined(due: list[ExpectedFunding], payments: list[FundingPayment], now_ns: int) -> Iterator[SettledFunding]:
    payments.sort(key=lambda one: one.settled_ns)
    times = [one.settled_ns for one in payments]
    taken: set[int] = set()
    for one in due:
        tolerance = match_tolerance_ns(one.interval_ns)
        first, last = bisect_left(times, one.settled_ns - tolerance), bisect_right(times, one.settled_ns + tolerance)
        found = [
            index for index in range(first, last) if index not in taken and payments[index].currency == one.currency
        ]
        taken.update(found)
        paid = _sum(payments[index].amount for index in found) if found else None
        overdue = now_ns - one.settled_ns > _PATIENCE * one.interval_ns
        state = FundingState.OVERDUE if overdue else FundingState.DUE
        if paid is not None:
            state = FundingState.DIFFERS if differs(one.amount, paid) else FundingState.PAID
        yield SettledFunding(
            instrument=one.instrument,
            settled_ns=one.settled_ns,
            rate=one.rate,
            quantity=one.quantity,
            price=one.price,
            expected=one.amount,
            paid=paid,
            currency=one.currency,
            state=state,
        )
    for index, payment in enumerate(payments):
        if index not in taken:
            yield SettledFunding(
                instrument=payment.instrument,
                settled_ns=payment.settled_ns,
                rate=payment.rate,
                quantity=payment.quantity,
                price=payment.price,
                expected=None,
                paid=payment.amount,
                currency=payment.currency,
                state=FundingState.NOT_EXPECTED,
            )


def _accrued(due: list[ExpectedFunding], payments: list[FundingPayment]) -> SettledFunding:
    last = due[-1]
    return SettledFunding(
        instrument=last.instrument,
        settled_ns=max([one.settled_ns for one in due] + [one.settled_ns for one in payments]),
        rate=None,
        quantity=last.quantity,
        price=last.price,
        expected=_sum(one.amount for one in due),
        paid=_sum(one.amount for one in payments),
        currency=last.currency,
        state=FundingState.ACCRUED,
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    with exact_sums():
        return sum(amounts, ZERO)
