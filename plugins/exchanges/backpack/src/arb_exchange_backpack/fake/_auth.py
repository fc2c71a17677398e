"""What the fake venue checks of a signed request: it rebuilds the signed text from the bytes it received."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from arb.api import HttpRequest
from arb.model import MILLISECOND_NS

from ._keys import public_key
from ._refusal import Refusal

DEFAULT_WINDOW_MS: Final = 5_000
WIDEST_WINDOW_MS: Final = 60_000
_AHEAD_MS: Final = 1_000
"""How far a client's clock may be ahead: the venue does not say; others see such requests refused."""

Params = Mapping[str, Any]


def query_of(request: HttpRequest) -> dict[str, str]:
    """Return the parameters of the query."""
    return dict(parse_qsl(request.url.partition("?")[2], keep_blank_values=True))


def body_of(request: HttpRequest) -> Any:
    """Return the body; fractions stay texts, since they are signed as they are written."""
    if not request.body:
        return {}
    try:
        return json.loads(request.body, parse_float=str)
    except ValueError:
        raise Refusal(400, "INVALID_CLIENT_REQUEST", "Invalid request body") from None


def require_signed(request: HttpRequest, instruction: str, params: Params | Sequence[Params], now_ns: int) -> None:
    """Check key, time and signature; raises Refusal."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    given = [headers.get(f"x-{name}", "") for name in ("api-key", "signature", "timestamp")]
    window = headers.get("x-window", str(DEFAULT_WINDOW_MS))
    batch = params if isinstance(params, Sequence) else [params]
    parts = "&".join(_part(instruction, each) for each in batch)
    require_signature(given[0], given[1], given[2], window, parts, now_ns)


def require_signature(key: str, signature: str, timestamp: str, window: str, parts: str, now_ns: int) -> None:
    """Check the pieces of a signed request or subscription; raises Refusal."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if key != public_key():
        raise Refusal(401, "UNAUTHORIZED", "Unauthorized")
    if not (timestamp.isdigit() and window.isdigit() and 0 < int(window) <= WIDEST_WINDOW_MS):
        raise Refusal(400, "INVALID_CLIENT_REQUEST", "Invalid timestamp or window")
    now_ms = now_ns // MILLISECOND_NS
    if int(timestamp) > now_ms + _AHEAD_MS:
        raise Refusal(400, "INVALID_CLIENT_REQUEST", "Invalid timestamp: too far in the future")
    if now_ms > int(timestamp) + int(window):
        raise Refusal(400, "INVALID_CLIENT_REQUEST", "Request has expired")
    text = f"{parts}&timestamp={timestamp}&window={window}"
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key))
        public.verify(base64.b64decode(signature, validate=True), text.encode())
    except (InvalidSignature, binascii.Error, ValueError):
        raise Refusal(400, "INVALID_SIGNATURE", "Invalid signature") from None


def _part(instruction: str, params: Params) -> str:
    pairs = "".join(f"&{key}={_text(value)}" for key, value in sorted(params.items()))
    return f"instruction={instruction}{pairs}"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
