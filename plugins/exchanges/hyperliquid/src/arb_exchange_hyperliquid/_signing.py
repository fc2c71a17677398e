"""Signatures of actions (SDK, `signing.py`: sign_l1_action).

The action's MessagePack, the nonce, the account and the expiry are hashed; a wallet signs that hash as the
`connectionId` of a made-up EIP-712 struct. Keys of the action are hashed in their order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from arb.net import EvmKey, EvmSignature, TypedData, keccak256

AGENT_TYPES: Final = {"Agent": (("source", "string"), ("connectionId", "bytes32"))}
AGENT_DOMAIN: Final = {
    "name": "Exchange",
    "version": "1",
    "chainId": 1337,
    "verifyingContract": "0x" + "0" * 40,
}
SOURCES: Final = {"mainnet": "a", "testnet": "b"}
JSON_SEPARATORS: Final = (",", ":")


def action_hash(action: Mapping[str, Any], nonce: int, vault: str | None, expires_ms: int | None) -> bytes:
    """Return the `connectionId` of an action."""
    import msgpack

    parts = [msgpack.packb(action), nonce.to_bytes(8, "big")]
    parts.append(b"\x00" if vault is None else b"\x01" + bytes.fromhex(vault[2:]))
    if expires_ms is not None:
        parts.append(b"\x00" + expires_ms.to_bytes(8, "big"))
    return keccak256(b"".join(parts))


class ActionSigner:
    """Signs for one account with one key.

    Attributes:
        address: The key's own.
    """

    def __init__(self, key: EvmKey, network: str, *, vault: str | None = None) -> None:
        """Prepare what every signature shares.

        Args:
            key: Of the master wallet or an API wallet.
            network: `mainnet` or `testnet`.
            vault: The sub-account or vault that is traded for; None for the master itself.
        """
        self.address = key.address
        self._key = key
        self._source = SOURCES[network]
        self._vault = vault
        self._typed = TypedData(AGENT_DOMAIN, "Agent", AGENT_TYPES)

    def sign(self, action: Mapping[str, Any], nonce: int, expires_ms: int | None) -> EvmSignature:
        """Return the signature of an action."""
        connection = action_hash(action, nonce, self._vault, expires_ms)
        return self._key.sign(self._typed.digest({"source": self._source, "connectionId": connection}))

    def body(self, action: Mapping[str, Any], nonce: int, expires_ms: int | None) -> bytes:
        """Return the body of the request that carries an action; its keys keep the order that was signed."""
        signature = self.sign(action, nonce, expires_ms)
        payload = {
            "action": action,
            "nonce": nonce,
            "signature": {"r": hex(signature.r), "s": hex(signature.s), "v": signature.v},
            "vaultAddress": self._vault,
            "expiresAfter": expires_ms,
        }
        return json.dumps(payload, separators=JSON_SEPARATORS).encode()
