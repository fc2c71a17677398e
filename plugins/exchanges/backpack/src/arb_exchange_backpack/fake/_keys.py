"""The key pair that the fake venue knows. It opens nothing anywhere else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, Final

from pydantic import SecretStr

SEED: Final = hashlib.sha256(b"the throw-away key of a fake Backpack").digest()


def public_key() -> str:
    """Return the public half, base64."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return base64.b64encode(Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()).decode()


def fake_settings(address: str) -> Mapping[str, Any]:
    """Return the settings of a client of a fake at this address."""
    return {
        "api_url": address,
        "stream_url": address.replace("http", "ws", 1),
        "api_key": SecretStr(public_key()),
        "api_secret": SecretStr(base64.b64encode(SEED).decode()),
    }
