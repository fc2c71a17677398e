"""When to hold, leave and change: pure functions of figures (handbook C4, C5, C7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from arb.model import BPS, HOUR_NS, HedgeOutlook, Opportunity

from ._settings import FundingArbitrageSettings


class ExitReason(StrEnum):
    """Why a hedge is closed; stable codes."""

    LIQUIDATION_NEAR = "liquidation_near"
    BASIS_STOP = "basis_stop"
    TIME_LIMIT = "time_limit"
    FUNDING_FLIP = "funding_flip"
    PROFIT_EROSION = "profit_erosion"
    BETTER_USE = "better_use"

    @property
    def is_risk(self) -> bool:
        """Whether waiting is not an option."""
        return self in (ExitReason.LIQUIDATION_NEAR, ExitReason.BASIS_STOP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Funding expected if the hedge is held so long from now."""

    hours: Decimal
    capture_bps: Decimal


def price_pnl_bps(outlook: HedgeOutlook) -> Decimal | None:
    """Return the result of prices at executable prices, of one leg's notional; None when it is not known."""
    if outlook.price_pnl is None or outlook.notional_usd is None or outlook.notional_usd <= 0:
        return None
    return outlook.price_pnl / outlook.notional_usd / BPS


def risk_exit(outlook: HedgeOutlook, settings: FundingArbitrageSettings) -> ExitReason | None:
    """Return the risk that closes a hedge at once. What is not known closes nothing."""
    distance = outlook.liquidation_distance
    if distance is not None and distance < settings.min_liquidation_distance:
        return ExitReason.LIQUIDATION_NEAR
    result = price_pnl_bps(outlook)
    if result is not None and result < -settings.basis_stop_bps:
        return ExitReason.BASIS_STOP
    return None


def weakened(
    carry_bps_hour: Decimal, entry_carry_bps_hour: Decimal | None, settings: FundingArbitrageSettings
) -> ExitReason | None:
    """Return in which way the carry is worse than it was; None when it is good."""
    if carry_bps_hour < settings.min_carry_bps_hour:
        return ExitReason.FUNDING_FLIP
    if entry_carry_bps_hour is not None and carry_bps_hour < settings.erosion * entry_carry_bps_hour:
        return ExitReason.PROFIT_EROSION
    return None


def worth_holding(windows: Iterable[Window], risk_charge_bps_day: Decimal) -> bool:
    """Return whether some way of staying earns more than its risk charge.

    The rule is incremental: what the entry cost is gone, and the exit is paid now or later, so only
    the funding to come counts (handbook C4). A window that ends at the next settlement keeps a hedge
    that is about to be paid.
    """
    return any(window.capture_bps > risk_charge_bps_day * window.hours / 24 for window in windows)


def should_rotate(*, new_usd: Decimal, old_usd: Decimal, exit_old_usd: Decimal, entry_new_usd: Decimal) -> bool:
    """Return whether E[new] - E[old] > C_exit(old) + C_entry(new), all over one horizon (handbook C4)."""
    return new_usd - old_usd > exit_old_usd + entry_new_usd


def worth_entering(row: Opportunity, settings: FundingArbitrageSettings) -> bool:
    """Return whether E[capture] - C >= k*C and the other entry gates hold (handbook C4).

    Half spreads and impacts of both entries together must be within the slippage allowed to one
    leg: then neither leg can fail for its price while the other is filled.
    """
    cost = row.cost.total_bps
    if row.carry_bps_hour <= 0 or row.break_even_hours is None:
        return False
    return (
        row.net_bps >= settings.safety_factor * cost
        and row.net_bps >= settings.min_net_bps
        and row.break_even_hours * HOUR_NS <= settings.max_break_even
        and abs(row.basis_bps) <= settings.max_basis_bps
        and (row.cost.spread_bps + row.cost.impact_bps) / 2 <= settings.max_slippage_bps
    )
