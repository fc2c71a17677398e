"""What the fake venue checks of a request: who signed the bytes it received, and when."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from arb.api import HttpRequest
from arb.model import MILLISECOND_NS
from arb.net import EvmSignature, recover_address
from arb_dialect_fapi.fake import Query, Refusal, header, params_of, signed_parts
from arb_exchange_aster._signing import typed_message

from ._approvals import Value, approval_digest, registration_digest
from ._keys import API_KEY, SECRET, USER

_V3: Final = "v3"
_KEPT: Final = 100
_WINDOW_US: Final = 10_000_000
_USUAL_WINDOW_MS: Final = 5_000
_WIDEST_WINDOW_MS: Final = 60_000
_AHEAD_MS: Final = 1_000
_BY_WALLET: Final = ("approveAgent", "registerAndApproveAgent")
_NOT_SIGNED: Final = ("signature", "signatureChainId")
_FLAGS: Final = ("canSpotTrade", "canPerpTrade", "canWithdraw")
_NUMBERS: Final = ("expired", "nonce", "signatureChainId")
_BAD_SIGNATURE: Final = (-1022, "Signature for this request is not valid.")
_NOT_ALLOWED: Final = (-2015, "Invalid API-key, IP, or permissions for action.")
_NONCE: Final = (-4225, "Nonce Expired")


class AsterAuth:
    """Implements :class:`arb_dialect_fapi.fake.FakeAuth`."""

    def __init__(self, agents: list[dict[str, Any]], nonces: list[int], chain_id: int) -> None:
        """Take what the ground's memory keeps.

        Args:
            agents: Approved ones, as the venue lists them.
            nonces: The last of the user.
            chain_id: Of the network that is imitated.
        """
        self._agents = agents
        self._nonces = nonces
        self._typed = typed_message(chain_id)

    def signed(self, request: HttpRequest, now_ns: int) -> Query:
        """Check a signed request and return its parameters; raises Refusal."""
        path = urlsplit(request.url).path
        if path.endswith(_BY_WALLET):
            return self._approved(path, params_of(request), now_ns)
        if _V3 in path.split("/"):
            return self._by_agent(request, now_ns)
        self._key(request)
        params = params_of(request)
        text, signature = signed_parts(request)
        _require_time(params, now_ns // MILLISECOND_NS)
        wanted = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, signature.lower()):
            raise Refusal(*_BAD_SIGNATURE)
        return params

    def keyed(self, request: HttpRequest, now_ns: int) -> None:
        """Check a call about a listen key: version 3 wants a signature, version 1 the key's header alone."""
        if _V3 in urlsplit(request.url).path.split("/"):
            self._by_agent(request, now_ns)
        else:
            self._key(request)

    def _by_agent(self, request: HttpRequest, now_ns: int) -> Query:
        params = params_of(request)
        text, signature = signed_parts(request)
        signer, user = params.get("signer", "").lower(), params.get("user", USER).lower()
        if user != USER or not self._may(signer, now_ns):
            raise Refusal(*_NOT_ALLOWED, status=401)
        if _signer_of(self._typed.digest({"msg": text}), signature) != signer:
            raise Refusal(*_BAD_SIGNATURE)
        self._take(params.get("nonce", ""), now_ns)
        return params

    def _may(self, signer: str, now_ns: int) -> bool:
        if signer == USER:
            return True
        return any(
            row["agentAddress"].lower() == signer and row["canPerpTrade"] and row["expired"] * MILLISECOND_NS > now_ns
            for row in self._agents
        )

    def _approved(self, path: str, params: Query, now_ns: int) -> Query:
        fields = {name: _value(name, text) for name, text in params.items() if name not in _NOT_SIGNED}
        if path.endswith("registerAndApproveAgent"):
            digest = registration_digest({**fields, "signatureChainId": int(params.get("signatureChainId", "56"))})
        else:
            digest = approval_digest("ApproveAgent", fields)
        if _signer_of(digest, params.get("signature", "")) != USER or params.get("user", "").lower() != USER:
            raise Refusal(*_BAD_SIGNATURE)
        self._take(params.get("nonce", ""), now_ns)
        return params

    def _take(self, nonce: str, now_ns: int) -> None:
        """Take a nonce: near the venue's time, not used, not below the last hundred."""
        if not (nonce.isascii() and nonce.isdigit()):
            raise Refusal(-1102, "Mandatory parameter 'nonce' was not sent, was empty/null, or malformed.")
        number, kept = int(nonce), self._nonces
        if abs(number - now_ns // 1_000) > _WINDOW_US or number in kept:
            raise Refusal(*_NONCE)
        if len(kept) >= _KEPT:
            if number < min(kept):
                raise Refusal(*_NONCE)
            kept.remove(min(kept))
        kept.append(number)

    def _key(self, request: HttpRequest) -> None:
        key = header(request, "X-MBX-APIKEY")
        if not key:
            raise Refusal(-2014, "API-key format invalid.", status=401)
        if key != API_KEY:
            raise Refusal(*_NOT_ALLOWED, status=401)


def _signer_of(digest: bytes, signature: str) -> str | None:
    """Return who signed; the prefix and the case of the text do not matter."""
    digits = signature[2:] if signature[:2] in ("0x", "0X") else signature
    try:
        raw = bytes.fromhex(digits)
        if len(raw) != 65:
            return None
        parts = EvmSignature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big"), raw[64])
        return recover_address(digest, parts)
    except ValueError:
        return None


def _value(name: str, text: str) -> Value:
    if name in _FLAGS:
        return text.lower() == "true"
    return int(text) if name in _NUMBERS and text.isdigit() else text


def _require_time(params: Mapping[str, str], now_ms: int) -> None:
    stamp, window = params.get("timestamp", ""), params.get("recvWindow", str(_USUAL_WINDOW_MS))
    if not (stamp.isascii() and stamp.isdigit()):
        raise Refusal(-1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.")
    if not (window.isascii() and window.isdigit() and 0 < int(window) <= _WIDEST_WINDOW_MS):
        raise Refusal(-1130, "Data sent for parameter 'recvWindow' is not valid.")
    if int(stamp) >= now_ms + _AHEAD_MS:
        raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - int(stamp) > int(window):
        raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")
