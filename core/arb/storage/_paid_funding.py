"""Funding that was due beside funding that was booked, settlement by settlement."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from arb.model import CHANGE_NS, ZERO, ExpectedFunding, FundingPayment, InstrumentId, by_change

from ._account_types import exact_sums
from ._expected import match_tolerance_ns

_PATIENCE: Final = 2


_DIFFERENCE: Final = (Decimal("0.2"), Decimal("0.02"))


def differs(expected: Decimal, paid: Decimal, *, moved: Decimal | None = None) -> bool:
    """Return whether a payment is not about what was due.

    The price we know is not the one the venue used, and a settlement may have been paid in parts; a
    payment of nothing, of double, or of the other sign is neither.

    Args:
        expected: What was due.
        paid: What was booked.
        moved: Of what accrued back and forth, all of it without its signs.
    """
    share, least = _DIFFERENCE
    with exact_sums():
        return abs(paid - expected) > max(abs(expected if moved is None else moved) * share, least)


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
    """Of an instrument whose funding accrues at every moment: what the venue has not realised yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledFunding:
    """One settlement of one instrument; of one whose funding accrues, all that accrued until it was realised.

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
        settling = [one for one in of_due[instrument] if one.interval_ns]
        accrued = [one for one in of_due[instrument] if not one.interval_ns]
        joined, left = _joined(settling, of_paid[instrument], now_ns)
        rows += [*joined, *_realised(accrued, left)]
    return tuple(sorted(rows, key=lambda row: (row.settled_ns, row.instrument)))


def _joined(
    due: list[ExpectedFunding], payments: list[FundingPayment], now_ns: int
) -> tuple[list[SettledFunding], list[FundingPayment]]:
    """Return each settlement, and the payments that are of none."""
    rows: list[SettledFunding] = []
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
        rows.append(
            SettledFunding(
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
        )
    return rows, [payment for index, payment in enumerate(payments) if index not in taken]


def _realised(due: list[ExpectedFunding], payments: list[FundingPayment]) -> Iterator[SettledFunding]:
    """Yield what had accrued at each realisation beside what it paid, and what accrued since the last one.

    A payment until which nothing had accrued is of nothing that was expected.
    """
    due.sort(key=lambda one: one.settled_ns)
    times = [one.settled_ns for one in due]
    done = 0
    for booked in by_change(payments):
        last = bisect_right(times, booked[-1].settled_ns + CHANGE_NS)
        accrued, done = due[done:last], last
        if accrued:
            yield _accrued(accrued, booked)
        else:
            yield from map(_not_expected, booked)
    if due[done:]:
        yield _accrued(due[done:], [])


def _accrued(due: Sequence[ExpectedFunding], payments: Sequence[FundingPayment]) -> SettledFunding:
    last, expected = due[-1], _sum(one.amount for one in due)
    paid = _sum(one.amount for one in payments) if payments else None
    state = FundingState.ACCRUED
    if paid is not None:
        moved = _sum(one.amount.copy_abs() for one in due)
        state = FundingState.DIFFERS if differs(expected, paid, moved=moved) else FundingState.PAID
    return SettledFunding(
        instrument=last.instrument,
        settled_ns=payments[-1].settled_ns if payments else last.settled_ns,
        rate=_sum(one.rate for one in due),
        quantity=last.quantity,
        price=last.price,
        expected=expected,
        paid=paid,
        currency=last.currency,
        state=state,
    )


def _not_expected(payment: FundingPayment) -> SettledFunding:
    return SettledFunding(
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


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    with exact_sums():
        return sum(amounts, ZERO)
