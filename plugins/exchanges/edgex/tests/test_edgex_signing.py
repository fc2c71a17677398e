"""Signatures: the vectors of the venue's own client byte for byte, and the rules themselves."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.api import ConfigError
from arb.model import FeeSchedule, Instrument, InstrumentId, MarginTier
from arb.net import EvmSignature, recover_address
from arb_exchange_edgex._leverage import margin_mode_body
from arb_exchange_edgex._markets import Market, chain_of
from arb_exchange_edgex._orders import Terms, order_body
from arb_exchange_edgex._signing import (
    Chain,
    OrderToSign,
    RequestSigner,
    TypedSigner,
    checksummed,
    flattened,
    nonce_of,
    typed_data,
)

KEY = "11" * 32
ACCOUNT = "712345678901234567"
CHAIN = Chain(3343, "0x1ae109ea449cfe0bed08bfe8911e968a49a919b1")
PLAIN = st.text(alphabet="0123456789AZaz_.", max_size=8)
LEAVES = st.one_of(st.none(), st.booleans(), PLAIN)
BODIES = st.dictionaries(PLAIN, st.one_of(LEAVES, st.lists(LEAVES, max_size=3)), max_size=6)


def market_with(
    *,
    contract_id: str = "30000001",
    resolution: int = 10**10,
    fee: str = "0.00038",
    tick: str = "0.1",
    lot: str = "0.001",
) -> Market:
    fees = FeeSchedule(maker=D(fee), taker=D(fee))
    tier = MarginTier(max_notional=None, maintenance_rate=D("0.01"), max_leverage=D(50))
    instrument = Instrument(
        id=InstrumentId("BTC-PERP.edgex"),
        symbol="BTCUSDC",
        base="BTC",
        quote="USDC",
        tick_size=D(tick),
        lot_size=D(lot),
        fees=fees,
        margin_tiers=(tier,),
        funding_interval_ns=None,
    )
    return Market(
        instrument=instrument,
        contract_id=contract_id,
        resolution=resolution,
        coin_id="1000",
        coin_resolution=10**6,
        limit_fee_rate=D(fee),
        lowest_rate=None,
        highest_rate=None,
        default_leverage=None,
    )


def terms(**changes: Any) -> Terms:
    given_: dict[str, Any] = {
        "client_id": "arb-1",
        "price": "65000.5",
        "size": "0.012",
        "side": "BUY",
        "kind": "LIMIT",
        "force": "POST_ONLY",
        "reduce_only": False,
        "expires_ms": 1_769_126_400_123,
        "signed_price": D("65000.5"),
    }
    return Terms(**{**given_, **changes})


def fixture_market(meta: Any, contract_id: str) -> Market:
    row = next(each for each in meta["contractList"] if each["contractId"] == contract_id)
    fee = max(row["defaultTakerFeeRate"], row["defaultMakerFeeRate"], key=D)
    return market_with(
        contract_id=contract_id,
        resolution=int(row["resolution"]),
        fee=fee,
        tick=row["tickSize"],
        lot=row["stepSize"],
    )


@pytest.mark.realdata
def test_every_vector_of_the_official_client_is_reproduced(vector_data: Path) -> None:
    """edgex-python-sdk 2.0.1, throw-away keys, frozen time: 10 requests, orders and a margin mode among them."""
    data = json.loads(vector_data.read_text())
    keys, now_ms = data["keys"], int(data["frozen_time_s"] * 1000)
    requests = RequestSigner(keys["api_key"], keys["api_passphrase"], keys["api_secret"])
    signer = TypedSigner(keys["trading_private_key"], keys["account_id"])
    assert signer.address == keys["trading_address"]
    chain = chain_of(data["metadata_fixture"]["global"])
    assert len(data["vectors"]) == 10
    typed = 0
    for vector in data["vectors"]:
        path = "/" + vector["url"].split("/", 3)[3]
        body, query = vector["json_body"], vector["query"]
        parameters = flattened(body if body is not None else query or {})
        stamp = vector["headers"]["X-edgeX-Timestamp"]
        assert f"{stamp}{vector['method']}{path}{parameters}" == vector["hmac_message"], vector["name"]
        assert requests.headers(vector["method"], path, parameters, now_ms) == vector["headers"], vector["name"]
        if "eip712" not in vector:
            continue
        typed += 1
        if body.get("marginMode") is not None:
            made: Any = margin_mode_body(
                chain,
                keys["account_id"],
                signer,
                body["contractId"],
                int(body["marginMode"]),
                client_id="arb-000005",
                now_ns=now_ms * 1_000_000,
            )
        else:
            size, value = D(body["size"]), D(body["l2Value"])
            made = order_body(
                fixture_market(data["metadata_fixture"], body["contractId"]),
                chain,
                keys["account_id"],
                signer,
                terms(
                    client_id=body["clientOrderId"],
                    price=body["price"],
                    size=body["size"],
                    side=body["side"],
                    kind=body["type"],
                    force=body["timeInForce"],
                    reduce_only=body["reduceOnly"],
                    expires_ms=int(body["expireTime"]),
                    signed_price=D(body["price"]) if body["type"] == "LIMIT" else value / size,
                ),
            )
            # A number may be written with more zeros than the vector has: as a number it is the same.
            assert D(made["l2Value"]) == value
            made["l2Value"] = body["l2Value"]
        assert made == body, vector["name"]
    assert typed == 5


@pytest.mark.realdata
def test_the_text_of_a_limit_orders_value_is_the_clients_own(vector_data: Path) -> None:
    data = json.loads(vector_data.read_text())
    signer = TypedSigner(data["keys"]["trading_private_key"], data["keys"]["account_id"])
    limits = [each["json_body"] for each in data["vectors"] if (each["json_body"] or {}).get("type") == "LIMIT"]
    assert [each["l2Value"] for each in limits] == ["780.0060", "656.425"]
    for body in limits:
        market = fixture_market(data["metadata_fixture"], body["contractId"])
        made = order_body(
            market,
            CHAIN,
            ACCOUNT,
            signer,
            terms(price=body["price"], size=body["size"], signed_price=D(body["price"])),
        )
        assert made["l2Value"] == body["l2Value"]


@pytest.mark.realdata
def test_digests_nonces_and_flattening_are_those_of_the_vectors(vector_data: Path) -> None:
    data = json.loads(vector_data.read_text())
    for client_id, nonce in data["nonce_rule"].items():
        assert nonce_of(client_id) == nonce
    assert flattened(data["get_value"]["input"]) == data["get_value"]["output"]
    checked = 0
    for vector in data["vectors"]:
        if "eip712_typed_data" not in vector:
            continue
        given_ = vector["eip712_typed_data"]
        message = json.loads(json.dumps(given_["message"]))
        numbers = ("nonce", "accountId", "expirationTimestamp")
        if "base" in message:
            message["base"] |= {name: int(message["base"][name]) for name in numbers}
        message = {
            name: int(each) if isinstance(each, str) and each.lstrip("-").isdigit() else each
            for name, each in message.items()
        }
        digest = typed_data(chain_of(data["metadata_fixture"]["global"]), given_["primaryType"]).digest(message)
        assert "0x" + digest.hex() == vector["eip712"]["digest"]
        checked += 1
    assert checked >= 4


@pytest.mark.realdata
def test_the_handshake_of_the_private_socket_is_signed_the_same_way(vector_data: Path) -> None:
    data = json.loads(vector_data.read_text())
    keys, socket = data["keys"], data["private_websocket"]
    signer, now_ms = RequestSigner(keys["api_key"], keys["api_passphrase"], keys["api_secret"]), 1_767_225_600_123
    query = flattened({"timestamp": str(now_ms), "accountId": keys["account_id"]})
    assert socket["url"].endswith(f"/api/v1/private/ws?{query}")
    assert signer.headers("GET", "/api/v1/private/ws", query, now_ms) == socket["headers"]


@given(BODIES, st.integers(1, 2**45))
def test_the_signed_text_is_sorted_and_whole_and_verifies(body: dict[str, Any], now_ms: int) -> None:
    def by_hand(value: Any) -> str:
        if isinstance(value, list):
            return "&".join(map(by_hand, value))
        return {True: "true", False: "false", None: ""}.get(value, value) if not isinstance(value, str) else value

    parts = "&".join(f"{name}={by_hand(body[name])}" for name in sorted(body))
    headers = RequestSigner("key", "phrase", "secret").headers("POST", "/x", flattened(body), now_ms)
    expected = hmac.new(base64.b64encode(b"secret"), f"{now_ms}POST/x{parts}".encode(), hashlib.sha256)
    assert headers["X-edgeX-Signature"] == expected.hexdigest()


@given(
    st.decimals(min_value=D("0.1"), max_value=D(10**6), places=1),
    st.decimals(min_value=D("0.001"), max_value=D(10**4), places=3),
    st.booleans(),
    st.integers(1_767_225_600_000, 1_900_000_000_000),
)
def test_an_order_signs_its_own_numbers(price: D, size: D, is_buy: bool, expires_ms: int) -> None:
    signer, market = TypedSigner(KEY, ACCOUNT), market_with()
    body = order_body(
        market,
        CHAIN,
        ACCOUNT,
        signer,
        terms(
            price=f"{price:f}",
            size=f"{size:f}",
            side="BUY" if is_buy else "SELL",
            expires_ms=expires_ms,
            signed_price=price,
        ),
    )
    value = price * size
    assert D(body["l2Value"]) == value
    fee = int(body["l2LimitFee"])
    assert fee - 1 < value * D("0.00038") <= fee  # whole USDC, upwards
    assert int(body["l2ExpireTime"]) - int(body["expireTime"]) == 8 * 86_400_000
    raw = bytes.fromhex(body["l2Signature"])
    found = EvmSignature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big"), raw[64])
    message = {
        "base": {
            "nonce": int(hashlib.sha256(b"arb-1").hexdigest()[:8], 16),
            "signer": signer.address,
            "accountId": int(ACCOUNT),
            "expirationTimestamp": expires_ms // 1000,
        },
        "amountSynthetic": int(size * 10**10),
        "amountCollateral": int(value * 10**6),
        "amountFee": fee * 10**6,
        "assetIdSynthetic": 30000001,
        "assetIdCollateral": 1000,
        "isBuyingSynthetic": is_buy,
        "parentOrderHash": bytes(32),
        "subOrderIndex": 0,
    }
    digest = typed_data(CHAIN, "LimitOrderParams").digest(message)
    assert recover_address(digest, found) == signer.address.lower()


def test_each_number_of_an_order_is_part_of_what_is_signed() -> None:
    signer = TypedSigner(KEY, ACCOUNT)
    order = OrderToSign(1, 2, 3, 4, 5, 6, 7, True)
    same = signer.order(CHAIN, order)
    assert signer.order(CHAIN, order) == same
    others = [
        order._replace(nonce=9),
        order._replace(expires_s=9),
        order._replace(synthetic=9),
        order._replace(collateral=9),
        order._replace(fee=9),
        order._replace(contract_id=9),
        order._replace(coin_id=9),
        order._replace(is_buy=False),
    ]
    signatures = {signer.order(CHAIN, each) for each in others}
    signatures |= {signer.order(Chain(33431, CHAIN.contract), order), TypedSigner(KEY, "1").order(CHAIN, order)}
    assert len(signatures | {same}) == len(others) + 3
    assert len(same) == 130  # without 0x


def test_amounts_beyond_the_resolution_are_cut_off_not_rounded() -> None:
    signer, coarse = TypedSigner(KEY, ACCOUNT), market_with(resolution=1000)
    made = order_body(
        coarse, CHAIN, ACCOUNT, signer, terms(size="1.9999", price="0.10000019", signed_price=D("0.10000019"))
    )
    value = D("0.10000019") * D("1.9999")
    order = OrderToSign(nonce_of("arb-1"), 1_769_126_400, 1999, int(value * 10**6), 10**6, 30000001, 1000, True)
    assert made["l2Signature"] == signer.order(CHAIN, order)


def test_an_address_has_the_letter_case_of_eip_55() -> None:
    for address in (
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    ):
        assert checksummed(address.lower()) == address


def test_keys_are_refused_and_printed_without_being_shown() -> None:
    for wrong in ("", "0x12", "zz" * 32, "00" * 32):
        with pytest.raises(ConfigError, match="trading_key") as caught:
            TypedSigner(wrong, ACCOUNT)
        assert not wrong or wrong not in str(caught.value)
    assert TypedSigner("0x" + KEY, ACCOUNT).address == TypedSigner(KEY, ACCOUNT).address
    shown = f"{TypedSigner(KEY, ACCOUNT)!r} {RequestSigner('key-x', 'phrase-x', 'secret-x')!r}"
    assert not [part for part in (KEY, "key-x", "phrase-x", "secret-x") if part in shown]
