"""The signing library as it is called, against vectors of the official SDK and against an independent verification."""

from __future__ import annotations

import json
import threading
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arb_exchange_lighter._native import Key, SigningError, signing_library
from arb_exchange_lighter._signing import CANCEL_LATER, OrderFields, SignedTx, Signer
from arb_exchange_lighter.fake._curve import key_table, public_key, verified
from arb_exchange_lighter.fake._poseidon import hashed
from arb_exchange_lighter.fake._transactions import is_signed, read_transaction, token_message

KEY: Final = "11" * 39 + "00"
TABLE: Final = key_table(bytes.fromhex(KEY))


def signer(chain_id: int = 304, private_key: str = KEY, account: int = 12345, slot: int = 5) -> Signer:
    return Signer(signing_library(), Key(chain_id, account, slot, private_key.encode()))


def holds(signed: SignedTx, chain_id: int, private_key: str = KEY) -> bool:
    """Return whether a signature holds for the bytes that would be sent, and the hash is theirs."""
    transaction = read_transaction(signed.kind, signed.info, chain_id)
    return transaction.hash == signed.hash and is_signed(transaction, key_table(bytes.fromhex(private_key)))


def arguments_of(vector: dict[str, Any]) -> tuple[str, tuple[int, ...]]:
    """Return function and arguments of the library for a vector of the SDK."""
    given = vector["inputs"]
    nonce = (given["skip_nonce"], given["nonce"])
    if vector["tx_type"] == 14:
        names = (
            *("market_index", "client_order_index", "base_amount", "price", "is_ask", "order_type"),
            *("time_in_force", "reduce_only", "trigger_price", "order_expiry"),
        )
        modes = (given.get("self_trade_behavior_mode", 0), given.get("self_trade_equality_mode", 0))
        return "SignCreateOrder", (*(given[name] for name in names), 0, 0, 0, *modes, *nonce)
    if vector["tx_type"] == 15:
        return "SignCancelOrder", (given["market_index"], given["order_index"], *nonce)
    if vector["tx_type"] == 16:
        market = given.get("cancel_all_market_index", 255)
        return "SignCancelAllOrders", (given["time_in_force"], given["timestamp_ms"], market, *nonce)
    return "SignUpdateLeverage", (given["market_index"], given["fraction"], given["margin_mode"], *nonce)


@pytest.mark.realdata
def test_the_library_makes_of_the_sdks_inputs_what_the_sdk_made(vectors: Any) -> None:
    """All fields that neither chance nor the clock makes, in the same order of keys; the signature is verified."""
    private_key = vectors["private_key_hex"]
    checked = 0
    for vector in vectors["vectors"]:
        if vector["tx_type"] == 17:
            continue  # orders are never modified; their hash is checked below
        key = Key(vector["chain_id"], vectors["account_index"], vectors["api_key_index"], private_key.encode())
        function, arguments = arguments_of(vector)
        signed = SignedTx(*signing_library().sign(key, function, *arguments))
        made, expected = json.loads(signed.info), json.loads(vector["tx_info"])
        assert list(made) == list(expected), vector["name"]
        clocked = {*vector["random_or_clock_fields"], *(["OrderExpiry"] if arguments[9:10] == (-1,) else [])}
        assert {name: value for name, value in made.items() if name not in clocked} == {
            name: value for name, value in expected.items() if name not in clocked
        }, vector["name"]
        assert holds(signed, vector["chain_id"], private_key), vector["name"]
        checked += 1
    assert checked == 18


@pytest.mark.realdata
def test_hashes_and_signatures_of_the_sdk_are_verified(vectors: Any) -> None:
    """The fake accepts every transaction of the SDK on its own chain, and none on the other."""
    private_key = bytes.fromhex(vectors["private_key_hex"])
    assert public_key(private_key).hex() == vectors["public_key_hex"]
    for vector in vectors["vectors"]:
        transaction = read_transaction(vector["tx_type"], vector["tx_info"], vector["chain_id"])
        assert transaction.hash == vector["tx_hash"], vector["name"]
        assert is_signed(transaction, key_table(private_key)), vector["name"]
        elsewhere = read_transaction(vector["tx_type"], vector["tx_info"], 604 - vector["chain_id"])
        assert not is_signed(elsewhere, key_table(private_key)), vector["name"]
    for token in vectors["auth_tokens"]:
        message, _, signature = token["token"].rpartition(":")
        assert message == token["message"]
        assert verified(key_table(private_key), token_message(message), bytes.fromhex(signature))


@pytest.mark.realdata
def test_the_library_refuses_what_the_sdk_refuses(vectors: Any) -> None:
    """In its own words, which become part of our error."""
    for vector in vectors["signer_rejections"]:
        key = Key(vector["chain_id"], 12345, 5, vectors["private_key_hex"].encode())
        with pytest.raises(SigningError, match=vector["signer_error"]):
            signing_library().sign(key, *_flat(arguments_of({**vector, "tx_type": 14})))


def _flat(call: tuple[str, tuple[int, ...]]) -> tuple[Any, ...]:
    return (call[0], *call[1])


@pytest.mark.realdata
def test_poseidon_and_keys_are_those_of_the_venues_library(recorded: Any) -> None:
    """Vectors of elliottech/poseidon_crypto: hashes without padding, and public keys of private ones."""
    hashes = recorded("nautilus/lighter/signing_hash_poseidon2_vectors.json")["vectors"]
    assert len(hashes["hash_to_quintic"]) >= 10
    for case in hashes["hash_to_quintic"]:
        raw = bytes.fromhex(case["input"])
        found = hashed([int.from_bytes(raw[at : at + 8], "little") for at in range(0, len(raw), 8)])
        assert b"".join(each.to_bytes(8, "little") for each in found).hex() == case["output"]
    keys = recorded("nautilus/lighter/signing_schnorr_vectors.json")["vectors"]["keygen"]
    assert len(keys) >= 3
    for case in keys:
        assert public_key(bytes.fromhex(case["sk"])).hex() == case["pk"]


@pytest.mark.realdata
def test_tokens_and_transactions_of_another_key_are_verified(recorded: Any) -> None:
    """Captured from the compiled signer by nautilus_trader (2026-05), with a key of its own."""
    for case in recorded("nautilus/lighter/signing_auth_token_oracle.json")["vectors"]:
        message, _, signature = case["token"].rpartition(":")
        assert verified(key_table(bytes.fromhex(case["sk"])), token_message(message), bytes.fromhex(signature))
    checked = 0
    for case in recorded("nautilus/lighter/signing_tx_oracle.json")["vectors"]:
        if case["tx_type"] not in (14, 15, 16, 17, 20):
            continue  # the fake takes no other
        transaction = read_transaction(case["tx_type"], case["tx_info"], case["chain_id"])
        assert transaction.hash == case["tx_hash"]
        assert is_signed(transaction, key_table(bytes.fromhex(case["sk"])))
        checked += 1
    assert checked == 7


@settings(max_examples=40, deadline=None)
@given(
    fields=st.builds(
        OrderFields,
        market_id=st.integers(0, 254),
        client_order_index=st.integers(1, (1 << 48) - 1),
        base_amount=st.integers(1, (1 << 48) - 1),
        price=st.integers(1, (1 << 32) - 1),
        is_ask=st.booleans(),
        time_in_force=st.sampled_from([1, 2]),
        reduce_only=st.booleans(),
        expiry_ms=st.integers(1, 4_102_444_800_000),
    ),
    nonce=st.integers(0, 1 << 40),
    chain_id=st.sampled_from([300, 304]),
)
def test_whatever_is_asked_for_is_what_is_signed(fields: OrderFields, nonce: int, chain_id: int) -> None:
    """Every number arrives unchanged, up to the largest that the venue takes."""
    signed = signer(chain_id).order(fields, nonce)
    sent = json.loads(signed.info)
    assert (sent["MarketIndex"], sent["ClientOrderIndex"]) == (fields.market_id, fields.client_order_index)
    assert (sent["BaseAmount"], sent["Price"], sent["Nonce"]) == (fields.base_amount, fields.price, nonce)
    assert (sent["IsAsk"], sent["ReduceOnly"]) == (int(fields.is_ask), int(fields.reduce_only))
    assert (sent["TimeInForce"], sent["OrderExpiry"], sent["Type"]) == (fields.time_in_force, fields.expiry_ms, 0)
    assert sent["L2TxAttributes"] is None
    assert holds(signed, chain_id)
    assert not holds(signed, 604 - chain_id)


def test_two_networks_with_equal_numbers_do_not_mix() -> None:
    """The library keeps one client for an account and a slot, whatever the chain and the key."""
    other = "22" * 39 + "00"
    main, test = signer(304), signer(300, other)
    for nonce in range(3):
        assert holds(main.cancel(1, 7, nonce), 304)
        assert holds(test.cancel(1, 7, nonce), 300, other)
    assert main.token(1_767_225_600).startswith("1767225600:12345:5:")


def test_threads_with_two_networks_do_not_mix() -> None:
    """Making the client and signing with it are one step."""
    wrong: list[str] = []

    def sign(chain_id: int) -> None:
        own = signer(chain_id)
        wrong.extend(each.hash for each in (own.cancel(1, 7, n) for n in range(25)) if not holds(each, chain_id))

    threads = [threading.Thread(target=sign, args=(chain,)) for chain in (300, 304, 300, 304)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_scheduled_cancellation_and_one_of_a_market_are_signed_as_such() -> None:
    """Market 0 is a market; that there is none is 255."""
    at = json.loads(signer().cancel_all(1, kind=CANCEL_LATER, time_ms=1_800_000_000_000).info)
    assert (at["TimeInForce"], at["Time"], at["L2TxAttributes"]) == (1, 1_800_000_000_000, None)
    one = signer().cancel_all(2, market_id=0)
    assert json.loads(one.info)["L2TxAttributes"] == {"5": 0}
    assert holds(one, 304)


def test_a_changed_byte_is_noticed() -> None:
    """Of the quantity, of the nonce, of the signature."""
    signed = signer().cancel(1, 7, 3)
    for before, after in (
        ('"Index":7', '"Index":8'),
        ('"Nonce":3', '"Nonce":4'),
        ('"MarketIndex":1', '"MarketIndex":2'),
    ):
        assert before in signed.info
        changed = read_transaction(15, signed.info.replace(before, after), 304)
        assert not is_signed(changed, TABLE)


def test_secrets_do_not_print() -> None:
    """Neither the key nor the signer that holds it."""
    key = Key(304, 1, 5, KEY.encode())
    assert KEY not in repr(key)
    assert KEY not in repr(signer())
    assert KEY not in repr(vars(signer()))
