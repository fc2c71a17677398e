from __future__ import annotations

from typing import Any

import pytest

from arb.testing import StorageConformance
from arb_storage_postgres import plugin
from arb_storage_postgres._settings import PostgresSettings


class TestConformance(StorageConformance):
    plugin = plugin

    @pytest.fixture
    def settings(self, database: dict[str, Any]) -> PostgresSettings:
        return PostgresSettings.model_validate(database)
