from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from arb.testing import Bench, recorded_data
from arb_exchange_aster import plugin

DATA = Path(os.environ.get("ARB_REAL_DATA", Path(__file__).parents[4] / "../shared/data"))
RECURSION = sys.getrecursionlimit()


def pytest_collection_finish() -> None:
    """Put the recursion limit back: with eth-account comes what raises it so far that deep JSON ends the process."""
    sys.setrecursionlimit(RECURSION)


@pytest.fixture
def wire_data() -> Path:
    """Return the folder of recorded payloads."""
    return recorded_data(DATA / "wire")


@pytest.fixture
def vector_data() -> Path:
    """Return the file of signing vectors."""
    return recorded_data(DATA.parent / "venues/vectors/aster.json")


@pytest.fixture
def funding_data() -> Path:
    """Return the folder of recorded funding."""
    return recorded_data(DATA / "funding")


@pytest.fixture
def bench() -> Bench:
    """Return what runs a body on the plugin over its fake, in virtual time."""
    (spec,) = plugin.arb_exchanges()
    return Bench(spec)
