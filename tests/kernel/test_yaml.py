from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from arb.kernel import write_yaml
from arb.kernel._yaml import parse_yaml


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=0, places=25, max_value=10**12))
def test_no_digit_is_lost(value: Decimal) -> None:
    plain = f"{value:f}"
    assert parse_yaml(f"a: {plain}", "x")["a"] == value
    assert parse_yaml(write_yaml({"a": value}), "x")["a"] == value


def test_yaml_numbers_that_are_none() -> None:
    values = parse_yaml("a: .inf\nb: -.INF\nc: .NaN\nd: 1_000.5\n", "x")
    assert {key: str(value) for key, value in values.items()} == {
        "a": "Infinity",
        "b": "-Infinity",
        "c": "NaN",
        "d": "1000.5",
    }


def test_yaml_is_written_without_anchors() -> None:
    same = Decimal("1.5")
    assert write_yaml({"a": same, "b": same, "c": Decimal(3), "d": None}) == "a: 1.5\nb: 1.5\nc: 3\nd: null\n"


def test_yaml_merges_do_not_count_as_duplicates() -> None:
    text = "base: &b {plugin: x}\na:\n  <<: *b\n  plugin: y\n"
    assert parse_yaml(text, "x")["a"] == {"plugin": "y"}
