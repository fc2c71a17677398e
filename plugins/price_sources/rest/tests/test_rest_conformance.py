from arb.testing import PriceSourceConformance
from arb_price_source_rest import plugin


class TestConformance(PriceSourceConformance):
    plugin = plugin
