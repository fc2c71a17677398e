from __future__ import annotations

import arb_exchange_binance.plugin
from arb.testing import ExchangeConformance


class TestBinanceConformance(ExchangeConformance):
    plugin = arb_exchange_binance.plugin
