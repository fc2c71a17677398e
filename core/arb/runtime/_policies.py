"""The policy of execution, from the configuration."""

from __future__ import annotations

from arb.execution import ExecutionPolicy
from arb.kernel import ExecutionConfig
from arb.model import EntryPolicy, LegOrder, OrderMode


def execution_policy(config: ExecutionConfig) -> ExecutionPolicy:
    """Return what `[execution]` says."""
    return ExecutionPolicy(
        entry=EntryPolicy(mode=OrderMode(config.entry_mode), leg_order=LegOrder(config.leg_order), rest_ns=config.rest),
        max_naked_seconds=config.max_naked_seconds,
        max_attempts=config.max_attempts,
        max_band_bps=config.max_band_bps,
        retry_delay_ns=config.retry_delay,
        max_churn=config.max_churn,
        churn_window_ns=config.churn_window,
        max_dust_usd=config.max_dust_usd,
        stress_depth=config.stress_depth,
    )
