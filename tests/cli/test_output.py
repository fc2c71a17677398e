from __future__ import annotations

import json
from decimal import Decimal

import pytest

from arb.cli._output import clean, print_fields, print_json, print_table


def test_a_decimal_is_text_and_exact(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": Decimal("0.10"), "b": frozenset({"y", "x"}), "c": (1, None)})
    assert json.loads(capsys.readouterr().out) == {"a": "0.10", "b": ["x", "y"], "c": [1, None]}


def test_columns_are_aligned_and_empty_ones_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name", "why", "n"], [["a", "", 1], ["long", None, 22]])
    assert capsys.readouterr().out == "NAME  N\na     1\nlong  22\n"


def test_a_table_without_rows_is_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["a", "b"], [])
    assert capsys.readouterr().out == "A  B\n"


def test_fields_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields({"a": 1, "long": "x", "none": None, "empty": ""})
    assert capsys.readouterr().out == "a:    1\nlong: x\n"


@pytest.mark.parametrize(("value", "text"), [("a\x1b[2Jb\n", "a\\x1b[2Jb\\n"), (None, ""), ("é", "é"), (3, "3")])
def test_nothing_moves_the_cursor(value: object, text: str) -> None:
    assert clean(value) == text
