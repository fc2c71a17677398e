"""What the fake venue checks of signatures by the trading key: it computes what the chain would."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any, Final

from arb.model import Instrument, exact_money
from arb.net import EvmSignature, TypedData, recover_address

from ._keys import ACCOUNT_ID, TRADING_KEY, address_of
from ._refusal import Refusal
from ._shapes import CHAIN_ID, COIN_ID, CONTRACT, MAKER_FEE, RESOLUTION, TAKER_FEE

_DOMAIN: Final = {"name": "EdgeX", "version": "1", "chainId": CHAIN_ID, "verifyingContract": CONTRACT}
_TYPES: Final = {
    "OrderBase": [
        ("nonce", "uint256"),
        ("signer", "address"),
        ("accountId", "uint64"),
        ("expirationTimestamp", "uint256"),
    ],
    "LimitOrderParams": [
        ("base", "OrderBase"),
        ("amountSynthetic", "int256"),
        ("amountCollateral", "int256"),
        ("amountFee", "uint256"),
        ("assetIdSynthetic", "uint64"),
        ("assetIdCollateral", "uint64"),
        ("isBuyingSynthetic", "bool"),
        ("parentOrderHash", "bytes32"),
        ("subOrderIndex", "uint256"),
    ],
    "SetMarginPreferenceParams": [
        ("accountId", "uint64"),
        ("assetId", "uint64"),
        ("marginMode", "uint8"),
        ("nonce", "uint256"),
        ("signer", "address"),
    ],
}
_COIN_UNITS: Final = 10**6
_EIGHT_DAYS_MS: Final = 8 * 86_400_000


def nonce_of(client_id: str) -> int:
    """Return the nonce that belongs to a client order id."""
    return int(hashlib.sha256(client_id.encode()).hexdigest()[:8], 16)


def require_order(body: Mapping[str, Any], instrument: Instrument, now_ms: int) -> int:
    """Check what an order says for the chain, and its signature; return its nonce. Raises Refusal."""
    expires_ms, size, value = whole(body, "expireTime"), positive(body, "size"), positive(body, "l2Value")
    if expires_ms <= now_ms:
        # The venue's own word for it is not known.
        raise Refusal("ORDER_EXPIRE_TIME_INVALID", param={"expireTime": str(expires_ms)})
    if whole(body, "l2ExpireTime") < expires_ms + _EIGHT_DAYS_MS:
        raise _invalid(body, "l2ExpireTime")
    nonce = whole(body, "l2Nonce")
    if nonce != nonce_of(str(body.get("clientOrderId", ""))):
        raise _invalid(body, "l2Nonce")
    fee = positive(body, "l2LimitFee")
    with exact_money():
        least_fee = (value * max(TAKER_FEE, MAKER_FEE)).to_integral_value(ROUND_CEILING)
        if positive(body, "l2Size") != size or fee < least_fee:
            raise _invalid(body, "l2Size")
        if body.get("type") == "LIMIT" and value != size * positive(body, "price"):
            raise _invalid(body, "l2Value")
        message = {
            "base": _base(nonce, expires_ms),
            "amountSynthetic": int(size * RESOLUTION),
            "amountCollateral": int(value * _COIN_UNITS),
            "amountFee": int(fee * _COIN_UNITS),
            "assetIdSynthetic": int(body["contractId"]),
            "assetIdCollateral": int(COIN_ID),
            "isBuyingSynthetic": body.get("side") == "BUY",
            "parentOrderHash": "0x" + "00" * 32,
            "subOrderIndex": 0,
        }
    _require_signature("LimitOrderParams", message, str(body.get("l2Signature", "")))
    return nonce


def require_margin_mode(body: Mapping[str, Any]) -> int:
    """Check a change of the margin mode and its signature; return the mode. Raises Refusal."""
    mode = whole(body, "marginMode")
    if mode not in (0, 1):
        raise _invalid(body, "marginMode")
    message = {
        "accountId": int(ACCOUNT_ID),
        "assetId": whole(body, "contractId"),
        "marginMode": mode,
        "nonce": whole(body, "l2Nonce"),
        "signer": address_of(TRADING_KEY),
    }
    _require_signature("SetMarginPreferenceParams", message, str(body.get("l2Signature", "")))
    return mode


def positive(body: Mapping[str, Any], name: str) -> Decimal:
    """Return a decimal above zero of a body; raises Refusal."""
    try:
        number = Decimal(str(body.get(name)))
    except InvalidOperation:
        raise _invalid(body, name) from None
    if not number.is_finite() or number <= 0:
        raise _invalid(body, name)
    return number


def whole(body: Mapping[str, Any], name: str) -> int:
    """Return a whole number of a body; raises Refusal."""
    value = body.get(name)
    if isinstance(value, bool) or not str(value).isdigit():
        raise _invalid(body, name)
    return int(str(value))


def _base(nonce: int, expires_ms: int) -> dict[str, Any]:
    return {
        "nonce": nonce,
        "signer": address_of(TRADING_KEY),
        "accountId": int(ACCOUNT_ID),
        "expirationTimestamp": expires_ms // 1000,
    }


def _require_signature(primary: str, message: Mapping[str, Any], signature: str) -> None:
    """Check a signature, with or without 0x before it; raises Refusal."""
    digits = signature.removeprefix("0x")
    try:
        raw = bytes.fromhex(digits)
        found = EvmSignature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big"), raw[64])
        signer = recover_address(TypedData(_DOMAIN, primary, _TYPES).digest(message), found)
    except (ValueError, IndexError):
        signer = ""
    if signer != address_of(TRADING_KEY):
        raise Refusal("L2_SIGNATURE_INVALID", param={"l2Signature": signature})


def _invalid(body: Mapping[str, Any], name: str) -> Refusal:
    return Refusal("GATEWAY_PARAM_INVALID", status=400, param={name: str(body.get(name))})
