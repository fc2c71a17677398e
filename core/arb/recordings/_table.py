"""Parquet files, some thousands of rows at once, with exact numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from arb.api import ConfigError

BATCH_ROWS: Final = 10_000

_TIMES: Final = frozenset({"settlement_ts", "timestamp", "ts", "next_funding"})
_TEXTS: Final = frozenset({"venue", "venue_symbol", "canonical_symbol", "contract_type", "symbol", "base", "coin"})
"""Every other column that is read is a number."""

Columns = Mapping[str, Sequence[Any]]


class Table:
    """One Parquet file. Numbers are Decimal, times integer nanoseconds, what is missing is None."""

    def __init__(self, path: Path) -> None:
        """Read the description of the file, no rows.

        Raises:
            ConfigError: it cannot be read, or pyarrow is not installed.
        """
        self.path = path
        try:
            self._arrow: Any = import_module("pyarrow")
            parquet: Any = import_module("pyarrow.parquet")
        except ImportError:
            raise ConfigError(
                f"{path}: reading Parquet needs pyarrow; install it with: pip install 'arb-core[recordings]'"
            ) from None
        with self._readable():
            self._file: Any = parquet.ParquetFile(path)
        self.columns: Sequence[str] = self._file.schema_arrow.names
        self.rows: int = self._file.metadata.num_rows

    def read(self, *columns: str) -> Iterator[Columns]:
        """Yield these columns, some thousands of rows at once.

        Raises:
            ConfigError: the file is damaged.
        """
        with self._readable():
            for batch in self._file.iter_batches(batch_size=BATCH_ROWS, columns=list(columns)):
                yield {name: self._plain(name, batch.column(name)) for name in columns}

    def _plain(self, name: str, column: Any) -> Sequence[Any]:
        types, kind = self._arrow.types, column.type
        wanted, fits = "a number", types.is_floating(kind) or types.is_integer(kind) or types.is_boolean(kind)
        if name in _TIMES:
            wanted, fits = "a time", types.is_timestamp(kind)
        elif name in _TEXTS:
            wanted, fits = "a text", types.is_string(kind) or types.is_large_string(kind)
        if not fits and not types.is_null(kind):
            raise ConfigError(f"{self.path}: the column {name} is {kind}, where a recording has {wanted}")
        if types.is_timestamp(column.type):
            moment = self._arrow.timestamp("ns", tz="UTC")
            whole: Sequence[Any] = column.cast(moment).cast(self._arrow.int64()).to_pylist()
            return whole
        if types.is_floating(column.type) or types.is_integer(column.type):
            # The shortest text that means the number, as repr gives it: what the venue wrote, also of 32 bits.
            return [_number(text) for text in column.cast(self._arrow.string()).to_pylist()]
        plain: Sequence[Any] = column.to_pylist()
        return plain

    def _readable(self) -> _Readable:
        return _Readable(self.path, (self._arrow.ArrowException, OSError, ValueError))


class _Readable:
    """Turns what pyarrow raises into an error for people."""

    def __init__(self, path: Path, errors: tuple[type[BaseException], ...]) -> None:
        self._path = path
        self._errors = errors

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, self._errors):
            raise ConfigError(f"{self._path}: cannot be read as Parquet: {error}") from error


def _number(text: str | None) -> Decimal | None:
    if text is None:
        return None
    value = Decimal(text)
    return value if value.is_finite() else None
