from __future__ import annotations

import arb_exchange_grvt.plugin
from arb.testing import ExchangeConformance


class TestGrvtConformance(ExchangeConformance):
    plugin = arb_exchange_grvt.plugin
