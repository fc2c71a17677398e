"""Signatures against the vectors of the fact sheet, and against the fake that checks the bytes it receives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

import pytest

from arb.api import ConfigError, HttpRequest
from arb.testing import Bench, BenchDesk
from arb_dialect_fapi.fake import signed_parts
from arb_exchange_binance._signing import BinanceSigner, signing
from arb_exchange_binance.fake import API_KEY, ED25519_KEY, ed25519_pem

VECTORS = 9


def pem_of(seed: bytes) -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.from_private_bytes(seed)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def secret_of(vector: dict[str, Any]) -> str:
    if "secret" in vector:
        return str(vector["secret"])
    return pem_of(bytes.fromhex(vector["ed25519_seed_hex"]))


@pytest.mark.realdata
def test_every_vector_is_signed_byte_for_byte(vector_data: Path) -> None:
    vectors = json.loads(vector_data.read_text())["vectors"]
    assert len(vectors) == VECTORS
    for vector in vectors:
        sign = signing(secret_of(vector))
        signature = quote(sign(vector["signed_string"].encode()), safe="")
        assert signature == vector["signature_as_sent"], vector["name"]


@pytest.mark.realdata
def test_the_form_of_the_venues_own_connector_comes_out_whole(vector_data: Path) -> None:
    """Parameters, then the window, then the time, then the signature: as the connector sends them."""
    vectors = {each["name"]: each for each in json.loads(vector_data.read_text())["vectors"]}
    for name in ("connector/post_order_hmac", "connector/post_order_ed25519"):
        vector = vectors[name]
        signer = BinanceSigner("throwawayApiKey123", secret_of(vector), 5_000_000_000)
        asked = dict(parse_qsl(vector["signed_string"]))
        del asked["timestamp"], asked["recvWindow"]
        sent = signer.signed(urlencode(asked), vector["timestamp_ms"] * 1_000_000 + 999_999)
        assert sent == f"{vector['signed_string']}&signature={vector['signature_as_sent']}"
        assert signer.headers() == vector["headers"]


@pytest.mark.realdata
def test_query_and_body_are_one_text_without_a_separator(vector_data: Path) -> None:
    vectors = {each["name"].partition(":")[0]: each for each in json.loads(vector_data.read_text())["vectors"]}
    vector = vectors["mixed query + body"]
    body = f"{vector['body']}&signature={vector['signature_as_sent']}".encode()
    request = HttpRequest(method="POST", url=f"https://x.test/fapi/v1/order?{vector['query']}", body=body)
    assert signed_parts(request) == (vector["signed_string"], vector["signature_as_sent"])


@pytest.mark.realdata
def test_parameters_of_the_socket_api_are_signed_in_the_order_of_their_names(vector_data: Path) -> None:
    vectors = json.loads(vector_data.read_text())["vectors"]
    (vector,) = (each for each in vectors if each["name"].startswith("ws_api/"))
    text = urlencode(sorted(vector["params"].items()))
    assert text == vector["signed_string"]
    assert signing(vector["secret"])(text.encode()) == vector["signature_as_sent"]


def test_both_kinds_of_keys_trade_and_their_secrets_stay(bench: Bench) -> None:
    from pydantic import SecretStr

    async def body(desk: BenchDesk) -> None:
        order = await desk.send(await desk.request())
        assert order.filled_quantity == order.request.quantity
        sent = " ".join(f"{each.url} {each.body!r} {dict(each.headers)}" for each in desk.wire.requests)
        for line in secret.splitlines():
            assert line not in sent

    for key, secret in ((ED25519_KEY, ed25519_pem()), (API_KEY, "")):
        given = {"api_key": SecretStr(key), "api_secret": SecretStr(secret)} if secret else {}
        bench(body, settings=given)


def test_a_signature_of_an_ed25519_key_is_quoted(bench: Bench) -> None:
    from pydantic import SecretStr

    async def body(desk: BenchDesk) -> None:
        for _ in range(20):
            await desk.trading.fetch_balances()
        signatures = [each.url.rpartition("signature=")[2] for each in desk.wire.sent("GET", "/v3/account")]
        assert len(signatures) == 20
        assert not any(mark in signature for signature in signatures for mark in "+/=")
        assert all(len(unquote(signature)) == 88 for signature in signatures)

    bench(body, settings={"api_key": SecretStr(ED25519_KEY), "api_secret": SecretStr(ed25519_pem())})


@pytest.mark.parametrize("secret", ["", "  ", "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----"])
def test_what_is_no_secret_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(ConfigError) as told:
        signing(secret)
    assert "nonsense" not in str(told.value)
    assert told.value.__cause__ is None


def test_a_pem_of_another_kind_of_key_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    pem = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(ConfigError, match="another kind of key"):
        signing(pem)


def test_a_signer_shows_neither_key_nor_secret() -> None:
    signer = BinanceSigner("the-key", "the-secret", 5_000_000_000)
    assert "the-" not in repr(signer) + str(vars(signer).get("account"))
