"""A column of the wrong kind is named before a row of it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arb.api import ConfigError
from arb.recordings._table import Table

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.mark.parametrize(
    ("column", "values", "wanted"),
    [
        ("settlement_ts", ["2026-01-01"], "a time"),
        ("settlement_ts", [1_700_000_000], "a time"),
        ("rate_raw", ["0.0001"], "a number"),
        ("interval_hours", ["8"], "a number"),
        ("venue", [1.5], "a text"),
    ],
)
def test_a_column_of_the_wrong_kind_is_refused(tmp_path: Path, column: str, values: list[Any], wanted: str) -> None:
    path = tmp_path / "odd.parquet"
    parquet.write_table(pa.table({column: values}), path)
    with pytest.raises(ConfigError, match=rf"odd.parquet: the column {column} is .* where a recording has {wanted}"):
        list(Table(path).read(column))


def test_a_column_without_any_value_is_read_as_missing(tmp_path: Path) -> None:
    path = tmp_path / "empty.parquet"
    parquet.write_table(pa.table({"mark_price": pa.nulls(2)}), path)
    assert [list(columns["mark_price"]) for columns in Table(path).read("mark_price")] == [[None, None]]
