"""Small recordings of each kind, written as Parquet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write columns to a Parquet file; those named in `float32` as 32-bit numbers."""
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    def put(rows: Sequence[Mapping[str, Any]], name: str = "file.parquet", float32: Sequence[str] = ()) -> Path:
        table = pa.Table.from_pylist(list(rows))
        for column in float32:
            index = table.schema.get_field_index(column)
            table = table.set_column(index, column, table[column].cast(pa.float32()))
        path = tmp_path / name
        parquet.write_table(table, path)
        return path

    return put
