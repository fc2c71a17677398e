"""Funding that a venue owes by its own rule, until it has paid."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ._ids import InstrumentId


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedFunding:
    """What a settlement should book: `-quantity x price x rate` (handbook C2).

    It is never taken for paid: only the venue's own record is (handbook C9).

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
