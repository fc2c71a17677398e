"""Signatures: the vectors of the venue's own client byte for byte, and the rule itself."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from arb.api import ConfigError
from arb_exchange_backpack._signing import Signer, signed_batch_text, signed_text

SEED = bytes(range(32))
KEY = Ed25519PrivateKey.from_private_bytes(SEED)
PUBLIC = KEY.public_key().public_bytes_raw()
API_KEY, API_SECRET = base64.b64encode(PUBLIC).decode(), base64.b64encode(SEED).decode()

NAMES = st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=12)
VALUES = st.one_of(st.booleans(), st.integers(0, 2**32 - 1), st.from_regex(r"[0-9A-Za-z_.]{1,12}", fullmatch=True))


def instruction_of(text: str) -> str:
    return text.partition("&")[0].removeprefix("instruction=")


@pytest.mark.realdata
def test_every_vector_of_the_official_client_is_reproduced(vector_data: Path) -> None:
    """bpx-py 2.0.11, throw-away key, frozen time: 11 calls."""
    data = json.loads(vector_data.read_text())
    signer = Signer(data["keys"]["api_key_b64"], data["keys"]["api_secret_b64"])
    assert len(data["vectors"]) == 11
    for vector in data["vectors"]:
        params = vector["json_body"] or vector["query"] or {}
        instruction, window = instruction_of(vector["signing_string"]), int(vector["headers"]["X-Window"])
        assert signed_text(instruction, params, data["timestamp_ms"], window) == vector["signing_string"]
        assert signer.headers(instruction, params, data["timestamp_ms"], window) == vector["headers"], vector["name"]


@pytest.mark.realdata
def test_a_subscription_and_a_batch_are_signed_as_the_documentation_says(vector_data: Path) -> None:
    data = json.loads(vector_data.read_text())
    signer = Signer(data["keys"]["api_key_b64"], data["keys"]["api_secret_b64"])
    now = data["timestamp_ms"]
    assert signer.subscription(now, 5_000) == data["ws_subscribe"]["message"]["signature"]
    batch = data["batch_execute"]
    assert signed_batch_text("orderExecute", batch["json_body"], now, 5_000) == batch["signing_string"]
    headers = signer.batch_headers("orderExecute", batch["json_body"], now, 5_000)
    assert headers["X-Signature"] == batch["signature"]


@given(st.dictionaries(NAMES, VALUES, max_size=8), st.integers(1, 2**45), st.integers(1, 60_000))
def test_the_signed_text_is_sorted_and_whole_and_verifies(params: dict[str, Any], now: int, window: int) -> None:
    headers = Signer(API_KEY, API_SECRET).headers("orderExecute", params, now, window)
    pairs = [f"{key}={json.dumps(params[key]).strip(chr(34))}" for key in sorted(params)]
    expected = "&".join(["instruction=orderExecute", *pairs, f"timestamp={now}", f"window={window}"])
    KEY.public_key().verify(base64.b64decode(headers["X-Signature"]), expected.encode())
    assert (headers["X-Timestamp"], headers["X-Window"]) == (str(now), str(window))


@given(st.dictionaries(NAMES, VALUES, min_size=2, max_size=6))
def test_the_order_of_parameters_does_not_matter(params: dict[str, Any]) -> None:
    turned = dict(reversed(params.items()))
    assert signed_text("x", params, 1, 2) == signed_text("x", turned, 1, 2)


@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=4), min_size=1, max_size=4))
def test_a_batch_of_one_is_signed_as_the_single_call(batch: list[dict[str, Any]]) -> None:
    text = signed_batch_text("orderExecute", batch, 5, 6)
    assert text.count("instruction=orderExecute") == len(batch)
    assert text.count("&timestamp=5&window=6") == 1
    assert signed_batch_text("orderExecute", batch[:1], 5, 6) == signed_text("orderExecute", batch[0], 5, 6)


def test_a_secret_of_seed_and_public_half_is_the_same_key() -> None:
    both = base64.b64encode(SEED + PUBLIC).decode()
    assert Signer(API_KEY, both).sign("text") == Signer(API_KEY, API_SECRET).sign("text")


@pytest.mark.parametrize(
    ("key", "secret", "message"),
    [
        ("not base64!", API_SECRET, "api_key is not base64"),
        (API_KEY, "not base64!", "api_secret is not base64"),
        (base64.b64encode(b"short").decode(), API_SECRET, "5 bytes"),
        (API_KEY, base64.b64encode(b"short").decode(), "5 bytes"),
        (base64.b64encode(bytes(32)).decode(), API_SECRET, "not the public half"),
        (API_KEY, base64.b64encode(SEED + bytes(32)).decode(), "not the public half"),
    ],
)
def test_what_is_no_key_pair_is_refused_without_showing_it(key: str, secret: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        Signer(key, secret)
    assert secret not in str(caught.value)
    assert API_SECRET not in repr(Signer(API_KEY, API_SECRET))
