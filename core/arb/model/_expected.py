"""Funding that a venue owes by its own rule, until it has paid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from ._funding import FundingPayment
from ._ids import InstrumentId
from ._time import MINUTE_NS

CHANGE_NS: Final = MINUTE_NS
"""Where funding accrues, fills and payments that are no farther apart are of one change of a position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedFunding:
    """What a settlement should book: `-quantity x price x rate` (handbook C2).

    It is never taken for paid: only the venue's own record is (handbook C9). Where funding accrues it may be of some
    readings: then rate and amount are their sums, and the price is that of the last.

    Attributes:
        settled_ns: The settlement, by the venue's clock; where funding accrues without settlements
            the end of the time it is for.
        quantity: Signed contracts held at the snapshot, from our fills.
        price: Quote currency per contract, as we know it near the settlement.
        rate: Fraction of notional at this settlement; positive means longs pay.
        interval_ns: Between two settlements; 0 where funding accrues without them.
        amount: In `currency`; to be received is positive.
    """

    instrument: InstrumentId
    settled_ns: int
    quantity: Decimal
    price: Decimal
    rate: Decimal
    interval_ns: int
    amount: Decimal
    currency: str


def by_change(payments: Iterable[FundingPayment]) -> Iterator[list[FundingPayment]]:
    """Yield what a venue realised of one instrument by the change of the position that it is of, oldest first."""
    change: list[FundingPayment] = []
    for payment in sorted(payments, key=lambda one: one.settled_ns):
        if change and payment.settled_ns - change[-1].settled_ns > CHANGE_NS:
            yield change
            change = []
        change.append(payment)
    if change:
        yield change
