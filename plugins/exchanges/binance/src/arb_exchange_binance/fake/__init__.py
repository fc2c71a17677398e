"""Binance imitated: what is its own in the fake of the dialect."""

from ._keys import (
    API_KEY,
    ED25519_KEY,
    ed25519_pem,
    fake_settings,
)
from ._venue import (
    open_fake,
)

__all__ = [
    "API_KEY",
    "ED25519_KEY",
    "ed25519_pem",
    "fake_settings",
    "open_fake",
]
