"""What is signed, byte for byte: by the vectors, by eth-account, and as the fake reads it."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from arb.api import ConfigError, HttpRequest
from arb.net import EvmKey
from arb_dialect_fapi.fake import Refusal, signed_parts
from arb_exchange_aster._nonces import NonceLine
from arb_exchange_aster._signing import CHAIN_IDS, AgentSigner, KeySigner, checksummed, typed_message
from arb_exchange_aster.fake import (
    AGENT_SECRET,
    USER,
    WALLET_SECRET,
    approval_digest,
    legacy_digest,
    registration_digest,
)
from arb_exchange_aster.fake._auth import AsterAuth

SECRET = "0x" + "5e" * 32
NOW_NS = 1_767_225_600_123_456_789
realdata = pytest.mark.realdata


@pytest.fixture
def vectors(vector_data: Path) -> dict[str, Any]:
    return {each["name"]: each for each in json.loads(vector_data.read_text())["vectors"]}


def agent(user: str = USER, secret: str = SECRET, chain_id: int = 1666) -> AgentSigner:
    return AgentSigner(user, EvmKey(secret), chain_id, NonceLine())


def signature(secret: str, digest: bytes) -> str:
    return "0x" + EvmKey(secret).sign(digest).to_bytes().hex()


@realdata
def test_every_vector_is_reproduced(vectors: dict[str, Any]) -> None:
    done = 0
    for name, vector in vectors.items():
        if name.startswith("v3_legacy"):
            digest = legacy_digest(vector["json"], vector["user"], vector["signer"], vector["nonce_us"])
            assert signature(vector["private_key"], digest) == vector["signature"]
        elif name.startswith("v1_hmac"):
            told = hmac.new(vector["secret"].encode(), vector["message"].encode(), hashlib.sha256).hexdigest()
            assert told == vector["signature"]
        else:
            digest = typed_message(vector.get("chain_id", 1666)).digest({"msg": vector["signed_message"]})
            assert "0x" + digest.hex() == vector["digest"], name
            assert signature(vector["private_key"], digest) == vector["signature"], name
        done += 1
    assert done == len(vectors) == 11


@realdata
def test_the_requests_of_ccxt_leave_as_it_sends_them(vectors: dict[str, Any]) -> None:
    """ccxt puts nonce, user and signer first, and writes the last byte in upper case."""
    done = 0
    for name, vector in vectors.items():
        if not name.startswith("v3_ccxt"):
            continue
        head = {"nonce": vector["nonce_us"], "user": vector["user_address"], "signer": vector["api_wallet_address"]}
        text = urlencode({**head, **vector["params"]}, quote_via=quote)
        made = signature(vector["private_key"], typed_message(1666).digest({"msg": text}))
        sent = f"{text}&signature={made[:-2]}{made[-2:].upper()}"
        request = vector["request"]
        assert sent == (request["body"] or request["url"].partition("?")[2])
        done += 1
    assert done == 4


@realdata
def test_the_requests_of_the_documents_leave_as_the_signer_makes_them(vectors: dict[str, Any]) -> None:
    done = 0
    for name, vector in vectors.items():
        if not name.startswith("v3_docs_python"):
            continue
        form, nonce = urlencode(vector["params"], quote_via=quote), int(vector["nonce_us"])
        if vector["user_address"] is None:  # the variant that names the agent alone, which the plugin does not send
            text = f"{form}&nonce={nonce}&signer={checksummed(vector['api_wallet_address'])}"
            digest = typed_message(vector["chain_id"]).digest({"msg": text})
            assert f"{text}&signature={signature(vector['private_key'], digest)}" == vector["url_or_body"]
        else:
            signer = agent(vector["user_address"].lower(), vector["private_key"], vector["chain_id"])
            assert signer.signed(form, nonce * 1_000) == vector["url_or_body"]
        done += 1
    assert done == 4


@realdata
def test_the_keys_of_version_1_sign_as_the_documents_say(vectors: dict[str, Any]) -> None:
    vector = vectors["v1_hmac/official docs example (all in query or all in body)"]
    signer = KeySigner("key", vector["secret"], 5_000_000_000)
    form, _, rest = vector["message"].partition("&recvWindow=")
    now_ms = int(rest.rpartition("=")[2])
    assert signer.signed(form, now_ms * 1_000_000) == f"{vector['message']}&signature={vector['docs_expected']}"


@realdata
def test_query_and_body_are_signed_without_a_joint(vectors: dict[str, Any]) -> None:
    """The plugin sends one of the two; the fake reads both."""
    vector = vectors["v1_hmac/mixed query + body (no & between the two parts)"]
    request = HttpRequest(
        method="POST",
        url=f"http://fake.test/fapi/v1/order?{vector['query']}",
        body=f"{vector['body']}&signature={vector['signature']}".encode(),
    )
    assert signed_parts(request) == (vector["message"], vector["signature"])


@realdata
def test_the_fake_knows_the_signer_of_every_vector(vectors: dict[str, Any]) -> None:
    for name, vector in vectors.items():
        sent = vector.get("url_or_body") or (vector.get("request") or {}).get("body")
        if not name.startswith("v3_") or not sent:
            continue
        row = {"agentAddress": vector["api_wallet_address"], "canPerpTrade": True, "expired": 4_102_444_800_000}
        text = sent.replace(str(vector["user_address"]), USER) if vector["user_address"] else sent
        auth = AsterAuth([row], [], vector.get("chain_id", 1666))
        request = HttpRequest(method="POST", url="http://fake.test/fapi/v3/order", body=sent.encode())
        now_ns = int(vector["nonce_us"]) * 1_000
        if text == sent:
            assert auth.signed(request, now_ns)["symbol"] == "BTCUSDT"
        else:  # it is another account's
            with pytest.raises(Refusal, match="-2015"):
                auth.signed(request, now_ns)


def test_an_agent_signs_what_eth_account_signs() -> None:
    for network, chain_id in CHAIN_IDS.items():
        sent = agent(chain_id=chain_id).signed("symbol=BTCUSDT&side=BUY", NOW_NS)
        text, _, told = sent.rpartition("&signature=")
        message = {
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                "Message": [{"name": "msg", "type": "string"}],
            },
            "primaryType": "Message",
            "domain": {
                "name": "AsterSignTransaction",
                "version": "1",
                "chainId": chain_id,
                "verifyingContract": "0x0000000000000000000000000000000000000000",
            },
            "message": {"msg": text},
        }
        made = Account.sign_message(encode_typed_data(full_message=message), SECRET).signature
        assert told == "0x" + bytes(made).hex(), network


def test_an_approval_is_what_eth_account_signs() -> None:
    """`approveAgent`: a struct of all parameters, named with a capital, typed by their values."""
    fields: dict[str, str | int | bool] = {
        "agentName": "arb",
        "agentAddress": "0xC98Fd64eBc39E28b92849d9cCef9495663439014",
        "ipWhitelist": "",
        "expired": 1_967_945_395_040,
        "canSpotTrade": False,
        "canPerpTrade": True,
        "canWithdraw": False,
        "asterChain": "Mainnet",
        "user": checksummed(USER),
        "nonce": 1_767_225_600_123_000,
    }
    kinds = {bool: "bool", int: "uint256", str: "string"}
    named = {name[0].upper() + name[1:]: value for name, value in fields.items()}
    domain = {
        "name": "AsterSignTransaction",
        "version": "1",
        "chainId": 56,
        "verifyingContract": "0x" + "00" * 20,
    }
    types = {"ApproveAgent": [{"name": name, "type": kinds[type(value)]} for name, value in named.items()]}
    made = Account.sign_message(encode_typed_data(domain, types, named), WALLET_SECRET).signature
    assert signature(WALLET_SECRET, approval_digest("ApproveAgent", fields)) == "0x" + bytes(made).hex()


def test_a_registration_is_a_message_on_the_chain_that_it_names() -> None:
    """The message is one that a public client says the live venue took, with the digest that eth-account makes."""
    fields: dict[str, str | int | bool] = {
        "user": "0x2c7536e3605d9c16a7a3d7b1898e529396a65c23",
        "nonce": 1_791_450_680_085_530,
        "agentName": "pewterdesk",
        "agentAddress": "0x15e995b216908f03d22f64772e3560b374da43a0",
        "expired": 1_807_002_680_085,
        "signatureChainId": 56,
        "canSpotTrade": False,
        "canPerpTrade": True,
        "canWithdraw": False,
    }
    wanted = "ef1543b5e0e7c04aa266b26ceb3a520148ab48dde0274254c2832ffcfeccea51"
    assert registration_digest(fields).hex() == wanted
    assert registration_digest({**fields, "signatureChainId": 42161}).hex() != wanted
    assert registration_digest({**fields, "canWithdraw": True}).hex() != wanted


@pytest.mark.parametrize(
    "address",
    [
        # EIP-55's own examples.
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_addresses_are_written_in_the_case_that_checks_them(address: str) -> None:
    assert checksummed(address.lower()) == checksummed(address.upper().replace("X", "x")) == address


texts = st.text(st.characters(min_codepoint=32, max_codepoint=0x4FFF, exclude_categories=["Cs"]), min_size=1)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z]{3,9}", fullmatch=True), texts, max_size=4))
def test_what_is_sent_is_what_was_signed(params: dict[str, str]) -> None:
    """Encoded, with the signature last; the fake reads the very values, and finds the agent."""
    form = urlencode(params, quote_via=quote)
    sent = AgentSigner(USER, EvmKey(AGENT_SECRET), 1666, NonceLine()).signed(form, NOW_NS)
    request = HttpRequest(method="POST", url="http://fake.test/fapi/v3/order", body=sent.encode())
    row = {"agentAddress": EvmKey(AGENT_SECRET).address, "canPerpTrade": True, "expired": 4_102_444_800_000}
    told = AsterAuth([row], [], 1666).signed(request, NOW_NS)
    named = [name for name, _ in parse_qsl(sent, keep_blank_values=True)]
    assert named == [*params, "nonce", "user", "signer", "signature"]
    assert {name: told[name] for name in params} == params
    assert told["nonce"] == str(NOW_NS // 1_000)


@pytest.mark.parametrize("change", ["side=SELL", "nonce=1767225600123457", "0x00", f"user={SECRET[:42]}", "chain"])
def test_a_changed_request_is_not_the_agents(change: str) -> None:
    key = EvmKey(AGENT_SECRET)
    row = {"agentAddress": key.address, "canPerpTrade": True, "expired": 4_102_444_800_000}
    sent = AgentSigner(USER, key, 714 if change == "chain" else 1666, NonceLine()).signed("side=BUY", NOW_NS)
    if change == "0x00":
        sent = sent[:-2] + "00"
    elif "=" in change:
        name = change.partition("=")[0]
        sent = "&".join(change if each.startswith(f"{name}=") else each for each in sent.split("&"))
    request = HttpRequest(method="POST", url="http://fake.test/fapi/v3/order", body=sent.encode())
    with pytest.raises(Refusal, match=r"-1022|-2015"):
        AsterAuth([row], [], 1666).signed(request, NOW_NS)


def test_neither_signer_shows_its_secret() -> None:
    for signer in (agent(), KeySigner("name", "a secret of mine", 5_000_000_000)):
        shown = f"{signer!r} {signer.account} {signer.headers()}"
        assert SECRET[2:] not in shown
        assert "a secret" not in shown
    with pytest.raises(ConfigError, match="api_secret is empty"):
        KeySigner("name", " ", 5_000_000_000)
