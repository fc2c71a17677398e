"""The strategy passes the kit of its family."""

from __future__ import annotations

import arb_strategy_funding_arbitrage.plugin
from arb.testing import StrategyConformance


class TestConformance(StrategyConformance):
    plugin = arb_strategy_funding_arbitrage.plugin
