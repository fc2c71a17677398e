"""Signatures against vectors made with the venue's own client (paradex-py 0.8.2), fast-stark-crypto and ccxt.

Message hashes have to be equal. Signatures of other libraries have other nonces: each has to be valid for our hash.
"""

from __future__ import annotations

import json
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from fast_stark_crypto import get_public_key, verify

from arb.api import ConfigError
from arb.model import Side
from arb.net import EvmKey
from arb_exchange_paradex._signing import (
    ORDER,
    Signer,
    felt,
    main_address,
    order_message,
    scaled,
    starknet_keccak,
    struct_hash,
    type_hash,
)

CHAIN = "PRIVATE_SN_POTC_SEPOLIA"
KEY = "0x3ab4c0ffee1234567890abcdef1234567890abcdef1234567890abcdef12345"
ACCOUNT = "0x129c135ed63df9353885e292be4426b8ed6122b13c6c0e1bb787288a1f5adfa"


@pytest.fixture
def vectors(vector_data: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(vector_data.read_text())["vectors"]
    return found


def _signer(vector: dict[str, Any]) -> Signer:
    account = vector.get("account_address") or vector["derived_l2_address"]
    key = vector.get("l2_private_key") or vector["derived_l2_private_key"]
    return Signer(account, key, vector.get("chain_id_string", CHAIN))


def test_all_hashes_and_signatures_of_the_vectors(vectors: list[dict[str, Any]]) -> None:
    assert len(vectors) == 11
    for vector in vectors:
        signer, typed = _signer(vector), vector["typed_data"]
        name, message = typed["primaryType"], typed["message"]
        assert hex(type_hash("StarkNetDomain")) == vector["type_hash_domain"]
        assert hex(struct_hash("StarkNetDomain", typed["domain"])) == vector["domain_hash"]
        assert hex(type_hash(name)) == vector["type_hash_message"]
        assert hex(struct_hash(name, message)) == vector["message_struct_hash"]
        assert hex(signer.message_hash(name, message)) == vector["message_hash"], vector["name"]
        assert json.loads(signer.sign(name, message)) == vector["fast_stark_crypto_signature_decimal"]


def test_signatures_of_other_libraries_hold_for_our_hash(vectors: list[dict[str, Any]]) -> None:
    for vector in vectors:
        signer, hashed = _signer(vector), int(vector["message_hash"], 16)
        headers = vector.get("headers") or vector.get("onboarding_headers") or {}
        own = vector.get("signature_field") or headers["PARADEX-STARKNET-SIGNATURE"]
        for r, s in (
            json.loads(own),
            vector["ccxt_signature_decimal"],
            json.loads(signer.sign(vector["typed_data"]["primaryType"], vector["typed_data"]["message"])),
        ):
            assert verify(signer.public_key, hashed, int(r), int(s)), vector["name"]
            assert not verify(signer.public_key, hashed + 1, int(r), int(s))


def test_orders_are_signed_out_of_what_is_sent(vectors: list[dict[str, Any]]) -> None:
    bodies = [vector for vector in vectors if "request_body_as_sdk_sends" in vector]
    assert len(bodies) == 8
    for vector in bodies:
        body = vector["request_body_as_sdk_sends"]
        values = order_message(
            timestamp_ms=body["signature_timestamp"],
            market=body["market"],
            side=Side(body["side"].lower()),
            order_type=body["type"],
            size=D(body["size"]),
            price=D(body["price"]) if body["type"] == "LIMIT" else None,
        )
        name = vector["typed_data"]["primaryType"]
        if name == "ModifyOrder":
            values["id"] = vector["typed_data"]["message"]["id"]
        assert hex(_signer(vector).message_hash(name, values)) == vector["message_hash"], vector["name"]


def test_login_headers(vectors: list[dict[str, Any]]) -> None:
    vector = next(each for each in vectors if each["name"].startswith("auth_headers"))
    signer = _signer(vector)
    headers = signer.login_headers(vector["timestamp_s"])
    assert headers["PARADEX-STARKNET-ACCOUNT"] == vector["headers"]["PARADEX-STARKNET-ACCOUNT"]
    assert headers["PARADEX-TIMESTAMP"] == "1767225600"
    assert headers["PARADEX-SIGNATURE-EXPIRATION"] == "1767225780"
    values = {**vector["typed_data"]["message"], "expiration": 1767225780}
    r, s = json.loads(headers["PARADEX-STARKNET-SIGNATURE"])
    assert verify(signer.public_key, signer.message_hash("Request", values), int(r), int(s))
    assert hex(signer.public_key) == vector["l2_public_key"]


def test_the_main_key_shows_by_the_address_it_makes(vectors: list[dict[str, Any]]) -> None:
    vector = vectors[-1]
    hashes = [int(vector[f"paraclear_account_{name}"], 16) for name in ("proxy_hash", "hash")]
    public = get_public_key(int(vector["derived_l2_private_key"], 16))
    assert hex(public) == vector["derived_l2_public_key"]
    assert hex(main_address(public, *hashes)) == vector["derived_l2_address"]
    assert hex(main_address(public + 1, *hashes)) != vector["derived_l2_address"]
    assert EvmKey(vector["l1_private_key"]).address == vector["l1_address"].lower()


def test_the_chain_and_the_account_are_part_of_what_is_signed() -> None:
    values = order_message(
        timestamp_ms=1, market="BTC-USD-PERP", side=Side.BUY, order_type="LIMIT", size=D("1"), price=D("2")
    )
    hashes = {
        signer.message_hash("Order", values)
        for signer in (
            Signer(ACCOUNT, KEY, CHAIN),
            Signer(ACCOUNT, KEY, "PRIVATE_SN_PARACLEAR_MAINNET"),
            Signer("0x1", KEY, CHAIN),
        )
    }
    assert len(hashes) == 3


@pytest.mark.parametrize(
    ("value", "number"),
    [(7, 7), ("7", 7), ("0x1F", 31), ("", 0), ("LIMIT", 0x4C494D4954), ("kPEPE", int.from_bytes(b"kPEPE", "big"))],
)
def test_felts(value: int | str, number: int) -> None:
    assert felt(value) == number


@pytest.mark.parametrize("value", ["a" * 32, "é", -1, 2**252])
def test_what_is_no_felt(value: int | str) -> None:
    with pytest.raises(ValueError, match=r"."):
        felt(value)


def test_quanta_are_exact() -> None:
    assert scaled(D("64250.3")) == 6_425_030_000_000
    assert scaled(D("1E+1")) == 1_000_000_000
    with pytest.raises(ValueError, match="8 decimals"):
        scaled(D("0.000000001"))


def test_keccak_is_cut_to_250_bits() -> None:
    # The selector of `transfer`, as every Starknet client has it.
    assert starknet_keccak("transfer") == 0x83AFD3F4CAEDC6EEBF44246FE54E38C95E3179A5EC9EA81740ECA5B482D12E


@pytest.mark.parametrize("key", ["", "0x", "zz", "0x0", hex(ORDER), "-1"])
def test_a_bad_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Signer(ACCOUNT, key, CHAIN)
    assert not key or len(key) < 3 or key not in str(refused.value)


def test_no_text_shows_the_key() -> None:
    assert KEY[2:] not in repr(Signer(ACCOUNT, KEY, CHAIN))
