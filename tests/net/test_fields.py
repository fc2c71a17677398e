from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.api import BadResponse
from arb.model import is_bookable
from arb.net import (
    flag,
    from_ms,
    from_ns,
    from_s,
    from_us,
    maybe_number,
    maybe_positive,
    number,
    positive,
    reading,
    row_of,
    rows_of,
    text,
    whole,
)

ODD: tuple[Any, ...] = (
    None,
    "",
    "x",
    "NaN",
    "sNaN",
    "-Infinity",
    True,
    [],
    {},
    "1e999",
    "0x10",
    1.5,
    "-",
    ".",
    "1.2.3",
)
PYTHON_ONLY = ("1_000", "1_0.5e1", " 1", "1\n", "\t1", "1\x1f", "\uff11\uff12", "\u0661\u0662", "1\u2009")
NO_NUMBER = r"number|decimal|literal"
NUMBERS: tuple[Callable[[Any], Any], ...] = (number, positive, whole, from_s, from_ms, from_us, from_ns)


@pytest.mark.parametrize("read", NUMBERS)
@pytest.mark.parametrize("value", [*ODD, *PYTHON_ONLY])
def test_what_is_no_number_is_an_error(read: Callable[[Any], Any], value: Any) -> None:
    with pytest.raises(ValueError, match=NO_NUMBER):
        read(value)


@pytest.mark.parametrize("value", [*ODD[2:], *PYTHON_ONLY])
def test_a_number_that_may_be_absent_is_still_a_number(value: Any) -> None:
    for read in (maybe_number, maybe_positive):
        with pytest.raises(ValueError, match=NO_NUMBER):
            read(value)


def test_numbers_keep_every_digit() -> None:
    for written in ("0", "-1.50", "97444.5", "1E-7", "1" * 41, "0." + "1" * 59):
        assert str(number(written)) == written
    assert number(5) == number(D(5)) == D(5)
    with pytest.raises(ValueError, match="computed with"):
        number("1" * 42)


@given(st.text("-0123456789.", max_size=45))
def test_what_is_taken_at_a_glance_can_be_computed_with(written: str) -> None:
    try:
        read = number(written)
    except ValueError:
        return
    assert is_bookable(read)
    assert read == D(written)


def test_signs_and_absence() -> None:
    assert (maybe_number(None), maybe_number(""), maybe_number("-1")) == (None, None, D(-1))
    assert (maybe_positive(None), maybe_positive("0.00"), maybe_positive("-1"), maybe_positive("2")) == (
        None,
        None,
        None,
        D(2),
    )
    for nothing in ("0", "-1", 0):
        with pytest.raises(ValueError, match="not above zero"):
            positive(nothing)
    assert positive("0.1") == D("0.1")


def test_whole_numbers() -> None:
    assert (whole(7), whole("7"), whole("-7")) == (7, 7, -7)
    with pytest.raises(ValueError, match=r"1\.0"):
        whole("1.0")
    with pytest.raises(ValueError, match="whole number"):
        whole(D(1))


def test_times_in_every_unit() -> None:
    assert from_s("1767225600") == from_ms(1767225600000) == from_us("1767225600000000")
    assert from_us("1767225600000000") == from_ns(1767225600000000000)
    for read in (from_s, from_ms, from_us, from_ns):
        for outside in (-1, 1 << 63):
            with pytest.raises(ValueError, match="no time since 1970"):
                read(outside)


def test_texts_and_flags() -> None:
    assert text("x") == "x"
    for odd in (None, "", 1, ["x"]):
        with pytest.raises(ValueError, match="no text"):
            text(odd)
    assert (flag(True), flag(False)) == (True, False)
    for odd in (None, 0, 1, "true", ""):
        with pytest.raises(ValueError, match="neither true nor false"):
            flag(odd)


def test_objects_and_lists_of_them() -> None:
    assert row_of({"a": 1}) == {"a": 1}
    assert rows_of([{"a": 1}, {}]) == [{"a": 1}, {}]
    assert rows_of([]) == []
    for odd in (None, "x", [1], 1):
        with pytest.raises(TypeError):
            row_of(odd)
        with pytest.raises(TypeError):
            rows_of(odd)


def test_whatever_is_wrong_with_an_answer_is_told_as_what_could_not_be_read() -> None:
    row: Any = {"price": "x", "sizes": []}
    wrong: tuple[Callable[[], Any], ...] = (
        lambda: row["size"],
        lambda: row["sizes"][0],
        lambda: number(row["price"]),
        lambda: row.price,
        lambda: D(1) / D(0),
        lambda: row + 1,
    )
    for read in wrong:
        with pytest.raises(BadResponse, match="the book cannot be read") as caught, reading("hl", "the book"):
            read()
        assert (caught.value.exchange, caught.value.code) == ("hl", "bad_shape")
