"""When what has accrued is paid: at the end of each period, where the ground books, or as at the venue.

The venue pays when a position changes, and until then what has accrued is in its unrealised profit. A test asks for
that with `memory["realises"] = "changes"`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from arb.model import ZERO, FundingPayment, InstrumentId

from ._floor import Floor


class Realising:
    """The ground's payments as the account sees them."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    async def payments(self) -> Sequence[FundingPayment]:
        """Return all that was paid, oldest first."""
        trading = self._floor.exchange.trading
        booked: Sequence[FundingPayment] = await trading.fetch_funding_payments(0)
        if self._floor.memory.get("realises") != "changes":
            return booked
        found: list[FundingPayment] = []
        waiting = list(booked)
        for fill in await trading.fetch_fills(0):
            paid = [one for one in waiting if one.instrument == fill.instrument and one.settled_ns <= fill.ts_event_ns]
            if paid:
                waiting = [one for one in waiting if one not in paid]
                amount = sum((one.amount for one in paid), ZERO)
                found.append(replace(paid[-1], settled_ns=fill.ts_event_ns, amount=amount))
        return found

    async def unpaid(self) -> Mapping[InstrumentId, Decimal]:
        """Return what has accrued and was not paid yet, by instrument."""
        found: dict[InstrumentId, Decimal] = {}
        for one in await self._floor.exchange.trading.fetch_funding_payments(0):
            found[one.instrument] = found.get(one.instrument, ZERO) + one.amount
        for one in await self.payments():
            found[one.instrument] -= one.amount
        return found
