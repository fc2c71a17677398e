"""The keys that the fake venue knows. They open nothing anywhere else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from pydantic import SecretStr

from arb.net import EvmKey

API_KEY: Final = "fakeApiKeyOfGrvt"
PRIVATE_KEY: Final = hashlib.sha256(b"the throw-away key of a fake GRVT").hexdigest()
SUB_ACCOUNT: Final = "4724219064482495"
ACCOUNT_ID: Final = "ACC:fake"
MAIN_ACCOUNT: Final = "0x" + hashlib.sha256(b"the funding account of a fake GRVT").hexdigest()[:40]
CHAIN_ID: Final = 326


def signer_address() -> str:
    """Return whose signatures the account takes, in lower case."""
    return EvmKey(PRIVATE_KEY).address


def fake_settings(address: str) -> Mapping[str, Any]:
    """Return the settings of a client of a fake at this address: a test network, on which keys of none are good."""
    socket = address.replace("http", "ws", 1)
    return {
        "network": "testnet",
        "sub_account_id": SUB_ACCOUNT,
        "api_key": SecretStr(API_KEY),
        "private_key": SecretStr(PRIVATE_KEY),
        "edge_url": address,
        "trades_url": address,
        "market_url": address,
        "trades_stream_url": f"{socket}/ws/full",
        "market_stream_url": f"{socket}/ws/full",
    }
