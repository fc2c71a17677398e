from __future__ import annotations

import arb_exchange_hyperliquid.plugin
from arb.testing import ExchangeConformance


class TestHyperliquidConformance(ExchangeConformance):
    plugin = arb_exchange_hyperliquid.plugin
