"""Hook implementations. Import nothing heavy here; import it inside the hook."""

from __future__ import annotations

from collections.abc import Iterable

from arb.api import StrategySpec, hookimpl

PLUGIN_API = 1


@hookimpl
def arb_strategies() -> Iterable[StrategySpec]:
    """Return the funding arbitrage strategy."""
    from ._settings import FundingArbitrageSettings
    from ._strategy import open_strategy

    return [StrategySpec(name="funding_arbitrage", settings=FundingArbitrageSettings, open=open_strategy)]
