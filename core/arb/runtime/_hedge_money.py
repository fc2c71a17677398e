"""Funding and fees of open hedges so far, kept up to date for the strategies' view."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from arb.model import ZERO, Fill, FundingPayment, Hedge, HedgeId, Instrument, InstrumentId
from arb.storage import Holding, Journal, share_payment

UsdRate = Callable[[str], Decimal | None]


class HedgeMoney:
    """Dollars received and paid for each hedge since its entry.

    A view for decisions; the books are the journal. A payment on an instrument that several hedges
    hold is shared by their open quantities; where funding accrues, by what they held until the
    position changed, whether they still hold it or not.
    """

    def __init__(self, usd_rate: UsdRate, instruments: Mapping[InstrumentId, Instrument]) -> None:
        """Keep `instruments` by reference: a later change of it is seen."""
        self._usd_rate = usd_rate
        self._instruments = instruments
        self._held: defaultdict[InstrumentId, dict[tuple[HedgeId, int] | None, Holding]] = defaultdict(dict)
        self._funding: dict[HedgeId, Decimal] = {}
        self._fees: dict[HedgeId, Decimal] = {}

    async def load(self, journal: Journal, hedges: Sequence[Hedge]) -> None:
        """Read what the journal holds of hedges that are open at the start."""
        for hedge in hedges:
            self.set_fills(hedge, await journal.fills(hedge_id=hedge.id))
        if hedges:
            since = min(hedge.created_ns for hedge in hedges)
            if any(self.accrues_on(hedge) for hedge in hedges):
                # What they were paid for was held by others too, which are closed by now.
                for hedge in await journal.hedges():
                    if self.accrues_on(hedge) and hedge.closed_ns is not None and hedge.closed_ns > since:
                        self._hold(hedge, await journal.fills(hedge_id=hedge.id))
            for payment in await journal.funding_payments(since):
                self.add_payment(payment, [hedge for hedge in hedges if hedge.created_ns < payment.settled_ns])

    def add_payment(self, payment: FundingPayment, hedges: Sequence[Hedge]) -> None:
        """Share a new payment among the hedges that hold its instrument."""
        rate = self._usd_rate(payment.currency)
        if rate is None:
            return
        if self._accrues(payment.instrument):
            for slot, _, amount in share_payment(payment, self._held, accrues=True):
                if slot is not None:
                    self._funding[slot[0]] = self.funding(slot[0]) + amount * rate
            return
        shares = {hedge.id: open_quantity(hedge, payment.instrument) for hedge in hedges}
        total = sum(shares.values(), ZERO)
        if not total:
            return
        for hedge_id, share in shares.items():
            if share:
                self._funding[hedge_id] = self.funding(hedge_id) + payment.amount * rate * share / total

    def set_fills(self, hedge: Hedge, fills: Sequence[Fill]) -> None:
        """Take all fills of a hedge: their fees, and what it held where funding accrues."""
        self._fees.pop(hedge.id, None)
        self._add_fees(hedge, fills)
        self._hold(hedge, fills)

    def accrues_on(self, hedge: Hedge) -> bool:
        """Return whether a hedge has a leg whose funding accrues at every moment."""
        return any(self._accrues(leg.instrument) for leg in hedge.legs)

    def _accrues(self, instrument: InstrumentId) -> bool:
        found = self._instruments.get(instrument)
        return found is not None and found.funding_interval_ns == 0

    def _hold(self, hedge: Hedge, fills: Sequence[Fill]) -> None:
        for index, leg in enumerate(hedge.legs):
            if self._accrues(leg.instrument):
                self._held[leg.instrument][hedge.id, index] = holding = Holding()
                for fill in sorted(fills, key=lambda one: one.ts_event_ns):
                    if fill.instrument == leg.instrument:
                        holding.add(fill.ts_event_ns, fill.quantity * fill.side.sign)

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
