from __future__ import annotations

import arb_exchange_paradex.plugin
from arb.testing import ExchangeConformance


class TestParadexConformance(ExchangeConformance):
    plugin = arb_exchange_paradex.plugin
