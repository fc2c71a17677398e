"""The keys that the fake venue knows. They open nothing anywhere else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from pydantic import SecretStr

from arb.net import EvmKey

WALLET_SECRET: Final = hashlib.sha256(b"the throw-away wallet of a fake Aster").hexdigest()
AGENT_SECRET: Final = hashlib.sha256(b"the throw-away agent of a fake Aster").hexdigest()
USER: Final = EvmKey(WALLET_SECRET).address
AGENT: Final = EvmKey(AGENT_SECRET).address
API_KEY: Final = hashlib.sha256(b"the throw-away key of a fake Aster").hexdigest()
SECRET: Final = hashlib.sha256(b"the throw-away secret of a fake Aster").hexdigest()


def fake_settings(address: str) -> Mapping[str, Any]:
    """Return the settings of a client with an agent, of a fake at this address."""
    return {**_addresses(address), "user": USER, "agent_key": SecretStr(AGENT_SECRET)}


def key_settings(address: str) -> Mapping[str, Any]:
    """Return the settings of a client with a key of version 1."""
    return {**_addresses(address), "api_key": SecretStr(API_KEY), "api_secret": SecretStr(SECRET)}


def _addresses(address: str) -> dict[str, Any]:
    return {"api_url": address, "stream_url": address.replace("http", "ws", 1)}
