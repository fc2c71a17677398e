"""The gate in front of everything that opens risk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from arb.api import ArbError, Clock, Halted, OrderIntent, Veto
from arb.model import (
    ZERO,
    ExchangeName,
    Hedge,
    HedgePlan,
    HedgeStatus,
    Instrument,
    InstrumentId,
    InstrumentStatus,
    OrderRequest,
    exchange_of,
)

from ._clearance import GATE, ApprovedPlan, ClearedOrder
from ._exposure import PlannedSize, exposure, notional_refusals
from ._halts import Halts
from ._inputs import AccountRisk, PricedLeg
from ._legs import divergence_refusals, leg_refusals, shape_refusals, sized
from ._limits import Refusal, RefusalCode, RiskLimits
from ._margin import margin_refusals

ORDER_TOLERANCE: Final = Decimal("0.05")
"""By how much an order may exceed the cap of a leg. The cap is compared with the mid price when a plan
is approved; an order is compared at its worst price, a band away from a mid that has moved since."""


class RiskRefused(ArbError):
    """An order that opens risk may not be sent now.

    Attributes:
        refusal: The limit it breaks.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class RiskManager:
    """The gate: plans are compared with the limits, and each order is cleared when it is about to leave."""

    def __init__(
        self,
        limits: RiskLimits,
        *,
        halts: Halts,
        veto: Callable[[OrderIntent], Veto | None],
        clock: Clock,
        instruments: Mapping[InstrumentId, Instrument],
    ) -> None:
        """Guard one run.

        Args:
            limits: The owner's.
            halts: Asked before every plan and every order.
            veto: Asks every plugin before an order that opens risk.
            clock: Tells how old a reading is.
            instruments: What is listed, kept up to date by its owner.
        """
        self._limits = limits
        self._halts = halts
        self._veto = veto
        self._clock = clock
        self._instruments = instruments

    def clear_opening(self, request: OrderRequest, hedge: Hedge, *, notional_usd: Decimal | None) -> ClearedOrder:
        """Clear an order that makes a leg larger, at the moment it is about to be sent.

        Nothing else may be under way on the leg: what an unresolved order may fill is not counted here.

        Args:
            request: The order; one that only reduces is cleared as by :meth:`clear_closing`.
            hedge: What it belongs to, with everything filled so far.
            notional_usd: At the order's worst price; None while its currency has no known value.

        Raises:
            Halted: a halt stands.
            RiskRefused: a limit, or a plugin's veto.
        """
        if request.reduce_only:
            return self.clear_closing(request)
        halt = self._halts.blocking(exchange_of(request.instrument))
        if halt is not None:
            raise Halted(f"{request.instrument}: {halt}")
        refusal = next(self._order_refusals(request, hedge, notional_usd), None)
        if refusal is not None:
            raise RiskRefused(refusal)
        return ClearedOrder(request, GATE)

    @staticmethod
    def clear_closing(request: OrderRequest) -> ClearedOrder:
        """Clear an order that can only reduce: no limit, halt or veto stands in its way.

        Raises:
            ValueError: it is not reduce-only.
        """
        if not request.reduce_only:
            raise ValueError(f"order {request.client_order_id} is not reduce-only, so it opens risk")
        return ClearedOrder(request, GATE)

    def approve(
        self,
        plan: HedgePlan,
        legs: Sequence[PricedLeg],
        accounts: Mapping[ExchangeName, AccountRisk],
        *,
        hedges: Sequence[Hedge],
    ) -> ApprovedPlan | tuple[Refusal, ...]:
        """Return the approval, or every limit the plan breaks.

        Args:
            plan: What a strategy wants.
            legs: The plan's, in its order.
            accounts: Of every exchange that is configured.
            hedges: Every hedge that is not closed.
        """
        try:
            refusals = tuple(self._plan_refusals(plan, legs, accounts, hedges))
        except ArithmeticError as error:
            note = f"a number cannot be computed with: {error!r}"
            return (Refusal(code=RefusalCode.NOT_COMPUTABLE, subject=plan.base, note=note),)
        return refusals or ApprovedPlan(plan, GATE)

    def _plan_refusals(
        self,
        plan: HedgePlan,
        legs: Sequence[PricedLeg],
        accounts: Mapping[ExchangeName, AccountRisk],
        hedges: Sequence[Hedge],
    ) -> Iterator[Refusal]:
        limits, now_ns = self._limits, self._clock.now_ns()
        for exchange in sorted({exchange_of(leg.instrument) for leg in plan.legs}):
            halt = self._halts.blocking(exchange)
            if halt is not None:
                yield Refusal(code=RefusalCode.HALTED, subject=exchange, note=str(halt))
        if len(hedges) >= limits.max_hedges:
            count, most = Decimal(len(hedges)), Decimal(limits.max_hedges)
            yield Refusal(code=RefusalCode.HEDGE_COUNT, subject=plan.base, value=count, limit=most)
        shape = list(shape_refusals(plan, legs))
        yield from shape
        if any(refusal.value is None for refusal in shape):
            return  # nothing can be computed of legs that are not the plan's
        oldest_ns = now_ns - limits.max_price_age_ns
        yield from leg_refusals(legs, limits, oldest_ns)
        planned = sized(legs, oldest_ns)
        if len(planned) < len(legs):
            return  # without prices nothing has a size, and the plan is refused already
        yield from divergence_refusals(plan, planned, limits)
        unknown = list(_unknown_accounts(planned, accounts))
        yield from unknown
        if unknown:
            return  # neither a sum nor a margin can be computed
        found = exposure(planned, accounts, hedges)
        yield from notional_refusals(planned, found, limits)
        for exchange in sorted({one.exchange for one in planned}):
            own = [one for one in planned if one.exchange == exchange]
            awaited = found.awaited.get(exchange, ZERO)
            yield from margin_refusals(own, accounts[exchange], awaited, limits, now_ns - limits.max_account_age_ns)

    def _order_refusals(self, request: OrderRequest, hedge: Hedge, notional_usd: Decimal | None) -> Iterator[Refusal]:
        subject, limits = request.instrument, self._limits
        listed = self._instruments.get(subject)
        if listed is None or listed.status is not InstrumentStatus.TRADING:
            note = "it is not listed" if listed is None else str(listed.status)
            yield Refusal(code=RefusalCode.NOT_TRADING, subject=subject, note=note)
        legs = [leg for leg in hedge.legs if leg.instrument == subject and leg.entry_side is request.side]
        if hedge.status is not HedgeStatus.OPENING or len(legs) != 1:
            note = f"{request.side} for hedge {hedge.id}, which is {hedge.status}"
            yield Refusal(code=RefusalCode.NOT_ITS_LEG, subject=subject, note=note)
            return
        filled, target = legs[0].entry_quantity + request.quantity, legs[0].target_quantity
        if filled > target:
            yield Refusal(code=RefusalCode.LEG_TARGET, subject=subject, value=filled, limit=target)
        if notional_usd is None or not notional_usd.is_finite() or notional_usd <= 0:
            yield Refusal(code=RefusalCode.QUOTE_UNKNOWN, subject=subject)
            return
        # The whole leg at the order's price: a leg is not made larger by being sent in pieces.
        size, limit = notional_usd * filled / request.quantity, limits.max_hedge_notional_usd * (1 + ORDER_TOLERANCE)
        if size > limit:
            yield Refusal(code=RefusalCode.HEDGE_NOTIONAL, subject=subject, value=size, limit=limit)
        # Last, and only where nothing else refuses: a plugin is asked about orders that would be sent.
        veto = self._veto(OrderIntent(order=request, hedge=hedge, notional_usd=notional_usd))
        if veto is not None:
            yield Refusal(code=RefusalCode.VETOED, subject=subject, note=veto.reason)


def _unknown_accounts(
    planned: Sequence[PlannedSize], accounts: Mapping[ExchangeName, AccountRisk]
) -> Iterator[Refusal]:
    """Yield each account of which nobody knows what it carries: that belongs to the total, and is not nothing."""
    unknown = {name for name, account in accounts.items() if account.gross_notional_usd is None}
    for exchange in sorted(unknown | {one.exchange for one in planned if one.exchange not in accounts}):
        yield Refusal(code=RefusalCode.EQUITY_UNKNOWN, subject=exchange)
