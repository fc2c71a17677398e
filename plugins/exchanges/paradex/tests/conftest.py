from __future__ import annotations

import os
from pathlib import Path

import pytest

from arb.testing import Bench, recorded_data
from arb_exchange_paradex import plugin

DATA = Path(os.environ.get("ARB_REAL_DATA", Path(__file__).parents[4] / "../shared/data"))


@pytest.fixture
def wire_data() -> Path:
    """Return the folder of recorded payloads."""
    return recorded_data(DATA / "wire")


@pytest.fixture
def vector_data() -> Path:
    """Return the file of signing vectors."""
    return recorded_data(DATA.parent / "venues/vectors/paradex.json")


@pytest.fixture
def bench() -> Bench:
    """Return what runs a body on the plugin over its fake, in virtual time."""
    (spec,) = plugin.arb_exchanges()
    return Bench(spec, lots=1_000)
