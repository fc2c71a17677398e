"""Funding and fees of open hedges so far, kept up to date for the strategies' view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from arb.model import ZERO, Fill, FundingPayment, Hedge, HedgeId, InstrumentId
from arb.storage import Journal

UsdRate = Callable[[str], Decimal | None]


class HedgeMoney:
    """Dollars received and paid for each hedge since its entry.

    A view for decisions; the books are the journal. A payment on an instrument that several hedges
    hold is shared by their open quantities.
    """

    def __init__(self, usd_rate: UsdRate) -> None:
        self._usd_rate = usd_rate
        self._funding: dict[HedgeId, Decimal] = {}
        self._fees: dict[HedgeId, Decimal] = {}

    async def load(self, journal: Journal, hedges: Sequence[Hedge]) -> None:
        """Read what the journal holds of hedges that are open at the start."""
        for hedge in hedges:
            self._add_fees(hedge, await journal.fills(hedge_id=hedge.id))
        if hedges:
            since = min(hedge.created_ns for hedge in hedges)
            for payment in await journal.funding_payments(since):
                self.add_payment(payment, [hedge for hedge in hedges if hedge.created_ns < payment.settled_ns])

    def add_payment(self, payment: FundingPayment, hedges: Sequence[Hedge]) -> None:
        """Share a new payment among the hedges that hold its instrument."""
        shares = {hedge.id: open_quantity(hedge, payment.instrument) for hedge in hedges}
        total = sum(shares.values(), ZERO)
        rate = self._usd_rate(payment.currency)
        if not total or rate is None:
            return
        for hedge_id, share in shares.items():
            if share:
                self._funding[hedge_id] = self.funding(hedge_id) + payment.amount * rate * share / total

    def set_fills(self, hedge: Hedge, fills: Sequence[Fill]) -> None:
        """Take the fees of all fills of a hedge."""
        self._fees.pop(hedge.id, None)
        self._add_fees(hedge, fills)

    def _add_fees(self, hedge: Hedge, fills: Sequence[Fill]) -> None:
        for fill in fills:
            rate = self._usd_rate(fill.fee_currency)
            if rate is not None:
                self._fees[hedge.id] = self.fees(hedge.id) + fill.fee * rate

    def funding(self, hedge_id: HedgeId) -> Decimal:
        """Return dollars received; negative when paid."""
        return self._funding.get(hedge_id, ZERO)

    def fees(self, hedge_id: HedgeId) -> Decimal:
        """Return dollars paid in fees."""
        return self._fees.get(hedge_id, ZERO)


def open_quantity(hedge: Hedge, instrument: InstrumentId) -> Decimal:
    """Return the contracts of an instrument that a hedge holds."""
    return sum((leg.open_quantity for leg in hedge.legs if leg.instrument == instrument), ZERO)
