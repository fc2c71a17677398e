from __future__ import annotations

import arb_exchange_simulated.plugin
from arb.testing import ExchangeConformance


class TestSimulatedConformance(ExchangeConformance):
    plugin = arb_exchange_simulated.plugin
