"""Signatures, against vectors that grvt-pysdk 0.2.1 and eth-account 0.14.0 made."""

from __future__ import annotations

import json
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from arb.net import EvmKey, EvmSignature, recover_address
from arb_exchange_grvt._signing import (
    CROSS,
    ISOLATED,
    ORDER,
    TIME_IN_FORCE,
    TYPES,
    OrderTerms,
    Signer,
    checksummed,
    order_message,
    scaled,
    typed_data,
)

KEY = "0x2222222222222222222222222222222222222222222222222222222222222207"
NAMES = (
    "limit_gtt_post_only_buy/testnet",
    "limit_ioc_sell_precision_1.013/prod",
    "market_ioc_reduce_only_sell/prod",
    "official_repo_test/testnet (grvt-pysdk tests/pysdk/test_grvt_raw_signing.py)",
    "wallet_login/prod",
    "set_position_config/prod",
    "order_with_builder_fee/prod",
)


@pytest.fixture
def vectors(vector_data: Path) -> dict[str, dict[str, Any]]:
    found = {each["name"]: each for each in json.loads(vector_data.read_text())["vectors"]}
    # Every one that there is takes part in a test below.
    assert len(found) == len(NAMES)
    assert set(NAMES) == set(found)
    return found


def signer_of(vector: dict[str, Any], account: str = "8289849667772468") -> Signer:
    return Signer(vector["private_key"], account, vector["domain"]["chainId"])


def same(made: dict[str, Any], vector: dict[str, Any]) -> bool:
    told = vector["signature"]
    return all(made[name] == told[name] for name in ("signer", "r", "s", "v"))


@pytest.mark.realdata
def test_every_vector_byte_for_byte(vectors: dict[str, dict[str, Any]]) -> None:
    signed = 0
    for vector in vectors.values():
        message = dict(vector["message"])
        primary, nonce, expiration = vector["primary_type"], message.pop("nonce"), message.pop("expiration")
        typed = typed_data(primary, vector["domain"]["chainId"])
        whole = {**_whole(message), "nonce": nonce, "expiration": expiration}
        assert "0x" + typed.digest(whole).hex() == vector["eip712_digest"], vector["name"]
        made = signer_of(vector).sign(primary, _whole(message), nonce=nonce, expiration_ns=expiration)
        assert same(made, vector), vector["name"]
        assert (made["expiration"], made["nonce"]) == (str(expiration), nonce)
        signed += 1
    assert signed == 7


@pytest.mark.realdata
def test_orders_from_their_human_numbers(vectors: dict[str, dict[str, Any]]) -> None:
    for vector in vectors.values():
        if vector["primary_type"] != ORDER:
            continue
        human, message = vector["human_order"], vector["message"]
        (leg,) = human["legs"]
        rules = vector["instrument"][leg["instrument"]]
        terms = OrderTerms(
            asset_id=rules["instrument_hash"],
            base_decimals=rules["base_decimals"],
            size=D(leg["size"]),
            price=D(leg["limit_price"]),
            is_buy=leg["is_buying_asset"],
            time_in_force=human["time_in_force"],
            is_market=human["is_market"],
            post_only=human["post_only"],
            reduce_only=human["reduce_only"],
        )
        signer = signer_of(vector, human["sub_account_id"])
        made = signer.order(terms, nonce=message["nonce"], expiration_ns=message["expiration"])
        assert same(made, vector), vector["name"]


@pytest.mark.realdata
def test_a_position_config_from_its_human_numbers(vectors: dict[str, dict[str, Any]]) -> None:
    vector = vectors["set_position_config/prod"]
    message = vector["message"]
    made = signer_of(vector).position_config(
        hex(message["asset"]), CROSS, D(10), nonce=message["nonce"], expiration_ns=message["expiration"]
    )
    assert same(made, vector)
    assert (CROSS, ISOLATED) == (2, 1)


def test_numbers_are_scaled_without_floats() -> None:
    assert scaled(D("1.013"), 9) == 1013000000  # a float makes 1012999999 of it
    assert scaled(D("64250.3"), 9) == 64250300000000
    assert scaled(D("0.000000001"), 9) == 1
    assert scaled(D("1E+3"), 9) == 10**12
    assert scaled(D("12345678901.123456789"), 9) == 12345678901123456789  # beyond 2^53 and 28 digits of context
    assert scaled(D("0.0000000019"), 9) == 1  # what is finer is cut off


def test_a_market_order_has_the_price_zero() -> None:
    terms = OrderTerms(
        asset_id="0x030401",
        base_decimals=9,
        size=D(1),
        price=D(5),
        is_buy=True,
        time_in_force="IMMEDIATE_OR_CANCEL",
        is_market=True,
    )
    assert order_message(terms, 1)["legs"][0]["limitPrice"] == 0


def test_r_and_s_always_have_64_digits() -> None:
    """About one signature in 128 begins with a zero: `hex()` would drop it, and the venue refuses it (2006)."""
    signer = Signer(KEY, "1", 326)
    short = 0
    for nonce in range(600):
        made = signer.sign("WalletLogin", {"signer": signer.address}, nonce=nonce, expiration_ns=1)
        assert len(made["r"]) == len(made["s"]) == 66
        short += made["r"].startswith("0x0") or made["s"].startswith("0x0")
        assert made["v"] in (27, 28)
        assert int(made["s"], 16) <= 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
    assert short > 0


def test_what_is_signed_depends_on_every_field() -> None:
    base: dict[str, Any] = {
        "asset_id": "0x030501",
        "base_decimals": 9,
        "size": D("0.013"),
        "price": D("64250.3"),
        "is_buy": True,
        "time_in_force": "GOOD_TILL_TIME",
    }
    changes: tuple[dict[str, Any], ...] = (
        {},
        {"asset_id": "0x030401"},
        {"base_decimals": 8},
        {"size": D("0.014")},
        {"price": D("64250.4")},
        {"is_buy": False},
        {"time_in_force": "FILL_OR_KILL"},
        {"is_market": True},
        {"post_only": True},
        {"reduce_only": True},
    )
    signers = [Signer(KEY, "1", 326), Signer(KEY, "2", 326), Signer(KEY, "1", 325)]
    seen = {each.order(OrderTerms(**base), nonce=1, expiration_ns=9)["r"] for each in signers}
    seen |= {signers[0].order(OrderTerms(**{**base, **each}), nonce=1, expiration_ns=9)["r"] for each in changes}
    seen |= {signers[0].order(OrderTerms(**base), nonce=each, expiration_ns=8)["r"] for each in (1, 2)}
    assert len(seen) == 2 + len(changes) + 2


def test_times_in_force_are_the_venues_numbers() -> None:
    assert TIME_IN_FORCE["GOOD_TILL_TIME"] == 1
    assert TIME_IN_FORCE["IMMEDIATE_OR_CANCEL"] == 3  # a community gist says 2, which is all-or-none
    assert TIME_IN_FORCE["FILL_OR_KILL"] == 4
    assert sorted(TIME_IN_FORCE.values()) == [1, 2, 3, 4, 5]
    assert all(each[-1] == ("expiration", "int64") for each in (list(t[p]) for p, t in TYPES.items()))


def test_the_address_is_checksummed_and_no_text_shows_the_key() -> None:
    signer = Signer(KEY, "1", 326)
    assert signer.address == "0xCb9fcf41120567691a99C5cEaeeCcbc5545B5853"
    # The examples of EIP-55.
    for address in ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"):
        assert checksummed(address.lower()) == address
    assert KEY[2:] not in f"{signer!r} {signer} {vars(signer)}"
    with pytest.raises(ValueError, match="64 hexadecimal") as caught:
        Signer(KEY[:-1], "1", 326)
    assert KEY[2:-1] not in str(caught.value)


def test_a_signature_names_its_signer() -> None:
    signer = Signer(KEY, "7", 326)
    made = signer.sign("WalletLogin", {"signer": signer.address}, nonce=3, expiration_ns=5)
    digest = typed_data("WalletLogin", 326).digest({"signer": signer.address, "nonce": 3, "expiration": 5})
    signature = EvmSignature(int(made["r"], 16), int(made["s"], 16), made["v"])
    assert recover_address(digest, signature) == EvmKey(KEY).address == signer.address.lower()
    assert made["chain_id"] == "326"


def _whole(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message of a vector with its numbers as numbers."""
    found = dict(message)
    if "subAccountID" in found:
        found["subAccountID"] = int(found["subAccountID"])
    if "legs" in found:
        found["legs"] = [{**leg, "assetID": int(str(leg["assetID"]), 0)} for leg in found["legs"]]
    return found
