from __future__ import annotations

from arb.testing import StorageConformance
from arb_storage_sqlite import plugin


class TestConformance(StorageConformance):
    plugin = plugin
