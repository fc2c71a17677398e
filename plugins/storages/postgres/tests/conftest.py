"""One server for all tests of the storage, and a database of its own for each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from arb_storage_postgres.testing import PostgresServer, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with running_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def database(server: PostgresServer, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the settings of an empty database."""
    name = re.sub(r"\W+", "_", request.node.name.lower())[:60]
    server.create(name)
    return server.settings(name)
