"""Keys of Ethereum and typed data (EIP-712), for venues that sign with them.

The libraries (extra `arb-core[evm]`) are imported at the first use, so importing :mod:`arb.net` does not need them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from coincurve import PrivateKey

Fields = Sequence[tuple[str, str]]
"""Name and type of each field, in the order of the struct."""

_DOMAIN_FIELDS: Final = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
    ("salt", "bytes32"),
)
_WORD: Final = 32
_NUMBER: Final = re.compile(r"(u?)int(\d+)?")
_FIXED: Final = re.compile(r"bytes(\d+)")
_ARRAY: Final = re.compile(r"(.+)\[(\d*)\]")
_HEX: Final = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2})*)")

_Encode = Callable[[Any], bytes]


class EvmSignature(NamedTuple):
    """A recoverable secp256k1 signature; `v` is 27 or 28."""

    r: int
    s: int
    v: int

    def to_bytes(self) -> bytes:
        """Return the 65 bytes that contracts read: r, s, v."""
        return self.r.to_bytes(_WORD, "big") + self.s.to_bytes(_WORD, "big") + bytes([self.v])


class EvmKey:
    """A private key. It never shows in a text; `address` is what it signs for, in lower case."""

    def __init__(self, secret: str) -> None:
        """Read the key from 32 bytes in hex, with or without `0x`.

        Raises:
            ValueError: it is no key; the text is not repeated.
        """
        from coincurve import PrivateKey

        found = _HEX.fullmatch(secret.strip())
        if found is None or len(found[1]) != 2 * _WORD:
            raise ValueError("a private key is 64 hexadecimal digits, with or without 0x")
        try:
            self._key: PrivateKey = PrivateKey(bytes.fromhex(found[1]))
        except ValueError:
            raise ValueError("the private key is zero or beyond the order of the curve") from None
        self.address = _address_of(self._key.public_key.format(compressed=False))

    def sign(self, digest: bytes) -> EvmSignature:
        """Sign a digest of 32 bytes; the same digest always gives the same signature (RFC 6979, low s)."""
        if len(digest) != _WORD:
            raise ValueError(f"a digest has 32 bytes, not {len(digest)}")
        raw = self._key.sign_recoverable(digest, hasher=None)
        return EvmSignature(
            int.from_bytes(raw[:_WORD], "big"), int.from_bytes(raw[_WORD : 2 * _WORD], "big"), 27 + raw[2 * _WORD]
        )

    def __repr__(self) -> str:
        return f"EvmKey(address={self.address!r})"


def recover_address(digest: bytes, signature: EvmSignature) -> str:
    """Return whose signature it is, in lower case; a changed digest gives another address.

    Raises:
        ValueError: no key can have made it.
    """
    from coincurve import PublicKey

    if len(digest) != _WORD or signature.v not in (27, 28):
        raise ValueError("a digest has 32 bytes, and v is 27 or 28")
    try:
        raw = signature.to_bytes()[:-1] + bytes([signature.v - 27])
        return _address_of(PublicKey.from_signature_and_message(raw, digest, hasher=None).format(compressed=False))
    except (ValueError, OverflowError):
        raise ValueError("no key can have made this signature") from None


def keccak256(data: bytes) -> bytes:
    """Return Keccak-256 as Ethereum has it, which is not SHA3-256."""
    from Crypto.Hash import keccak

    return keccak.new(digest_bits=256, data=data).digest()


class TypedData:
    """Signs structs of one primary type in one domain: what can be computed once is."""

    def __init__(self, domain: Mapping[str, Any], primary: str, types: Mapping[str, Fields]) -> None:
        """Check and compile the types.

        Args:
            domain: Any of name, version, chainId, verifyingContract and salt.
            primary: The type of the messages.
            types: Its fields and those of every struct within; `EIP712Domain` is not needed.

        Raises:
            ValueError: a type is unknown, or contains itself.
        """
        fields = [field for field in _DOMAIN_FIELDS if field[0] in domain]
        if len(fields) != len(domain):
            raise ValueError(f"a domain has the fields {', '.join(name for name, _ in _DOMAIN_FIELDS)} and no other")
        separator = _struct("EIP712Domain", {"EIP712Domain": fields}, ())(domain)
        self._prefix: Final = b"\x19\x01" + separator
        self._hash: Final = _struct(primary, types, ())

    def digest(self, message: Mapping[str, Any]) -> bytes:
        """Return the 32 bytes to sign.

        Integers are `int`; bytes are `bytes` or hex text; addresses are hex text of 20 bytes.

        Raises:
            ValueError: a field is missing or too many, or a value does not fit its type.
        """
        return keccak256(self._prefix + self._hash(message))


def _struct(name: str, types: Mapping[str, Fields], within: tuple[str, ...]) -> _Encode:
    """Return the function that hashes a struct (EIP-712, hashStruct)."""
    if name in within:
        raise ValueError(f"{name} contains itself")
    type_hash = keccak256(_encoded_type(name, types).encode())
    encoders = [(field, _encoder(kind, types, (*within, name))) for field, kind in types[name]]
    names = {field for field, _ in encoders}

    def hashed(value: Mapping[str, Any]) -> bytes:
        if value.keys() != names:
            raise ValueError(f"{name} has the fields {sorted(names)}, not {sorted(value)}")
        return keccak256(type_hash + b"".join([encode(value[field]) for field, encode in encoders]))

    return hashed


def _encoded_type(name: str, types: Mapping[str, Fields]) -> str:
    """Return the text of a type: itself, then the structs that it refers to, by name."""
    found: set[str] = set()

    def visit(each: str) -> None:
        base = each.partition("[")[0]
        if base in types and base not in found:
            found.add(base)
            for _, kind in types[base]:
                visit(kind)

    visit(name)
    order = [name, *sorted(found - {name})]
    return "".join(f"{each}({','.join(f'{kind} {field}' for field, kind in types[each])})" for each in order)


def _encoder(kind: str, types: Mapping[str, Fields], within: tuple[str, ...]) -> _Encode:
    """Return the function that writes a value of a type as 32 bytes."""
    if kind in types:
        return _struct(kind, types, within)
    if array := _ARRAY.fullmatch(kind):
        return _array(_encoder(array[1], types, within), int(array[2]) if array[2] else None)
    if number := _NUMBER.fullmatch(kind):
        return _integer(int(number[2] or 256), signed=not number[1])
    if fixed := _FIXED.fullmatch(kind):
        return _fixed(int(fixed[1]))
    if kind not in _SIMPLE:
        raise ValueError(f"unknown type {kind!r}")
    return _SIMPLE[kind]


def _array(encode: _Encode, length: int | None) -> _Encode:
    def written(values: Sequence[Any]) -> bytes:
        if length is not None and len(values) != length:
            raise ValueError(f"an array of {length} was expected, not of {len(values)}")
        return keccak256(b"".join([encode(each) for each in values]))

    return written


def _integer(bits: int, *, signed: bool) -> _Encode:
    if not 8 <= bits <= 256 or bits % 8:
        raise ValueError(f"there is no integer of {bits} bits")
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)

    def written(value: Any) -> bytes:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"{value!r} is no {'' if signed else 'u'}int{bits}")
        return value.to_bytes(_WORD, "big", signed=signed)

    return written


def _fixed(length: int) -> _Encode:
    if not 1 <= length <= _WORD:
        raise ValueError(f"there is no bytes{length}")

    def written(value: bytes | str) -> bytes:
        raw = _raw(value)
        if len(raw) != length:
            raise ValueError(f"bytes{length} was expected, not {len(raw)} bytes")
        return raw.ljust(_WORD, b"\0")

    return written


def _bool(value: Any) -> bytes:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is no bool")
    return int(value).to_bytes(_WORD, "big")


def _address(value: str) -> bytes:
    raw = _raw(value)
    if len(raw) != 20:
        raise ValueError(f"an address has 20 bytes, not {len(raw)}")
    return raw.rjust(_WORD, b"\0")


def _string(value: str) -> bytes:
    return keccak256(value.encode())


def _bytes(value: bytes | str) -> bytes:
    return keccak256(_raw(value))


_SIMPLE: Final[Mapping[str, _Encode]] = MappingProxyType(
    {"bool": _bool, "address": _address, "string": _string, "bytes": _bytes}
)


def _raw(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    found = _HEX.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{value!r} is neither bytes nor hex")
    return bytes.fromhex(found[1])


def _address_of(public_key: bytes) -> str:
    return "0x" + keccak256(public_key[1:])[-20:].hex()
