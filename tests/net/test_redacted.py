from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from arb.net import Redactor
from arb.net._opaque import HIDDEN
from arb.net._secret_names import HINTS, is_secret_name

NAMES = (
    "sig",
    "signature",
    "Signature",
    "L1Sig",
    "sign",
    "key",
    "apiKey",
    "api_key",
    "API-KEY",
    "apikey",
    "secret",
    "clientSecret",
    "token",
    "authToken",
    "auth",
    "Authorization",
    "pass",
    "passphrase",
    "password",
    "cookie",
    "session",
    "sessionid",
    "listenKey",
    "listenkey",
    "jwt",
)
OPEN_NAMES = ("symbol", "price", "orderId", "nonce", "clientId", "tokens", "design", "passed", "author", "timestamp")

# Marks that no placeholder and no JSON has; a secret that is part of the frame around it cannot be looked for.
SECRETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x2FF, exclude_characters="*"), min_size=8).filter(
    lambda text: not text.isspace() and text == text.strip()
)
KEYS = st.one_of(
    st.binary(min_size=20, max_size=66).map(bytes.hex),
    st.binary(min_size=20, max_size=66).map(lambda raw: "0x" + raw.hex().upper()),
    st.binary(min_size=45, max_size=99).map(lambda raw: base64.b64encode(raw).decode()),
    st.binary(min_size=45, max_size=99).map(lambda raw: base64.urlsafe_b64encode(raw).decode().rstrip("=")),
    st.integers(min_value=10**45, max_value=10**77).map(str),
)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.sampled_from(["BTC", "0.1", "buy", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(OPEN_NAMES), inner, max_size=3),
    max_leaves=8,
)


def carried(redactor: Redactor, way: str, secret: str) -> str:
    """Return what is written of a message that carries a secret."""
    ways: dict[str, Callable[[], Any]] = {
        "header": lambda: redactor.headers({"X-Any": secret, "Content-Type": f"text; {secret}"}),
        "query": lambda: redactor.url(f"https://venue.test/x?symbol=BTC&q={quote(secret, safe='')}&z=1"),
        "plus": lambda: redactor.url(f"https://venue.test/x?q={quote_plus(secret)}"),
        "twice": lambda: redactor.url(f"https://venue.test/x?q={quote(quote(secret, safe=''), safe='')}"),
        "path": lambda: redactor.url(f"https://venue.test/ws/{quote(secret, safe='')}/BTC"),
        "user": lambda: redactor.url(f"https://{quote(secret, safe='')}:x@venue.test/ws"),
        "json": lambda: redactor.body(json.dumps({"a": [{"b": secret}]}).encode()),
        "utf8 json": lambda: redactor.body(json.dumps({"a": secret}, ensure_ascii=False).encode()),
        "json in json": lambda: redactor.body(json.dumps({"a": json.dumps({"b": secret})}).encode()),
        "json in form": lambda: redactor.body(f"tx={quote(json.dumps({'b': [secret]}))}&t=1".encode()),
        "form": lambda: redactor.body(f"a=1&b={quote_plus(secret)}".encode()),
        "binary": lambda: redactor.body(b"\xff\x00" + secret.encode() + b"\xfe"),
        "message": lambda: redactor.text(json.dumps({"op": "x", "args": ["a", secret]})),
        "error": lambda: redactor.text(f"GET venue.test/x: refused: {secret} is wrong"),
        "base64": lambda: redactor.text(json.dumps({"a": base64.b64encode(secret.encode()).decode()})),
        "basic": lambda: redactor.text(f"Basic {base64.b64encode(b'user:' + secret.encode()).decode()}"),
        "base64url": lambda: redactor.url(f"https://v.test/{base64.urlsafe_b64encode(secret.encode()).decode()}"),
        "hex": lambda: redactor.text(f"key {secret.encode().hex()}!"),
    }
    made = ways[way]()
    if isinstance(made, dict):
        return "\n".join([*made, *made.values()])
    return made if isinstance(made, str) else str(made.decode("latin-1"))


def forms(secret: str) -> set[str]:
    raw = secret.encode()
    found = {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        raw.decode("latin-1"),
        raw.hex(),
        *(encode(raw).decode() for encode in (base64.b64encode, base64.urlsafe_b64encode)),
    }
    return found | {form.rstrip("=") for form in found}


WAYS = (
    *("header", "query", "plus", "twice", "path", "user", "json", "utf8 json", "json in json", "json in form", "form"),
    *("binary", "message", "error", "base64", "basic", "base64url", "hex"),
)


@pytest.mark.parametrize("way", WAYS)
@given(secret=SECRETS)
@settings(max_examples=25, deadline=None)
def test_a_configured_secret_survives_nowhere_in_no_form(way: str, secret: str) -> None:
    shown = carried(Redactor([secret]), way, secret)

    assert not {form for form in forms(secret) if form in shown}


@pytest.mark.parametrize("way", [way for way in WAYS if way not in ("base64", "basic", "base64url", "hex")])
@given(secret=KEYS)
@settings(max_examples=25, deadline=None)
def test_a_key_of_nobody_survives_nowhere(way: str, secret: str) -> None:
    shown = carried(Redactor(), way, secret)

    assert not {form for form in forms(secret) if form in shown}


@pytest.mark.parametrize("name", NAMES)
@given(secret=SECRETS, tree=TREES)
@settings(max_examples=12, deadline=None)
def test_what_a_name_calls_secret_is_hidden_at_any_depth(name: str, secret: str, tree: Any) -> None:
    assume(secret not in json.dumps(tree, ensure_ascii=False))
    hidden = {"a": [tree, {name: HIDDEN, "z": tree}], "z": 1}
    plain = json.loads(json.dumps(hidden).replace(HIDDEN, json.dumps(secret)[1:-1]))
    redact = Redactor().text
    once = json.dumps(plain)
    twice = json.dumps({"m": once, "n": [once]})

    assert json.loads(redact(once)) == hidden
    assert json.loads(redact(json.dumps(plain, ensure_ascii=False, indent=1))) == hidden
    assert json.loads(json.loads(redact(twice))["m"]) == hidden
    assert json.loads(json.loads(json.loads(redact(json.dumps({"t": twice})))["t"])["n"][0]) == hidden
    form = redact(f"x=1&tx={quote_plus(once)}")
    assert quote(secret, safe="") not in form
    assert quote(json.dumps(secret)[1:-1], safe="") not in form


@pytest.mark.parametrize("name", NAMES)
@given(secret=SECRETS)
@settings(max_examples=10, deadline=None)
def test_a_query_a_form_and_a_text_hide_it_too(name: str, secret: str) -> None:
    pairs = f"symbol=BTC&{name}={quote(secret, safe='')}&limit=5"
    redactor = Redactor()

    assert redactor.url(f"https://v.test/p?{pairs}") == f"https://v.test/p?symbol=BTC&{name}=***&limit=5"
    assert redactor.body(pairs.encode()) == f"symbol=BTC&{name}=***&limit=5"
    assert redactor.text(f"GET /p?{pairs}: refused") == f"GET /p?symbol=BTC&{name}=***&limit=5: refused"
    word = re.sub(r"\W", "x", secret)
    assert redactor.text(f"sent {name}: {word}, refused") == f"sent {name}: ***, refused"


@given(secret=st.recursive(SECRETS, lambda inner: st.lists(inner, min_size=1) | st.dictionaries(SECRETS, inner)))
@settings(max_examples=100, deadline=None)
def test_a_list_or_object_under_a_secret_name_is_hidden_whole(secret: Any) -> None:
    text = json.dumps({"a": 1, "signature": secret, "b": {"signature": secret}, "c": 2})

    assert Redactor().text(text) == '{"a": 1, "signature": "***", "b": {"signature": "***"}, "c": 2}'
    nested = json.loads(Redactor().text(json.dumps([text])))[0]
    assert nested == '{"a": 1, "signature": "***", "b": {"signature": "***"}, "c": 2}'


@pytest.mark.parametrize(
    ("value", "shown"),
    [("1", "1"), ("-1", "-1"), ("123456", "0"), ("1.5e30", "0"), ("true", "true"), ("null", "null"), ('""', '"***"')],
)
def test_numbers_stay_numbers_and_short_ones_stay(value: str, shown: str) -> None:
    assert Redactor().text(f'{{"sign": {value}, "size": 1.50}}') == f'{{"sign": {shown}, "size": 1.50}}'


@pytest.mark.parametrize(
    "text",
    [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.dozjgNryP4J3jVmN",
        "0x4c0883a69102937d6231471b5dbb6204fe512961708279feb1be6ae5538da033",
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\nabc=\n-----END PRIVATE KEY-----",
        "0x742d35Cc6634C0532925a3b844Bc454e4438f44e",
    ],
)
@pytest.mark.parametrize("frame", ["{}", "a {} b", '{{"x": "{}"}}', "/p/{}/q"])
def test_keys_tokens_and_addresses_are_known_by_their_looks(text: str, frame: str) -> None:
    assert Redactor().text(frame.format(text)) == frame.format("***")


READABLE = (
    '{"s":"BTC-PERP","p":"60000.10","q":0.0010,"T":1767225600000,"id":281474976710656,"c":"a1b2c3d4e5f6g7h8j9k0m1n2p3q4r5s6"}',
    '{"levels":[["60001.5","0.001"],["60002.5","1E-8"]],"oid":"6b1f7f0e-9e3a-4d7b-8f6e-0d1c2b3a4f5e"}',
    '{"cloid":"0x0123456789abcdef0123456789abcdef","tokens":[{"name":"USDC","tokenId":7}],"sz":"1.50 "}',
    "tx_type=14&market=1&price=600000&client_order_index=281474976710655",
    '{"type":"subscribed/account_all","channel":"order_book:1","msg":"Insufficient margin (code 1003)"}',
    "POST api.venue.test/api/v1/public/markets/funding/history/settlements: HTTP 502: Bad Gateway",
    '{"text":"50 % of 100%","e":"\\u00e9\\/x","n":null,"ok":true}',
    "GET /fapi/v1/aggregatedOpenInterest/BTC_USDC_PERP/per-hour: not within 10 s",
)


@pytest.mark.parametrize("text", READABLE)
def test_what_is_no_secret_stays_to_the_byte(text: str) -> None:
    redactor = Redactor(["hunter22", "0x4c0883a69102937d6231471b5dbb6204fe512961708279feb1be6ae5538da033"])

    assert redactor.text(text) == text
    assert redactor.body(text.encode()) == text


@given(
    symbol=st.from_regex(r"[A-Z0-9]{2,10}[-_/][A-Z]{3,4}", fullmatch=True),
    price=st.decimals(0, 10**9, places=8),
    client_id=st.from_regex(r"[0-9a-zA-Z_-]{1,32}", fullmatch=True),
    order_id=st.uuids().map(str) | st.integers(0, 2**64).map(str),
    words=st.lists(st.sampled_from(["markets", "v1", "public", "fundingHistory", "24h", "order-book"]), max_size=9),
)
@settings(max_examples=200, deadline=None)
def test_orders_and_their_ids_stay_readable(
    symbol: str, price: object, client_id: str, order_id: str, words: list[str]
) -> None:
    redactor = Redactor(["a secret of ours"])
    text = json.dumps({"symbol": symbol, "price": str(price), "clientId": client_id, "orderId": order_id})
    address = f"https://v.test/{'/'.join(words)}/{client_id}/{order_id}?symbol={quote(symbol, safe='')}&px={price}"

    assert redactor.text(text) == text
    assert redactor.url(address) == address


def test_headers_are_shown_by_an_allow_list() -> None:
    headers = {
        "Content-Type": "application/json",
        "Retry-After": "7",
        "X-MBX-USED-WEIGHT-1M": "12",
        "X-RateLimit-Remaining": "99",
        "Date": "Thu, 01 Jan 2026 00:00:00 GMT",
        "X-API-KEY": "abc",
        "Set-Cookie": "a=b",
        "User": "x",
    }
    shown = Redactor().headers(headers)

    assert list(shown) == list(headers)
    assert {name for name, value in shown.items() if value == "***"} == {"X-API-KEY", "Set-Cookie", "User"}


@pytest.mark.parametrize(
    "text", ['{"signature": "abc', '{"signature": {"r": "abc"', '"signature":', "sig=", '{"sig":"a\\']
)
def test_what_is_cut_off_is_hidden_to_its_end(text: str) -> None:
    assert "abc" not in Redactor().text(text)


@given(st.text(max_size=200))
@settings(max_examples=120, deadline=None)
def test_any_text_and_any_bytes_can_be_looked_at(text: str) -> None:
    redactor = Redactor(["hunter22"])

    redactor.text(text)
    redactor.url(text)
    redactor.form(text)
    redactor.body(text.encode("utf-16"))


@pytest.mark.parametrize("name", NAMES)
def test_every_secret_name_holds_a_hint(name: str) -> None:
    assert is_secret_name(name)
    assert any(hint in name.lower() for hint in HINTS)


@pytest.mark.parametrize("name", OPEN_NAMES)
def test_other_names_are_not_secret(name: str) -> None:
    assert not is_secret_name(name)


def test_a_secret_too_short_to_be_one_does_not_hide_every_price() -> None:
    assert Redactor(["12"]).text('{"price": "12.5"}') == '{"price": "12.5"}'


@pytest.mark.timeout(20)
@pytest.mark.parametrize("start", ["", '"sig":"', '"sig":{', "%"])
@pytest.mark.parametrize(
    "unit", ["a", "%41", '\\"', '"sig":', "sig=", "[", "{", "\\", "a/", "eyJ", "=", "%25", "key: "]
)
def test_no_text_takes_long(start: str, unit: str) -> None:
    Redactor(["hunter22"]).text(start + unit * (100_000 // len(unit)))
