from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgpack
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from arb.net import EvmKey, keccak256
from arb_exchange_hyperliquid._signing import ActionSigner, action_hash
from arb_exchange_hyperliquid._wire import to_wire
from arb_exchange_hyperliquid.fake._signatures import action_signer, user_signer

SECRET = "0x" + "5e" * 32
VAULT = "0x" + "1f" * 20
NOW_MS = 1_767_225_600_123


def order_action(**changes: Any) -> dict[str, Any]:
    wire = {"a": 0, "b": True, "p": "65000", "s": "0.0012", "r": False, "t": {"limit": {"tif": "Alo"}}}
    return {"type": "order", "orders": [{**wire, "c": "0x" + "ab" * 16, **changes}], "grouping": "na"}


@pytest.mark.realdata
def test_every_vector_of_the_official_sdk_is_reproduced(vectors: Any) -> None:
    key = EvmKey(vectors["keys"]["private_key"])
    assert key.address == vectors["keys"]["address"].lower()
    done = 0
    for vector in vectors["vectors"]:
        if vector["kind"] != "l1_action":
            continue
        given, wanted = vector["inputs"], vector["expected"]
        action, name = wanted["payload"]["action"], vector["name"]
        vault, expires = given["vaultAddress"], given["expiresAfter"]
        assert msgpack.packb(action).hex() == wanted["msgpack_hex"], name
        connection = action_hash(action, given["nonce"], vault, expires)
        assert "0x" + connection.hex() == wanted["connectionId"], name
        assert keccak256(bytes.fromhex(wanted["hash_preimage_hex"])) == connection, name
        signer = ActionSigner(key, vector["network"], vault=vault)
        body = signer.body(action, given["nonce"], expires)
        assert json.loads(body) == wanted["payload"], name
        assert list(json.loads(body)["action"]) == list(action), "the keys keep their order"
        done += 1
    assert done >= 11


@pytest.mark.realdata
def test_the_fake_knows_the_signer_of_every_vector(vectors: Any) -> None:
    wanted = vectors["keys"]["address"].lower()
    sources = {"mainnet": "a", "testnet": "b"}
    for vector in vectors["vectors"]:
        payload = vector["expected"]["payload"]
        if vector["kind"] == "l1_action":
            assert action_signer(payload, sources[vector["network"]]) == wanted, vector["name"]
            assert action_signer(payload, "b" if vector["network"] == "mainnet" else "a") != wanted
        else:
            assert user_signer(payload) == wanted, vector["name"]


@pytest.mark.realdata
def test_numbers_are_written_as_the_official_sdk_writes_them(vectors: Any) -> None:
    for text, wanted in vectors["float_to_wire"].items():
        if wanted == "ValueError":
            with pytest.raises(ValueError, match="decimals"):
                to_wire(Decimal(text))
        else:
            assert to_wire(Decimal(text)) == wanted


@given(st.decimals(min_value=0, max_value=10**9, places=8, allow_nan=False))
def test_a_number_on_the_wire_is_the_same_number_without_padding(number: Decimal) -> None:
    text = to_wire(number)
    assert Decimal(text) == number
    assert "e" not in text.lower()
    assert text == "0" or not ("." in text and text.endswith(("0", ".")))


nonces = st.integers(0, 2**63)
vaults = st.none() | st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
expiries = st.none() | st.integers(0, 2**63)


@given(nonces, vaults, expiries, st.sampled_from(["mainnet", "testnet"]))
@settings(max_examples=50)
def test_the_signature_is_that_of_eth_account(nonce: int, vault: str | None, expires: int | None, network: str) -> None:
    """The whole rule, made anew with the libraries that the official SDK uses."""
    action = order_action()
    data = msgpack.packb(action) + nonce.to_bytes(8, "big")
    data += b"\0" if vault is None else b"\1" + bytes.fromhex(vault[2:])
    data += b"" if expires is None else b"\0" + expires.to_bytes(8, "big")
    agent = {"source": "a" if network == "mainnet" else "b", "connectionId": keccak(data)}
    types = {"Agent": [{"name": "source", "type": "string"}, {"name": "connectionId", "type": "bytes32"}]}
    domain = {"name": "Exchange", "version": "1", "chainId": 1337, "verifyingContract": "0x" + "0" * 40}
    account: Any = Account.from_key(SECRET)
    theirs = account.sign_message(encode_typed_data(domain, types, agent))
    ours = ActionSigner(EvmKey(SECRET), network, vault=vault).sign(action, nonce, expires)
    assert tuple(ours) == (theirs.r, theirs.s, theirs.v)


changes = st.sampled_from(
    [
        {"a": 1},
        {"b": False},
        {"p": "65001"},
        {"s": "0.0013"},
        {"r": True},
        {"t": {"limit": {"tif": "Ioc"}}},
        {"c": "0x" + "ac" * 16},
    ]
)


@given(changes, nonces)
@settings(max_examples=30)
def test_whatever_is_changed_on_the_way_shows(change: dict[str, Any], nonce: int) -> None:
    signer = ActionSigner(EvmKey(SECRET), "mainnet")
    payload = json.loads(signer.body(order_action(), nonce, NOW_MS))
    assert action_signer(payload, "a") == signer.address
    for changed in (
        {"action": order_action(**change)},
        {"nonce": nonce + 1},
        {"expiresAfter": NOW_MS + 1},
        {"expiresAfter": None},
        {"vaultAddress": VAULT},
    ):
        assert action_signer({**payload, **changed}, "a") != signer.address
    assert action_signer(payload, "b") != signer.address


def test_the_venue_reads_fields_not_their_order_in_json() -> None:
    signer = ActionSigner(EvmKey(SECRET), "mainnet")
    payload = json.loads(signer.body(order_action(), NOW_MS, None))
    (order,) = payload["action"]["orders"]
    payload["action"] = {"grouping": "na", "orders": [dict(reversed(order.items()))], "type": "order"}
    assert action_signer(payload, "a") == signer.address


def test_a_signature_never_holds_the_key() -> None:
    signer = ActionSigner(EvmKey(SECRET), "mainnet")
    assert SECRET[2:] not in signer.body(order_action(), NOW_MS, None).decode()
    assert SECRET[2:] not in f"{signer!r} {vars(signer)}"
