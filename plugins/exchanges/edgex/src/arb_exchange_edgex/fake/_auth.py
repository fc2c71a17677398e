"""What the fake venue checks of a private request: it rebuilds what was signed from the bytes it received."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from arb.api import HttpRequest
from arb.model import MILLISECOND_NS

from ._keys import ACCOUNT_ID, API_KEY, PASSPHRASE, SECRET
from ._refusal import Refusal

WINDOW_MS: Final = 60_000
_NAMES: Final = ("Api-Key", "Passphrase", "Signature", "Timestamp")


def query_of(url: str) -> dict[str, str]:
    """Return the parameters of a query."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def body_of(request: HttpRequest) -> dict[str, Any]:
    """Return the body; fractions stay texts, since they are signed as they are written."""
    try:
        body = json.loads(request.body, parse_float=str) if request.body else {}
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refusal("GATEWAY_PARAM_INVALID", status=400)
    return body


def require_signed(method: str, path: str, headers: Mapping[str, str], parameters: str, now_ns: int) -> None:
    """Check key, time, passphrase and signature, in this order; raises Refusal."""
    by_name = {name.lower(): value for name, value in headers.items()}
    given = [by_name.get(f"x-edgex-{name}".lower()) for name in _NAMES]
    for name, value in zip(_NAMES, given, strict=True):
        if not value:
            raise Refusal("GATEWAY_HEADER_REQUIRED", status=400, param={"header": f"X-edgeX-{name}"})
    key, passphrase, signature, timestamp = (str(value) for value in given)
    if key != API_KEY:
        raise Refusal("INVALID_API_KEY", status=401, param={"apiKey": key})
    if not timestamp.isdigit() or abs(int(timestamp) - now_ns // MILLISECOND_NS) > WINDOW_MS:
        raise Refusal("INVALID_TIMESTAMP", status=400, param={"timestamp": timestamp})
    if passphrase != PASSPHRASE:
        raise Refusal("INVALID_PASSPHRASE", status=401, param={"passphrase": passphrase})
    message = f"{timestamp}{method}{path}{parameters}"
    secret = base64.b64encode(SECRET.encode())
    if not hmac.compare_digest(hmac.new(secret, message.encode(), hashlib.sha256).hexdigest(), signature.lower()):
        raise Refusal("INVALID_SIGNATURE", status=401, param={"signature": signature})


def require_account(params: Mapping[str, Any]) -> None:
    """Check whose account is meant; raises Refusal."""
    if str(params.get("accountId")) != ACCOUNT_ID:
        raise Refusal("GATEWAY_PARAM_INVALID", status=400, param={"accountId": str(params.get("accountId"))})


def signed_query(query: Mapping[str, str]) -> str:
    """Return a query as it is signed."""
    return "&".join(f"{name}={query[name]}" for name in sorted(query))


def signed_body(value: Any) -> str:
    """Return a body as it is signed."""
    if isinstance(value, dict):
        return "&".join([f"{name}={signed_body(value[name])}" for name in sorted(value)])
    if isinstance(value, list):
        return "&".join([signed_body(each) for each in value])
    if value is True or value is False:
        return str(value).lower()
    return "" if value is None else str(value)
