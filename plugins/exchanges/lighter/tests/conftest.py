"""What the tests of this plugin share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from arb.model import FeeSchedule
from arb.testing import Bench, recorded_data
from arb_exchange_lighter import plugin
from arb_exchange_lighter._markets import Market, markets_of

DATA = Path(os.environ.get("ARB_REAL_DATA", Path(__file__).parents[4] / "../shared/data"))


@pytest.fixture
def recorded_text() -> Callable[[str], str]:
    """Return a function that reads a recording as it is."""
    return lambda name: recorded_data(DATA / "wire" / name).read_text(encoding="utf-8")


@pytest.fixture
def recorded(recorded_text: Callable[[str], str]) -> Callable[[str], Any]:
    """Return a function that reads a recorded payload; its fractions are Decimals, as in production."""
    return lambda name: json.loads(recorded_text(name), parse_float=Decimal)


@pytest.fixture
def frame(recorded_text: Callable[[str], str]) -> Callable[[str], Any]:
    """Return a function that finds a frame captured from the main network on 2026-07-28 by how its name begins."""

    def find(name: str) -> Any:
        for line in recorded_text("captured-frames/lighter_mainnet_20260728.jsonl").splitlines():
            found = json.loads(line, parse_float=Decimal)
            if found["name"].startswith(name):
                return found["raw"]
        raise AssertionError(f"no frame {name}")

    return find


@pytest.fixture
def vectors() -> Any:
    """Return the signing vectors."""
    return json.loads(recorded_data(DATA.parent / "venues/vectors/lighter.json").read_text(encoding="utf-8"))


@pytest.fixture
def eth() -> Market:
    """Return the ETH market as the venue had it in 2026."""
    row = {
        "symbol": "ETH",
        "market_id": 0,
        "market_type": "perp",
        "status": "active",
        "taker_fee": "0.0000",
        "maker_fee": "0.0000",
        "min_base_amount": "0.0050",
        "min_quote_amount": "10.000000",
        "order_quote_limit": "281474976.710655",
        "size_decimals": 4,
        "price_decimals": 2,
        "default_initial_margin_fraction": 500,
        "min_initial_margin_fraction": 200,
        "maintenance_margin_fraction": 120,
    }
    fees = FeeSchedule(maker=Decimal("0.000028"), taker=Decimal("0.000196"))
    return markets_of({"order_book_details": [row]}, "lt", account_fees=fees, asset_classes={})[0]


@pytest.fixture
def bench() -> Bench:
    """Return what runs a body on the plugin over its fake, in virtual time."""
    (spec,) = plugin.arb_exchanges()
    return Bench(spec, lots=1_000)
