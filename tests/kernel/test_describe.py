from __future__ import annotations

from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from arb.api import Duration, Secret, Settings, parse_duration
from arb.kernel import effective, format_duration, settings_rows, settings_schema


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Inner(Settings):
    size: Decimal = Decimal("0.10")


class Everything(Settings):
    venue: str = Field(description="Which venue.")
    depth: int = 20
    wait: Duration = 30_000_000_000
    pause: Duration | None = None
    key: Secret
    spare: Secret | None = None
    colour: Colour = Colour.RED
    mode: Literal["a", "b"] = "a"
    flag: bool = False
    path: Path = Path("x")
    names: tuple[str, ...] = ()
    fees: dict[str, Decimal] = Field(default={})
    made: list[str] = Field(default_factory=list)
    inner: Inner = Inner()
    maybe: Inner | None = Field(default=None, description="Or not.")


def test_each_setting_has_a_row() -> None:
    rows = {row["key"]: (row["type"], row["default"]) for row in settings_rows(Everything)}
    assert rows == {
        "venue": ("text", "(required)"),
        "depth": ("int", "20"),
        "wait": ("duration", "30s"),
        "pause": ("duration", ""),
        "key": ("secret", "(required)"),
        "spare": ("secret", ""),
        "colour": ("'red' | 'blue'", "red"),
        "mode": ("'a' | 'b'", "a"),
        "flag": ("true | false", "false"),
        "path": ("Path", "x"),
        "names": ("list of text", "[]"),
        "fees": ("table of text, decimal", "{}"),
        "made": ("list of text", "(computed)"),
        "inner.size": ("decimal", "0.10"),
        "maybe": ("table", ""),
        "maybe.size": ("decimal", "0.10"),
    }
    assert next(settings_rows(Everything))["description"] == "Which venue."


def test_the_schema_writes_durations_as_the_file_does() -> None:
    properties = settings_schema(Everything)["properties"]
    assert properties["wait"]["type"] == "string"
    assert properties["wait"]["default"] == "30s"


@pytest.mark.parametrize("reference", ["env:ARB_TEST_SECRET", "file:{}"])
def test_effective_values_show_references_never_secrets(
    reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("hush-hush")
    monkeypatch.setenv("ARB_TEST_SECRET", "hush-hush")
    raw = {"venue": "v", "key": reference.format(tmp_path / "key"), "wait": "90s", "pause": "250ms"}

    shown = effective(Everything.model_validate(raw), raw)

    assert shown["key"] == raw["key"]
    assert (shown["wait"], shown["pause"], shown["depth"]) == ("90s", "250ms", 20)
    assert (shown["colour"], shown["inner"]) == ("red", {"size": Decimal("0.10")})
    assert "hush" not in str(shown)
    assert effective(Everything.model_validate(raw))["key"] == "**********"


@given(st.integers(0, 10**9), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_a_written_duration_reads_back(number: int, unit: str) -> None:
    duration_ns = parse_duration(f"{number}{unit}")
    assert parse_duration(format_duration(duration_ns)) == duration_ns
