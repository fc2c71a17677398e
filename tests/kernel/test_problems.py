from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field, ValidationError, field_validator

from arb.api import Settings
from arb.kernel._problems import did_you_mean, line, problems


class Leg(Settings):
    size: int = 1


class Shape(Settings):
    mode: Literal["a", "b"] = "a"
    legs: list[Leg] = Field(default=[])
    by_name: dict[str, Leg] = Field(default={})
    maybe: Leg | None = None
    odd: int = 0

    @field_validator("odd")
    @classmethod
    def _is_odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("must be odd")
        return value


def found(document: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Shape.model_validate(document)
    return [line("f", location, message) for location, message in problems(caught.value, Shape)]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"mde": "a"}, "f: [mde] unknown key; did you mean 'mode'?"),
        ({"zzzz": 1}, "f: [zzzz] unknown key; known: by_name, legs, maybe, mode, odd"),
        ({"legs": [{}, {"sise": 1}]}, "f: [legs.1] sise: unknown key; did you mean 'size'?"),
        ({"by_name": {"x": {"sise": 1}}}, "f: [by_name.x] sise: unknown key; did you mean 'size'?"),
        ({"maybe": {"sise": 1}}, "f: [maybe] sise: unknown key; did you mean 'size'?"),
        (
            {"maybe": {"size": "s3cr3t"}},
            "f: [maybe] size: input should be a valid integer, unable",
        ),
        ({"mode": "s3cr3t"}, "f: [mode] input should be 'a' or 'b'"),
        ({"odd": 2}, "f: [odd] must be odd"),
        (["s3cr3t"], "f: must be a table"),
    ],
)
def test_each_problem_is_a_line_without_the_input(document: object, expected: str) -> None:
    (text,) = found(document)
    assert text.startswith(expected)
    assert "s3cr3t" not in text


def test_a_hint_needs_something_to_choose_from() -> None:
    assert did_you_mean("x", []) == ""
    assert did_you_mean("flat", ["flet"]) == "; did you mean 'flet'?"
