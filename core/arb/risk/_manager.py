"""The gate in front of every hedge that opens risk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal

from arb.api import ArbError, Halted, OrderIntent, Veto
from arb.model import (
    BPS,
    ZERO,
    ExchangeName,
    Fresh,
    Hedge,
    HedgePlan,
    InstrumentStatus,
    OrderRequest,
    PositionSide,
    exchange_of,
)

from ._clearance import GATE, ApprovedPlan, ClearedOrder
from ._halts import Halts
from ._limits import AccountRisk, PricedLeg, Refusal, RefusalCode, RiskLimits


class RiskRefused(ArbError):
    """An order that opens risk may not be sent now; what it says is for people."""


class RiskManager:
    """The gate: plans are compared with the limits, and each order is cleared when it is about to leave."""

    def __init__(self, limits: RiskLimits, *, halts: Halts, veto: Callable[[OrderIntent], Veto | None]) -> None:
        self._limits = limits
        self._halts = halts
        self._veto = veto

    def clear_opening(self, request: OrderRequest, hedge: Hedge, *, notional_usd: Decimal | None) -> ClearedOrder:
        """Clear an order that makes a leg larger, at the moment it is about to be sent.

        Args:
            request: The order.
            hedge: What it belongs to, with everything filled so far.
            notional_usd: At the order's worst price; None while its currency has no known value.

        Raises:
            Halted: a halt stands.
            RiskRefused: a limit, or a plugin's veto.
        """
        halt = self._halts.blocking(exchange_of(request.instrument))
        if halt is not None:
            raise Halted(f"{request.instrument}: {halt}")
        if notional_usd is None:
            raise RiskRefused(f"{request.instrument}: the value of its quote currency in dollars is not known")
        veto = self._veto(OrderIntent(order=request, hedge=hedge, notional_usd=notional_usd))
        if veto is not None:
            raise RiskRefused(f"{request.instrument}: vetoed, {veto.reason}")
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
        open_hedges: int,
    ) -> ApprovedPlan | tuple[Refusal, ...]:
        """Return the approval, or every limit the plan breaks.

        `legs` are the plan's, in order; `accounts` holds every exchange that is configured.
        """
        refusals = tuple(self._refusals(plan, legs, accounts, open_hedges))
        return refusals or ApprovedPlan(plan, GATE)

    def _refusals(
        self,
        plan: HedgePlan,
        legs: Sequence[PricedLeg],
        accounts: Mapping[ExchangeName, AccountRisk],
        open_hedges: int,
    ) -> Iterator[Refusal]:
        if open_hedges >= self._limits.max_hedges:
            yield _broken(RefusalCode.HEDGE_COUNT, plan.base, Decimal(open_hedges), Decimal(self._limits.max_hedges))
        if not _is_sized(legs):
            yield Refusal(code=RefusalCode.NOT_NEUTRAL, subject=plan.base)
            return  # nothing can be computed of legs that are missing or without a size
        yield from _neutrality(plan, legs)
        prices = [leg.mid_usd for leg in legs]
        for leg in legs:
            if leg.instrument.status is not InstrumentStatus.TRADING:
                yield Refusal(code=RefusalCode.NOT_TRADING, subject=leg.instrument.id)
            if not isinstance(leg.mid_usd, Fresh):
                yield Refusal(code=RefusalCode.PRICE_UNKNOWN, subject=leg.instrument.id)
        known = [price.value for price in prices if isinstance(price, Fresh)]
        if len(known) < len(legs):
            return  # without prices no notional can be computed, and the plan is refused already
        yield from self._divergence(plan, legs, known)
        yield from self._notionals(plan, legs, known, accounts)

    def _divergence(self, plan: HedgePlan, legs: Sequence[PricedLeg], prices: Sequence[Decimal]) -> Iterator[Refusal]:
        per_base = [price / leg.instrument.multiplier for leg, price in zip(legs, prices, strict=True)]
        gap_bps = (max(per_base) / min(per_base) - 1) / BPS
        if gap_bps > self._limits.max_mark_divergence_bps:
            yield _broken(RefusalCode.PRICE_DIVERGENCE, plan.base, gap_bps, self._limits.max_mark_divergence_bps)

    def _notionals(
        self,
        plan: HedgePlan,
        legs: Sequence[PricedLeg],
        prices: Sequence[Decimal],
        accounts: Mapping[ExchangeName, AccountRisk],
    ) -> Iterator[Refusal]:
        limits = self._limits
        added: dict[ExchangeName, Decimal] = {}
        for leg, price in zip(legs, prices, strict=True):
            notional = leg.quantity * price
            if notional > limits.max_hedge_notional_usd:
                yield _broken(RefusalCode.HEDGE_NOTIONAL, leg.instrument.id, notional, limits.max_hedge_notional_usd)
            exchange = leg.instrument.exchange
            added[exchange] = added.get(exchange, ZERO) + notional
        carried = [
            account.gross_notional_usd for account in accounts.values() if account.gross_notional_usd is not None
        ]
        for account in accounts.values():
            if account.gross_notional_usd is None and account.exchange not in added:
                # What it carries belongs to the total: not known is not nothing.
                yield Refusal(code=RefusalCode.EQUITY_UNKNOWN, subject=account.exchange)
        total = sum(carried, ZERO) + sum(added.values(), ZERO)
        if total > limits.max_total_notional_usd:
            yield _broken(RefusalCode.TOTAL_NOTIONAL, plan.base, total, limits.max_total_notional_usd)
        for exchange, notional in added.items():
            rate = max(
                leg.instrument.margin_tier(notional).maintenance_rate
                for leg in legs
                if leg.instrument.exchange == exchange
            )
            yield from self._account(accounts[exchange], notional, rate)

    def _account(self, account: AccountRisk, added: Decimal, maintenance_rate: Decimal) -> Iterator[Refusal]:
        limits, exchange = self._limits, account.exchange
        if account.gross_notional_usd is None:
            yield Refusal(code=RefusalCode.EQUITY_UNKNOWN, subject=exchange)
            return
        gross = account.gross_notional_usd + added
        if gross > limits.max_exchange_notional_usd:
            yield _broken(RefusalCode.EXCHANGE_NOTIONAL, exchange, gross, limits.max_exchange_notional_usd)
        if not isinstance(account.equity_usd, Fresh):
            yield Refusal(code=RefusalCode.EQUITY_UNKNOWN, subject=exchange)
            return
        equity = account.equity_usd.value
        if gross > equity * limits.max_leverage:
            leverage = gross / equity if equity > 0 else Decimal("Infinity")
            yield _broken(RefusalCode.LEVERAGE, exchange, leverage, limits.max_leverage)
        # As if all positions lost together: the distance of one cross short of the gross size
        # (handbook C7), the smaller of the two sides.
        distance = (equity - maintenance_rate * gross) / (gross * (1 + maintenance_rate))
        if distance < limits.min_liquidation_distance:
            yield _broken(RefusalCode.LIQUIDATION_DISTANCE, exchange, distance, limits.min_liquidation_distance)


def _is_sized(legs: Sequence[PricedLeg]) -> bool:
    return len(legs) > 1 and all(leg.quantity.is_finite() and leg.quantity > 0 for leg in legs)


def _neutrality(plan: HedgePlan, legs: Sequence[PricedLeg]) -> Iterator[Refusal]:
    sides = {leg.side for leg in plan.legs}
    if sides != {PositionSide.LONG, PositionSide.SHORT}:
        yield Refusal(code=RefusalCode.NOT_NEUTRAL, subject=plan.base)
        return
    imbalance = abs(sum((leg.base_quantity for leg in legs), ZERO))
    # Half of the coarsest step: what no order on any leg could make smaller (handbook C6).
    tolerance = max(leg.instrument.lot_size * leg.instrument.multiplier for leg in legs) / 2
    if imbalance > tolerance:
        yield _broken(RefusalCode.NOT_NEUTRAL, plan.base, imbalance, tolerance)


def _broken(code: RefusalCode, subject: str, value: Decimal, limit: Decimal) -> Refusal:
    return Refusal(code=code, subject=subject, value=value, limit=limit)
