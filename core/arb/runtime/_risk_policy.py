"""The limits of risk and of its circuit breakers, from the configuration."""

from __future__ import annotations

from arb.kernel import Config
from arb.risk import BreakerLimits, RiskLimits


def risk_limits(config: Config) -> RiskLimits:
    """Return what `[risk]` allows."""
    risk = config.risk
    return RiskLimits(
        max_hedge_notional_usd=risk.max_hedge_notional_usd,
        max_instrument_notional_usd=risk.instrument_notional_usd,
        max_exchange_notional_usd=risk.max_exchange_notional_usd,
        max_pair_notional_usd=risk.pair_notional_usd,
        max_total_notional_usd=risk.max_total_notional_usd,
        max_hedges=risk.max_hedges,
        max_leverage=risk.max_leverage,
        min_liquidation_distance=risk.min_liquidation_distance,
        min_available_margin=risk.min_available_margin,
        max_maintenance_ratio=risk.max_maintenance_ratio,
        max_mark_divergence_bps=risk.max_mark_divergence_bps,
        max_depeg_bps=risk.max_depeg_bps,
        max_price_age_ns=config.run.max_price_age,
        max_account_age_ns=risk.max_account_age,
    )


def breaker_limits(config: Config) -> BreakerLimits:
    """Return when a breaker trips by `[risk]`."""
    risk, slow_ns = config.risk, config.risk.max_order_latency
    return BreakerLimits(
        loss_window_ns=risk.loss_window,
        max_loss_usd=risk.max_loss_usd,
        max_loss_fraction=risk.max_loss_fraction,
        order_window_ns=risk.order_window,
        rejects=risk.halt_after_rejects,
        doubts=risk.halt_after_doubts,
        slow_orders=risk.halt_after_slow_orders,
        max_latency_ns=config.run.order_timeout // 2 if slow_ns is None else slow_ns,
    )
