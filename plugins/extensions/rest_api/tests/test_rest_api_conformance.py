from __future__ import annotations

from arb.testing import ExtensionConformance
from arb_extension_rest_api import plugin


class TestConformance(ExtensionConformance):
    plugin = plugin
