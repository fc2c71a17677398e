from arb.testing import CacheTierConformance
from arb_cache_tier_memory import plugin


class TestConformance(CacheTierConformance):
    plugin = plugin
