"""Transactions as the venue receives them: the bytes read, the hash rebuilt from them, the signature checked."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from ._curve import Table, verified
from ._poseidon import PRIME, hashed

ORDER: Final = 14
CANCEL: Final = 15
CANCEL_ALL: Final = 16
MODIFY: Final = 17
LEVERAGE: Final = 20

_HASHED: Final[Mapping[int, tuple[str, ...]]] = MappingProxyType(
    {
        ORDER: (
            *("MarketIndex", "ClientOrderIndex", "BaseAmount", "Price", "IsAsk"),
            *("Type", "TimeInForce", "ReduceOnly", "TriggerPrice", "OrderExpiry"),
        ),
        CANCEL: ("MarketIndex", "Index"),
        CANCEL_ALL: ("TimeInForce", "Time"),
        MODIFY: ("MarketIndex", "Index", "BaseAmount", "Price", "TriggerPrice"),
        LEVERAGE: ("MarketIndex", "InitialMarginFraction", "MarginMode"),
    }
)
"""What each type hashes after its head, in order (elliottech/lighter-go, types/txtypes)."""

SKIP_NONCE: Final = 4
ONE_MARKET: Final = 5
_SAYS_NOTHING: Final[Mapping[int, int]] = MappingProxyType({ONE_MARKET: 255})
"""Values that are left out of the hash, where they are not zero."""

_MOST_ATTRIBUTES: Final = 4


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction that could be read.

    Attributes:
        fields: As they were sent.
        attributes: By type, without those that say nothing.
        message: The hashed text: five field elements.
        signature: 80 bytes.
    """

    kind: int
    fields: Mapping[str, Any]
    attributes: Mapping[int, int]
    message: tuple[int, ...]
    signature: bytes

    @property
    def hash(self) -> str:
        """Return the venue's name of it."""
        return b"".join(element.to_bytes(8, "little") for element in self.message).hex()


def read_transaction(kind: int, info: str, chain_id: int) -> Transaction:
    """Read `tx_type` and `tx_info` of `sendTx`; raises ValueError, KeyError or TypeError."""
    fields = json.loads(info)
    told = {int(name): int(value) for name, value in (fields.get("L2TxAttributes") or {}).items()}
    attributes = {kind: value for kind, value in told.items() if value != _SAYS_NOTHING.get(kind, 0)}
    head = (
        chain_id,
        kind,
        fields["Nonce"],
        fields["ExpiredAt"],
        fields["AccountIndex"],
        fields["ApiKeyIndex"],
    )
    message = hashed([*head, *(fields[name] for name in _HASHED[kind])])
    if attributes:
        message = hashed((*message, *hashed(_padded(attributes))))
    try:
        signature = base64.b64decode(fields["Sig"], validate=True)
    except binascii.Error as error:
        raise ValueError(f"no signature: {error}") from error
    return Transaction(kind, fields, MappingProxyType(attributes), message, signature)


def is_signed(transaction: Transaction, key: Table) -> bool:
    """Return whether the owner of a key signed a transaction."""
    return verified(key, transaction.message, transaction.signature)


def token_message(text: str) -> tuple[int, ...]:
    """Return the hash of the signed part of a token: its bytes eight by eight, the last ones padded with zeros."""
    raw = text.encode()
    raw += bytes(-len(raw) % 8)
    elements = [int.from_bytes(raw[start : start + 8], "little") for start in range(0, len(raw), 8)]
    if any(element >= PRIME for element in elements):
        raise ValueError("bytes that are no field element")
    return hashed(elements)


def _padded(attributes: Mapping[int, int]) -> list[int]:
    pairs = [number for pair in sorted(attributes.items()) for number in pair]
    return pairs + [0] * (2 * _MOST_ATTRIBUTES - len(pairs))
