from __future__ import annotations

from arb.testing import ExchangeConformance

from arb_exchange_edgex import plugin


class TestConformance(ExchangeConformance):
    plugin = plugin
