from __future__ import annotations

import arb_exchange_edgex.plugin
from arb.testing import ExchangeConformance


class TestEdgexConformance(ExchangeConformance):
    plugin = arb_exchange_edgex.plugin
