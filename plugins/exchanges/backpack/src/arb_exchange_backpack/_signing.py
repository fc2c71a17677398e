"""Signatures of Backpack: Ed25519 over an instruction and its sorted parameters.

The rules are those of the section "Authentication" of https://docs.backpack.exchange: parameters of the query or
the body, ordered by name, as `name=value` joined with `&` and not quoted; before them `instruction=<name>`, after
them the time and the window of the headers. A batch of orders repeats the instruction before each order and ends
with one time and one window.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from arb.api import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Params = Mapping[str, str | int | bool]
_KEY_BYTES: Final = 32
NO_PARAMS: Final[Params] = {}


def signed_text(instruction: str, params: Params, timestamp_ms: int, window_ms: int) -> str:
    """Return what is signed for one request."""
    return f"{_part(instruction, params)}&timestamp={timestamp_ms}&window={window_ms}"


def signed_batch_text(instruction: str, batch: Sequence[Params], timestamp_ms: int, window_ms: int) -> str:
    """Return what is signed for one request with a list in its body."""
    parts = [_part(instruction, params) for params in batch]
    return f"{'&'.join(parts)}&timestamp={timestamp_ms}&window={window_ms}"


def _part(instruction: str, params: Params) -> str:
    return "&".join([f"instruction={instruction}", *(f"{key}={_text(params[key])}" for key in sorted(params))])


def _text(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


class Signer:
    """Signs for one API key. Neither its text nor its errors show the secret."""

    def __init__(self, api_key: str, api_secret: str) -> None:
        """Read the key pair.

        Args:
            api_key: The public half, base64.
            api_secret: The seed, base64. The 64 bytes of seed and public half, which some tools write, are taken too.

        Raises:
            ConfigError: one of them is no key, or they do not belong together.
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        public, secret = _decoded("api_key", api_key), _decoded("api_secret", api_secret)
        if len(public) != _KEY_BYTES:
            raise ConfigError(f"backpack: api_key holds {len(public)} bytes, a key has {_KEY_BYTES}")
        if len(secret) not in (_KEY_BYTES, 2 * _KEY_BYTES):
            raise ConfigError(f"backpack: api_secret holds {len(secret)} bytes, a seed has {_KEY_BYTES}")
        self._key: Ed25519PrivateKey = Ed25519PrivateKey.from_private_bytes(secret[:_KEY_BYTES])
        if self._key.public_key().public_bytes_raw() != public or secret[_KEY_BYTES:] not in (b"", public):
            raise ConfigError("backpack: api_key is not the public half of api_secret")
        self.api_key: Final = base64.b64encode(public).decode()

    def sign(self, text: str) -> str:
        """Return the signature of a text, base64."""
        return base64.b64encode(self._key.sign(text.encode())).decode()

    def headers(self, instruction: str, params: Params, timestamp_ms: int, window_ms: int) -> dict[str, str]:
        """Return the headers of a signed request."""
        return self._headers(signed_text(instruction, params, timestamp_ms, window_ms), timestamp_ms, window_ms)

    def batch_headers(
        self, instruction: str, batch: Sequence[Params], timestamp_ms: int, window_ms: int
    ) -> dict[str, str]:
        """Return the headers of a signed request with a list in its body."""
        return self._headers(signed_batch_text(instruction, batch, timestamp_ms, window_ms), timestamp_ms, window_ms)

    def subscription(self, timestamp_ms: int, window_ms: int) -> list[str]:
        """Return the `signature` of a subscription to private streams: key, signature, time, window."""
        text = signed_text("subscribe", NO_PARAMS, timestamp_ms, window_ms)
        return [self.api_key, self.sign(text), str(timestamp_ms), str(window_ms)]

    def _headers(self, text: str, timestamp_ms: int, window_ms: int) -> dict[str, str]:
        return {
            "X-API-Key": self.api_key,
            "X-Signature": self.sign(text),
            "X-Timestamp": str(timestamp_ms),
            "X-Window": str(window_ms),
            "Content-Type": "application/json; charset=utf-8",
        }


def _decoded(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(f"backpack: {name} is not base64") from None
