"""The figures behind a decision, as text exactly as they were used."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from types import MappingProxyType

from arb.model import Hedge, HedgeOutlook, Numbers, Opportunity

from ._rules import price_pnl_bps
from ._settings import FundingArbitrageSettings


def entry_numbers(row: Opportunity, settings: FundingArbitrageSettings) -> Numbers:
    """Return the figures of an entry."""
    return _texts(
        notional_usd=row.notional_usd,
        horizon_hours=settings.horizon_hours,
        long_rate_hour=row.long_rate_hour,
        short_rate_hour=row.short_rate_hour,
        carry_bps_hour=row.carry_bps_hour,
        capture_bps=row.capture_bps,
        cost_bps=row.cost.total_bps,
        fees_bps=row.cost.fees_bps,
        spread_bps=row.cost.spread_bps,
        impact_bps=row.cost.impact_bps,
        net_bps=row.net_bps,
        safety_factor=settings.safety_factor,
        break_even_hours=row.break_even_hours,
        basis_bps=row.basis_bps,
        net_usd=row.net_usd,
        capital_usd=row.capital_usd,
        score=row.score,
    )


def exit_numbers(outlook: HedgeOutlook, **more: Decimal | None) -> Numbers:
    """Return the figures of an exit and those that this reason needs beside them."""
    return _texts(
        notional_usd=outlook.notional_usd,
        horizon_hours=outlook.horizon_hours,
        carry_bps_hour=outlook.carry_bps_hour,
        entry_carry_bps_hour=entry_carry(outlook.hedge),
        capture_bps=outlook.capture_bps,
        exit_cost_bps=outlook.exit_cost_bps,
        price_pnl_usd=outlook.price_pnl,
        price_pnl_bps=price_pnl_bps(outlook),
        funding_usd=outlook.funding,
        fees_usd=outlook.fees,
        liquidation_distance=outlook.liquidation_distance,
        **more,
    )


def entry_carry(hedge: Hedge) -> Decimal | None:
    """Return the carry at entry; None for a hedge that did not record it."""
    return _number(hedge, "carry_bps_hour")


def entry_capital(hedge: Hedge) -> Decimal | None:
    """Return the capital the hedge was planned to bind; None when it did not record it."""
    return _number(hedge, "capital_usd")


def _number(hedge: Hedge, key: str) -> Decimal | None:
    try:
        value = Decimal(hedge.entry_numbers[key])
    except (KeyError, InvalidOperation):
        return None
    return value if value.is_finite() else None


def _texts(**figures: Decimal | None) -> Numbers:
    return MappingProxyType({name: "unknown" if value is None else str(value) for name, value in figures.items()})
