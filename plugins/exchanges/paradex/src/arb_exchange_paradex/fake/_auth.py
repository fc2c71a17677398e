"""What the fake venue checks of logins, tokens and orders: it hashes what it received by itself."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from arb.api import HttpRequest
from arb.model import MILLISECOND_NS, SECOND_NS, Side
from arb_exchange_paradex._signing import Signer, order_message

from ._keys import CHAIN, MAIN_KEY, SUBKEY, TOKEN_SECRET, account, public_of
from ._refusal import Refusal, token_refused

LIFE_S: Final = 300
_DEFAULT_EXPIRY_S: Final = 30 * 60
_LONGEST_EXPIRY_S: Final = 7 * 24 * 3600
_AHEAD_S: Final = 10
"""How far a client's clock may be ahead: the venue does not say."""

DEFAULT_WINDOW_MS: Final = 300_000


def headers_of(request: HttpRequest) -> dict[str, str]:
    """Return the headers under lower-case names."""
    return {name.lower(): value for name, value in request.headers.items()}


class Gate:
    """Lets in whoever signs with a key of the account."""

    def __init__(self) -> None:
        self._hasher = Signer(account(), hex(MAIN_KEY), CHAIN)

    def login(self, request: HttpRequest, key: str, now_ns: int) -> Any:
        """Answer `POST /auth` and `POST /auth/{public_key}`."""
        headers = headers_of(request)
        given = {name: headers.get(f"paradex-{name}", "") for name in ("starknet-account", "timestamp")}
        self._require_account(given["starknet-account"])
        expiry = headers.get("paradex-signature-expiration") or ""
        if not given["timestamp"].isdigit() or (expiry and not expiry.isdigit()):
            raise Refusal(400, "INVALID_TIMESTAMP", "invalid timestamp")
        now_s, signed_s = now_ns // SECOND_NS, int(given["timestamp"])
        expires_s = int(expiry) if expiry else signed_s + _DEFAULT_EXPIRY_S
        if signed_s > now_s + _AHEAD_S or expires_s < now_s or expires_s - signed_s > _LONGEST_EXPIRY_S:
            raise Refusal(400, "INVALID_TIMESTAMP", "timestamp of the signature is out of range")
        public = self._key(key)
        values = {"method": "POST", "path": "/v1/auth", "body": "", "timestamp": signed_s, "expiration": expires_s}
        if not self._holds("Request", values, headers.get("paradex-starknet-signature", ""), public):
            raise Refusal(400, "STARKNET_SIGNATURE_VERIFICATION_FAILED", "signature verification failed")
        return {"jwt_token": token(now_s)}

    def require_token(self, request: HttpRequest, now_ns: int) -> None:
        """Check the token of a private call; raises Refusal."""
        scheme, _, given = headers_of(request).get("authorization", "").partition(" ")
        if scheme != "Bearer" or not is_valid(given, now_ns // SECOND_NS):
            raise token_refused()

    def require_order(self, body: Mapping[str, Any], side: Side, numbers: tuple[Any, Any], now_ns: int) -> int:
        """Check time and signature of an order, and return the hash that was signed; raises Refusal.

        Args:
            body: As it came.
            side: Of the order.
            numbers: Its size and its price; a price of None is signed as 0.
            now_ns: The venue's time.
        """
        stamp, window = _whole(body.get("signature_timestamp")), _whole(body.get("recv_window", DEFAULT_WINDOW_MS))
        if window < 10:
            raise Refusal(400, "VALIDATION_ERROR", "invalid recv_window")
        now_ms = now_ns // MILLISECOND_NS
        if now_ms > stamp + window or stamp > now_ms + _AHEAD_S * 1000:
            raise Refusal(400, "INVALID_TIMESTAMP", "signature timestamp is out of the receive window")
        size, price = numbers
        values = order_message(
            timestamp_ms=stamp, market=body["market"], side=side, order_type=body["type"], size=size, price=price
        )
        name = "Order"
        if "id" in body:
            name, values = "ModifyOrder", {**values, "id": body["id"]}
        keys = [public_of(key) for key in (SUBKEY, MAIN_KEY)]
        if not any(self._holds(name, values, body.get("signature"), key) for key in keys):
            raise Refusal(400, "INVALID_ORDER_SIGNATURE", "order signature verification failed")
        return self._hasher.message_hash(name, values)

    def _holds(self, name: str, values: Mapping[str, Any], signature: Any, public: int) -> bool:
        from fast_stark_crypto import verify

        try:
            r, s = (int(part, 0) for part in json.loads(signature))
            return bool(verify(public, self._hasher.message_hash(name, values), r, s))
        except (ValueError, TypeError):
            return False

    def _key(self, key: str) -> int:
        """Return the key that a login names; one that names none is by the main key."""
        if not key:
            return public_of(MAIN_KEY)
        try:
            found = int(key, 16)
        except ValueError:
            raise Refusal(400, "PUBLIC_KEY_INVALID", "invalid public key") from None
        if found not in (public_of(SUBKEY), public_of(MAIN_KEY)):
            raise Refusal(400, "INVALID_SUBKEY", "subkey is not registered")
        return found

    def _require_account(self, given: str) -> None:
        try:
            is_it = int(given, 16) == int(account(), 16)
        except ValueError:
            raise Refusal(400, "INVALID_STARKNET_ADDRESS", "invalid starknet address") from None
        if not is_it:
            raise Refusal(400, "NOT_ONBOARDED", "User has never called /onboarding endpoint")


def token(now_s: int) -> str:
    """Return a token that lives five minutes."""
    head = _part({"alg": "HS256", "typ": "JWT"})
    claims = _part({"typ": "at+JWT", "iat": now_s, "exp": now_s + LIFE_S, "sub": account()})
    return f"{head}.{claims}.{_seal(f'{head}.{claims}')}"


def is_valid(given: str, now_s: int) -> bool:
    """Return whether a token is one of ours and still lives."""
    text, _, seal = given.rpartition(".")
    if not hmac.compare_digest(seal, _seal(text)):
        return False
    try:
        claims = json.loads(base64.urlsafe_b64decode(text.partition(".")[2] + "=="))
        return int(claims["exp"]) > now_s
    except (ValueError, KeyError, binascii.Error):
        return False


def _part(value: Mapping[str, Any]) -> str:
    raw = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _seal(text: str) -> str:
    digest = hmac.new(TOKEN_SECRET, text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _whole(value: Any) -> int:
    """Return an integer; none stands for the usual window."""
    if value is None:
        return DEFAULT_WINDOW_MS
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refusal(400, "VALIDATION_ERROR", "invalid signature_timestamp or recv_window")
    return value
