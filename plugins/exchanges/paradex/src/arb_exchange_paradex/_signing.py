"""Signatures of Paradex: typed data of Starknet (SNIP-12 in its revision 0), Pedersen hashes, the STARK curve.

    struct(T)  = H(keccak("T(field:felt,...)") mod 2^250, field, ...)
    message    = H("StarkNet Message", struct(domain), account, struct(message))
    H(x1..xn)  = pedersen(...pedersen(pedersen(0, x1), x2)..., n)

A signature is checked by the venue and never compared: its own client, ccxt and this plugin choose other nonces for
the same hash, and each of the signatures is valid.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import reduce
from types import MappingProxyType
from typing import Final

from arb.api import ConfigError
from arb.model import Side
from arb.net import keccak256

Felt = int | str
PRIME: Final = 2**251 + 17 * 2**192 + 1
ORDER: Final = 0x800000000000010FFFFFFFFFFFFFFFFB781126DCAE7B2321E66A241ADC64D2F
"""Of the group of the curve: private keys are below it."""

QUANTUM: Final = Decimal("0.00000001")
"""Prices and sizes are signed as whole numbers of this."""

TYPES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "StarkNetDomain": ("name", "chainId", "version"),
        "Request": ("method", "path", "body", "timestamp", "expiration"),
        "Order": ("timestamp", "market", "side", "orderType", "size", "price"),
        "ModifyOrder": ("timestamp", "market", "side", "orderType", "size", "price", "id"),
        "Constant": ("action",),
    }
)
"""Every field is a felt, in this order."""

_DIGITS: Final = re.compile(r"[0-9]+")
_HEX: Final = re.compile(r"0[xX][0-9a-fA-F]+")
_KECCAK_MASK: Final = (1 << 250) - 1
_CONTRACT_ADDRESS: Final = "STARKNET_CONTRACT_ADDRESS"
_ADDRESS_BOUND: Final = 2**251 - 256
_SHORTEST_EXPIRY_S: Final = 180
_LOGIN_PATH: Final = "/v1/auth"
"""What is signed at every login, also where the address holds a public key or another version."""


def felt(value: Felt) -> int:
    """Return a value as a field element: digits and 0x as numbers, other text as its ASCII bytes.

    Raises:
        ValueError: it is no element, or a text of more than 31 characters.
    """
    if isinstance(value, int):
        number = value
    elif _DIGITS.fullmatch(value):
        number = int(value)
    elif _HEX.fullmatch(value):
        number = int(value, 16)
    else:
        raw = value.encode("ascii")
        if len(raw) > 31:
            raise ValueError("a short string has 31 characters at most")
        number = int.from_bytes(raw, "big")
    if not 0 <= number < PRIME:
        raise ValueError("not an element of the field")
    return number


def starknet_keccak(text: str) -> int:
    """Return the Keccak-256 of a text, cut to 250 bits."""
    return int.from_bytes(keccak256(text.encode()), "big") & _KECCAK_MASK


def chained_hash(values: Sequence[int]) -> int:
    """Return the Pedersen hash of a list and its length."""
    from fast_stark_crypto import pedersen_hash

    return reduce(pedersen_hash, (*values, len(values)), 0)


def type_hash(name: str) -> int:
    """Return the hash of a type's own description."""
    return starknet_keccak(f"{name}({','.join(f'{field}:felt' for field in TYPES[name])})")


def struct_hash(name: str, values: Mapping[str, Felt], *, known: int | None = None) -> int:
    """Return the hash of a struct; `known` is its type's where that was computed before."""
    kind = type_hash(name) if known is None else known
    return chained_hash([kind, *(felt(values[field]) for field in TYPES[name])])


def scaled(value: Decimal) -> int:
    """Return a price or size in the quanta that are signed; raises ValueError for one that is finer."""
    quanta = value / QUANTUM
    if quanta != quanta.to_integral_value():
        raise ValueError(f"{value} has more than 8 decimals")
    return int(quanta)


def order_message(
    *, timestamp_ms: int, market: str, side: Side, order_type: str, size: Decimal, price: Decimal | None
) -> dict[str, Felt]:
    """Return the signed part of an order; one without a price, at the market, signs 0."""
    return {
        "timestamp": timestamp_ms,
        "market": market,
        "side": "1" if side is Side.BUY else "2",
        "orderType": order_type,
        "size": scaled(size),
        "price": 0 if price is None else scaled(price),
    }


def contract_address(class_hash: int, calldata: Sequence[int], salt: int) -> int:
    """Return where a contract lies that nobody in particular has deployed."""
    parts = [felt(_CONTRACT_ADDRESS), 0, salt, class_hash, chained_hash(calldata)]
    return chained_hash(parts) % _ADDRESS_BOUND


def main_address(public_key: int, proxy_hash: int, account_hash: int) -> int:
    """Return the address of the account whose main key this is."""
    calldata = [account_hash, starknet_keccak("initialize"), 2, public_key, 0]
    return contract_address(proxy_hash, calldata, public_key)


class Signer:
    """Signs for one account. Neither its text nor its errors show the key."""

    def __init__(self, account: str, private_key: str, chain: str) -> None:
        """Read the key.

        Args:
            account: Address of the account, also where the key is one of its subkeys.
            private_key: Hex, with or without 0x.
            chain: Name of the network's chain.

        Raises:
            ConfigError: it is no key; the text is not repeated.
        """
        from fast_stark_crypto import get_public_key

        try:
            key = int(private_key.strip(), 16)
        except ValueError:
            raise ConfigError("paradex: private_key is not hexadecimal") from None
        if not 0 < key < ORDER:
            raise ConfigError("paradex: private_key is no key of the STARK curve")
        self._key: Final = key
        self.account: Final = account
        self._address = felt(account)
        self.public_key: Final[int] = get_public_key(key)
        self._types = {name: type_hash(name) for name in TYPES}
        domain: dict[str, Felt] = {"name": "Paradex", "chainId": felt(chain), "version": "1"}
        self._prefix = [felt("StarkNet Message"), struct_hash("StarkNetDomain", domain), self._address]

    def message_hash(self, name: str, values: Mapping[str, Felt]) -> int:
        """Return what is signed of a message of one of :data:`TYPES`."""
        return chained_hash([*self._prefix, struct_hash(name, values, known=self._types[name])])

    def sign(self, name: str, values: Mapping[str, Felt]) -> str:
        """Return the signature as the venue reads it: a text that holds a JSON array of two decimal texts."""
        from fast_stark_crypto import sign

        r, s = sign(self._key, self.message_hash(name, values))
        return json.dumps([str(r), str(s)], separators=(",", ":"))

    def login_headers(self, now_s: int) -> dict[str, str]:
        """Return the headers of a login at the venue's time, in seconds."""
        expiry_s = now_s + _SHORTEST_EXPIRY_S
        values: dict[str, Felt] = {
            "method": "POST",
            "path": _LOGIN_PATH,
            "body": "",
            "timestamp": now_s,
            "expiration": expiry_s,
        }
        return {
            "PARADEX-STARKNET-ACCOUNT": self.account,
            "PARADEX-STARKNET-SIGNATURE": self.sign("Request", values),
            "PARADEX-TIMESTAMP": str(now_s),
            "PARADEX-SIGNATURE-EXPIRATION": str(expiry_s),
        }

    def __repr__(self) -> str:
        return f"Signer({self.account})"
