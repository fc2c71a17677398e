from __future__ import annotations

from arb.testing import ExchangeConformance
from arb_exchange_aster import plugin


class TestAster(ExchangeConformance):
    plugin = plugin
