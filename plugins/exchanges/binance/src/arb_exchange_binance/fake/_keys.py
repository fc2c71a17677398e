"""The keys that the fake venue knows. They open nothing anywhere else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from pydantic import SecretStr

API_KEY: Final = hashlib.sha256(b"the throw-away key of a fake Binance").hexdigest()
SECRET: Final = hashlib.sha256(b"the throw-away secret of a fake Binance").hexdigest()
ED25519_KEY: Final = hashlib.sha256(b"the other throw-away key of a fake Binance").hexdigest()
SEED: Final = hashlib.sha256(b"the throw-away seed of a fake Binance").digest()


def ed25519_pem() -> str:
    """Return the private half of the Ed25519 key as PEM."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.from_private_bytes(SEED)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def fake_settings(address: str) -> Mapping[str, Any]:
    """Return the settings of a client of a fake at this address."""
    return {
        "api_url": address,
        "stream_url": address.replace("http", "ws", 1),
        "spot_url": address,
        "api_key": SecretStr(API_KEY),
        "api_secret": SecretStr(SECRET),
    }
