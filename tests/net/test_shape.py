from __future__ import annotations

import pytest

from arb.net._shape import shape


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("GET", "https://a.test/x?b=1&a=2", ""), ("get", "http://b.test:81/x?a=2&b=1", "")),
        (("GET", "http://a/x?startTime=1767225600000", ""), ("GET", "http://a/x?startTime=5", "")),
        (("GET", "http://a/x?from=1767225600000", ""), ("GET", "http://a/x?from=1767225600001", "")),
        (("POST", "http://a/x", '{"b": 1, "a": {"nonce": 1}}'), ("POST", "http://a/x", '{"a":{"nonce":2},"b":1}')),
        (("POST", "http://a/x", '{"clientId": "a"}'), ("POST", "http://a/x", '{"clientId": "b"}')),
        (
            ("POST", "http://a/x", '{"o":[{"c":"0x0123456789abcdef0123456789abcdef"}]}'),
            ("POST", "http://a/x", '{"o":[{"c":"0x00000000000000000123456789abcdef"}]}'),
        ),
        (
            ("POST", "http://a/x", "tx=%7B%22Nonce%22%3A1%2C%22Price%22%3A5%7D&t=1"),
            ("POST", "http://a/x", "t=1&tx=%7B%22Price%22%3A5%2C%22Nonce%22%3A9%7D"),
        ),
    ],
)
def test_the_same_request_at_another_time_has_the_same_shape(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert shape(*one) == shape(*other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("GET", "http://a/x?symbol=BTC", ""), ("GET", "http://a/x?symbol=ETH", "")),
        (("GET", "http://a/x", ""), ("POST", "http://a/x", "")),
        (("GET", "http://a/x", ""), ("GET", "http://a/y", "")),
        (("POST", "http://a/x", '{"type":"meta"}'), ("POST", "http://a/x", '{"type":"l2Book"}')),
        (("POST", "http://a/x", '{"p":"1.5"}'), ("POST", "http://a/x", '{"p":"1.50"}')),
        (("POST", "http://a/x", "a=1"), ("POST", "http://a/x", "a=2")),
        (("POST", "http://a/x", '{"a":true}'), ("POST", "http://a/x", '{"a":1}')),
        (("GET", "http://a/x?a=", ""), ("GET", "http://a/x", "")),
    ],
)
def test_another_request_has_another_shape(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert shape(*one) != shape(*other)


def test_a_body_that_is_neither_json_nor_a_form_counts_as_it_is() -> None:
    assert shape("POST", "http://a", b"\xff\x00") != shape("POST", "http://a", b"\xff\x01")
    assert shape("POST", "http://a", "[" * 100_000).startswith("POST / [[[")
