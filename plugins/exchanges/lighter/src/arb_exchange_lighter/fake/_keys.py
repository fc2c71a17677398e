"""The throw-away account and key that the fake knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import SecretStr

ACCOUNT_INDEX: Final = 65_001
API_KEY_INDEX: Final = 7
PRIVATE_KEY: Final = "07" * 39 + "00"
"""It opens nothing but the fake."""

CHAIN_ID: Final = 304
"""Of the main network, which other clients take an address for that they do not know."""

L1_ADDRESS: Final = "0x00000000000000000000000000000000000000fa"
TIER: Final = "plus"


def fake_settings(address: str) -> Mapping[str, Any]:
    """Return the plugin's settings for the fake at an address."""
    return {
        "network": "mainnet",
        "account_index": ACCOUNT_INDEX,
        "api_key_index": API_KEY_INDEX,
        "private_key": SecretStr(PRIVATE_KEY),
        "tier": TIER,
        "api_url": address,
        "stream_url": address.replace("http", "ws", 1) + "/stream",
    }
