from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from arb.net import EvmKey, EvmSignature, TypedData, keccak256, recover_address

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
DOMAIN = {
    "name": "Ether Mail",
    "version": "1",
    "chainId": 1,
    "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
}
MAIL = {
    "Mail": [("from", "Person"), ("to", "Person[]"), ("contents", "string"), ("marks", "uint8[2]")],
    "Person": [("name", "string"), ("wallet", "address")],
}

keys = st.integers(1, ORDER - 1).map(lambda number: f"{number:064x}")
digests = st.binary(min_size=32, max_size=32)
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())


def of_eth_account(domain: dict[str, Any], primary: str, types: dict[str, Any], message: dict[str, Any]) -> bytes:
    listed = {name: [{"name": field, "type": kind} for field, kind in fields] for name, fields in types.items()}
    signable = encode_typed_data(domain_data=domain, message_types=listed, message_data=message)
    assert signable.version == b"\x01"
    return keccak(b"\x19\x01" + signable.header + signable.body)


@given(keys, digests)
@settings(max_examples=60)
def test_signatures_are_those_of_eth_account(secret: str, digest: bytes) -> None:
    account: Any = Account.from_key(secret)
    key = EvmKey("0x" + secret)
    theirs = account.unsafe_sign_hash(digest)
    ours = key.sign(digest)
    assert to_checksum_address(key.address) == account.address
    assert tuple(ours) == (theirs.r, theirs.s, theirs.v)
    assert ours.to_bytes() == bytes(theirs.signature)
    assert ours == key.sign(digest)
    assert recover_address(digest, ours) == key.address


@given(keys, digests, digests)
@settings(max_examples=30)
def test_another_digest_recovers_another_address(secret: str, digest: bytes, other: bytes) -> None:
    key = EvmKey(secret)
    signature = key.sign(digest)
    try:
        recovered = recover_address(other, signature)
    except ValueError:
        return
    assert (recovered == key.address) == (other == digest)


@given(st.binary(max_size=400))
@settings(max_examples=60)
def test_keccak_is_that_of_eth_utils(data: bytes) -> None:
    assert keccak256(data) == keccak(data)


def test_keccak_of_nothing() -> None:
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


people = st.fixed_dictionaries({"name": st.text(max_size=20), "wallet": addresses})


@given(
    people, st.lists(people, max_size=3), st.text(max_size=60), st.lists(st.integers(0, 255), min_size=2, max_size=2)
)
@settings(max_examples=60)
def test_nested_structs_and_arrays_hash_as_in_eth_account(
    sender: dict[str, str], to: list[dict[str, str]], contents: str, marks: list[int]
) -> None:
    message = {"from": sender, "to": to, "contents": contents, "marks": marks}
    ours = TypedData(DOMAIN, "Mail", MAIL).digest(message)
    assert ours == of_eth_account(DOMAIN, "Mail", MAIL, message)


@given(
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=4, max_size=4),
    st.binary(max_size=80),
    st.integers(0, 2**64 - 1),
    st.integers(-(2**127), 2**127 - 1),
    st.booleans(),
)
@settings(max_examples=60)
def test_every_simple_type_hashes_as_in_eth_account(
    full: bytes, short: bytes, blob: bytes, count: int, signed: int, flag: bool
) -> None:
    types = {
        "All": [
            ("full", "bytes32"),
            ("short", "bytes4"),
            ("blob", "bytes"),
            ("count", "uint64"),
            ("signed", "int128"),
            ("flag", "bool"),
        ]
    }
    message = {"full": full, "short": short, "blob": blob, "count": count, "signed": signed, "flag": flag}
    domain = {"name": "x", "chainId": 421614, "salt": b"\x07" * 32}
    assert TypedData(domain, "All", types).digest(message) == of_eth_account(domain, "All", types, message)


def test_hex_text_and_bytes_are_the_same() -> None:
    data = TypedData({"name": "x"}, "T", {"T": [("id", "bytes32"), ("more", "bytes")]})
    raw = bytes(range(32))
    assert data.digest({"id": raw, "more": raw}) == data.digest({"id": "0x" + raw.hex(), "more": raw.hex()})


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uint8", 256),
        ("uint8", -1),
        ("uint8", True),
        ("uint8", "1"),
        ("int8", 128),
        ("bool", 1),
        ("bytes4", b"12345"),
        ("bytes4", b"123"),
        ("bytes32", "0xzz"),
        ("address", "0x1234"),
        ("bytes", 5),
        ("uint8[2]", [1]),
    ],
)
def test_values_that_do_not_fit_are_refused(kind: str, value: object) -> None:
    data = TypedData({"name": "x"}, "T", {"T": [("field", kind)]})
    with pytest.raises(ValueError, match=r"."):
        data.digest({"field": value})


@pytest.mark.parametrize("kind", ["float", "uint7", "uint512", "bytes33", "bytes0", "Other"])
def test_unknown_types_are_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=r"unknown type|there is no"):
        TypedData({"name": "x"}, "T", {"T": [("field", kind)]})


def test_a_type_that_contains_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="contains itself"):
        TypedData({"name": "x"}, "T", {"T": [("next", "T[]")]})


def test_missing_and_further_fields_are_refused() -> None:
    data = TypedData({"name": "x"}, "T", {"T": [("a", "bool")]})
    for message in ({}, {"a": True, "b": True}):
        with pytest.raises(ValueError, match="has the fields"):
            data.digest(message)
    with pytest.raises(ValueError, match="a domain has the fields"):
        TypedData({"name": "x", "chain": 1}, "T", {"T": [("a", "bool")]})


SECRET = "5e" * 32


@pytest.mark.parametrize("secret", ["", "0x", "5e" * 31, "5e" * 33, "zz" * 32, "00" * 32, f"{ORDER:064x}", "ff" * 32])
def test_what_is_no_key_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="private key") as caught:
        EvmKey(secret)
    assert not secret.strip("0x") or secret not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_key_does_not_show() -> None:
    key = EvmKey(SECRET)
    assert SECRET not in f"{key!r} {key} {vars(key)}"
    assert key.address in repr(key)


@pytest.mark.parametrize(
    "signature",
    [EvmSignature(0, 1, 27), EvmSignature(ORDER, 1, 27), EvmSignature(1, 1, 29), EvmSignature(2**256, 1, 27)],
)
def test_impossible_signatures_are_refused(signature: EvmSignature) -> None:
    with pytest.raises(ValueError, match=r"no key|v is 27"):
        recover_address(b"\1" * 32, signature)


def test_only_digests_of_32_bytes_are_signed() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        EvmKey(SECRET).sign(b"short")


def test_importing_the_toolkit_does_not_import_the_libraries() -> None:
    script = "import sys, arb.net; print(sorted({'coincurve', 'Crypto'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
