"""The account and the keys that the fake venue knows. They open nothing anywhere else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from pydantic import SecretStr

ACCOUNT_ID: Final = "700000000000000001"
API_KEY: Final = hashlib.sha256(b"the api key of a fake EdgeX").hexdigest()[:32]
PASSPHRASE: Final = "pass-" + hashlib.sha256(b"the passphrase of a fake EdgeX").hexdigest()[:20]
SECRET: Final = hashlib.sha256(b"the secret of a fake EdgeX").hexdigest()[:44]
TRADING_KEY: Final = hashlib.sha256(b"the trading key of a fake EdgeX").hexdigest()
WALLET_KEY: Final = hashlib.sha256(b"the wallet of a fake EdgeX").hexdigest()
"""Of the account's owner: it would sign withdrawals."""


def address_of(key: str) -> str:
    """Return what a key signs for, in lower case."""
    from arb.net import EvmKey

    return EvmKey(key).address


def fake_settings(address: str) -> Mapping[str, Any]:
    """Return the settings of a client of a fake at this address."""
    return {
        "api_url": address,
        "stream_url": address.replace("http", "ws", 1),
        "account_id": ACCOUNT_ID,
        "api_key": SecretStr(API_KEY),
        "api_passphrase": SecretStr(PASSPHRASE),
        "api_secret": SecretStr(SECRET),
        "trading_key": SecretStr(TRADING_KEY),
    }
