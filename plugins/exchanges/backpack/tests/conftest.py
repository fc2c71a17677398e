from __future__ import annotations

import os
from pathlib import Path

import pytest

from arb.api import ExchangeSpec
from arb.testing import Bench, recorded_data
from arb_exchange_backpack import plugin

DATA = Path(os.environ.get("ARB_REAL_DATA", Path(__file__).parents[4] / "../shared/data"))


@pytest.fixture
def wire_data() -> Path:
    """Return the folder of recorded payloads."""
    return recorded_data(DATA / "wire")


@pytest.fixture
def vector_data() -> Path:
    """Return the file of signing vectors."""
    return recorded_data(DATA.parent / "venues/vectors/backpack.json")


@pytest.fixture
def spec() -> ExchangeSpec:
    (found,) = plugin.arb_exchanges()
    return found


@pytest.fixture
def bench(spec: ExchangeSpec) -> Bench:
    """Return what runs a body on the plugin over its fake, in virtual time."""
    return Bench(spec)
