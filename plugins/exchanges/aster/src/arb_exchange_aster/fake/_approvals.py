"""What a wallet signs to approve an agent, and how requests were signed before 2026. No plugin sends either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from arb.net import TypedData, keccak256
from arb_exchange_aster._signing import typed_message

Value = str | int | bool
_WORD: Final = 32
APPROVAL_CHAIN: Final = 56
REGISTERED: Final = (
    "user",
    "nonce",
    "agentName",
    "agentAddress",
    "expired",
    "signatureChainId",
    "canSpotTrade",
    "canPerpTrade",
    "canWithdraw",
    "ipWhitelist",
)
"""The parameters of `registerAndApproveAgent` in the order in which they are signed."""


def approval_digest(primary: str, fields: Mapping[str, Value]) -> bytes:
    """Return what a wallet signs for `approveAgent` and its kind: a struct of all parameters, types by their values."""
    named = {f"{name[:1].upper()}{name[1:]}": value for name, value in fields.items()}
    domain = {
        "name": "AsterSignTransaction",
        "version": "1",
        "chainId": APPROVAL_CHAIN,
        "verifyingContract": "0x" + "00" * 20,
    }
    typed = TypedData(domain, primary, {primary: [(name, _kind(value)) for name, value in named.items()]})
    return typed.digest(named)


def registration_digest(fields: Mapping[str, Value]) -> bytes:
    """Return what a wallet signs for `registerAndApproveAgent`: a message on the chain that the parameters name."""
    text = "&".join(f"{name}={_written(fields.get(name, ''))}" for name in REGISTERED)
    return typed_message(int(fields["signatureChainId"])).digest({"msg": text})


def legacy_digest(text: str, user: str, signer: str, nonce: int) -> bytes:
    """Return what was signed before 2026-01-22: sorted JSON, both addresses and the nonce, as a contract reads them."""
    raw = text.encode()
    padded = raw + b"\0" * (-len(raw) % _WORD)
    words = [4 * _WORD, int(user, 16), int(signer, 16), nonce, len(raw)]
    packed = b"".join(word.to_bytes(_WORD, "big") for word in words) + padded
    return keccak256(b"\x19Ethereum Signed Message:\n32" + keccak256(packed))


def _kind(value: Value) -> str:
    if isinstance(value, bool):
        return "bool"
    return "uint256" if isinstance(value, int) else "string"


def _written(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
