"""The account that the fake venue knows, with its main key and one subkey. They open nothing anywhere else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from pydantic import SecretStr

from arb_exchange_paradex._signing import ORDER, main_address

CHAIN: Final = "PRIVATE_SN_POTC_SEPOLIA"
ACCOUNT_HASH: Final = 0x41CB0280EBADAA75F996D8D92C6F265F6D040BB3BA442E5F86A554F1765244E
PROXY_HASH: Final = 0x3530CC4759D78042F1B543BF797F5F3D647CDE0388C33734CF91B7F7B9314A9
"""Class hashes of the venue's test network, out of which an account's address is made."""

TOKEN_SECRET: Final = hashlib.sha256(b"the token secret of a fake Paradex").digest()


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"the throw-away {name} of a fake Paradex".encode()).digest(), "big") % ORDER


SUBKEY: Final = _key("subkey")
MAIN_KEY: Final = _key("main key")


@cache
def public_of(key: int) -> int:
    """Return the public half of a key."""
    from fast_stark_crypto import get_public_key

    return int(get_public_key(key))


@cache
def account() -> str:
    """Return the address of the account."""
    return hex(main_address(public_of(MAIN_KEY), PROXY_HASH, ACCOUNT_HASH))


def fake_settings(address: str) -> Mapping[str, Any]:
    """Return the settings of a client of a fake at this address."""
    return {
        "network": "testnet",
        "account": account(),
        "private_key": SecretStr(hex(SUBKEY)),
        "api_url": f"{address}/v1",
        "stream_url": f"{address.replace('http', 'ws', 1)}/v1",
    }
