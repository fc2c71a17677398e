"""What the fake venue checks of a request: key, time, and the signature over the bytes it received."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final
from urllib.parse import unquote

from arb.api import HttpRequest
from arb.model import MILLISECOND_NS
from arb_dialect_fapi.fake import Query, Refusal, header, params_of, signed_parts

from ._keys import API_KEY, ED25519_KEY, SECRET, SEED

_USUAL_WINDOW_MS: Final = 5_000
_WIDEST_WINDOW_MS: Final = 60_000
_AHEAD_MS: Final = 1_000


class BinanceAuth:
    """Implements :class:`arb_dialect_fapi.fake.FakeAuth`."""

    def signed(self, request: HttpRequest, now_ns: int) -> Query:
        """Check a signed request and return its parameters; raises Refusal."""
        key = self._key(request)
        params = params_of(request)
        text, signature = signed_parts(request)
        _require_time(params, now_ns // MILLISECOND_NS)
        if not _fits(key, text.encode(), unquote(signature)):
            raise Refusal(-1022, "Signature for this request is not valid.")
        return params

    def keyed(self, request: HttpRequest, now_ns: int) -> None:
        """Check the key's header; raises Refusal."""
        self._key(request)

    def _key(self, request: HttpRequest) -> str:
        key = header(request, "X-MBX-APIKEY")
        if not key:
            raise Refusal(-2014, "API-key format invalid.", status=401)
        if key not in (API_KEY, ED25519_KEY):
            raise Refusal(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
        return key


def _require_time(params: Query, now_ms: int) -> None:
    stamp, window = params.get("timestamp", ""), params.get("recvWindow", str(_USUAL_WINDOW_MS))
    if not (stamp.isascii() and stamp.isdigit()):
        raise Refusal(-1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.")
    if not (window.isascii() and window.isdigit() and 0 < int(window) <= _WIDEST_WINDOW_MS):
        raise Refusal(-1131, "recvWindow must be less than 60000")
    if int(stamp) >= now_ms + _AHEAD_MS:
        raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - int(stamp) > int(window):
        raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")


def _fits(key: str, text: bytes, signature: str) -> bool:
    if key == API_KEY:
        return hmac.compare_digest(hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest(), signature.lower())
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    try:
        Ed25519PrivateKey.from_private_bytes(SEED).public_key().verify(base64.b64decode(signature, validate=True), text)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
