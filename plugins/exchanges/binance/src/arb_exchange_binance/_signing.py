"""Signatures of Binance: HMAC-SHA256 or Ed25519 over the parameters as they are sent.

The rules are those of "SIGNED Endpoint security" and "General API Information" of the venue's documents: the
parameters of the query, directly followed by those of the body, url-encoded; `signature` is the last of them. Of an
HMAC key it is hexadecimal, of an Ed25519 key base64, url-encoded as every other value.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

from arb.api import ConfigError
from arb.model import MILLISECOND_NS

_PEM: Final = "-----BEGIN"
Sign = Callable[[bytes], str]


class BinanceSigner:
    """Implements :class:`arb_dialect_fapi.Signer`. Neither its text nor its errors show the secret."""

    def __init__(self, api_key: str, api_secret: str, window_ns: int) -> None:
        """Read the key.

        Args:
            api_key: Names it at the venue.
            api_secret: The secret of an HMAC key, or the private half of an Ed25519 key as PEM.
            window_ns: How long a request stays valid, by the venue's clock.

        Raises:
            ConfigError: the secret is none.
        """
        self._api_key = api_key
        self._sign = signing(api_secret)
        self._window_ms = window_ns // MILLISECOND_NS
        self.account: Final = hashlib.sha256(api_key.encode()).hexdigest()[:16]

    @property
    def validity_ns(self) -> int:
        """Return how long after its signing a request may still be taken."""
        return self._window_ms * MILLISECOND_NS

    def headers(self) -> Mapping[str, str]:
        """Return the header that names the key."""
        return {"X-MBX-APIKEY": self._api_key}

    def signed(self, form: str, now_ns: int) -> str:
        """Return the form with its window, its time and the signature."""
        timed = f"{form}&" if form else ""
        timed += f"recvWindow={self._window_ms}&timestamp={now_ns // MILLISECOND_NS}"
        return f"{timed}&signature={quote(self._sign(timed.encode()), safe='')}"

    def listen_form(self, now_ns: int) -> str:
        """Return nothing: of a listen key the header is enough."""
        return ""


def signing(api_secret: str) -> Sign:
    """Return the function that signs with a secret; raises ConfigError for one that is none."""
    if not api_secret.strip():
        raise ConfigError("binance: api_secret is empty")
    if _PEM in api_secret:
        return _ed25519(api_secret)
    key = api_secret.encode()
    return lambda text: hmac.new(key, text, hashlib.sha256).hexdigest()


def _ed25519(pem: str) -> Sign:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.strip().encode(), password=None)
    except (ValueError, TypeError):
        # What it says may hold a part of the key.
        raise ConfigError("binance: api_secret is a PEM that holds no private key without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError("binance: api_secret is a PEM of another kind of key: make an Ed25519 or an HMAC key")
    return lambda text: base64.b64encode(key.sign(text)).decode()
