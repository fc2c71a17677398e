"""Reads recorded tables: Parquet where pyarrow is installed, CSV everywhere."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from arb.api import ConfigError
from arb.model import format_utc, parse_utc

from ._replay_settings import DATA_VARIABLE


class Row(NamedTuple):
    """One row: its time and its numbers in the order asked; None where the file has none."""

    ts_ns: int
    values: tuple[Decimal | None, ...]


class Window(NamedTuple):
    """Times to keep, both ends included."""

    start_ns: int
    end_ns: int

    def __str__(self) -> str:
        return f"from {format_utc(self.start_ns)} to {format_utc(self.end_ns)}"


class _Wanted(NamedTuple):
    venue: str
    coins: Sequence[str]
    numbers: Sequence[str]
    window: Window


def read_series(
    path: Path, *, venue: str, coins: Sequence[str], numbers: Sequence[str], window: Window
) -> Mapping[str, Sequence[Row]]:
    """Return the rows of one venue by coin, by rising time.

    Args:
        path: A Parquet or CSV file with the columns `timestamp`, `venue`, `coin` and `numbers`.
        venue: Rows of other venues are left out.
        coins: Rows of other coins are left out; one without rows is refused.
        numbers: Columns to read as numbers.
        window: Rows outside are left out.

    Raises:
        ConfigError: the file is absent, cannot be read, lacks a column, has no row of a coin, or
            holds a value that is no number.
    """
    _check_present(path)
    reader = _parquet_rows if path.suffix == ".parquet" else _csv_rows
    found: dict[str, list[Row]] = {coin: [] for coin in coins}
    for coin, row in reader(path, _Wanted(venue, coins, numbers, window)):
        found[coin].append(row)
    absent = [coin for coin, rows in found.items() if not rows]
    if absent:
        raise ConfigError(f"{path}: no rows of {', '.join(absent)} on the venue {venue!r} {window}; check the names")
    for rows in found.values():
        rows.sort(key=lambda row: row.ts_ns)
    return found


def open_text(path: Path) -> io.TextIOBase:
    """Open a text file that may be gzipped.

    Raises:
        ConfigError: it is absent or cannot be read.
    """
    _check_present(path)
    try:
        return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error


def check_columns(path: Path, present: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise ConfigError when a column is missing."""
    missing = [name for name in wanted if name not in present]
    if missing:
        raise ConfigError(f"{path}: no column {', '.join(missing)}; it has {', '.join(present) or 'none'}")


def _check_present(path: Path) -> None:
    if not path.is_file():
        raise ConfigError(
            f"{path}: no such file; recorded data is not part of arb. "
            f"Set {DATA_VARIABLE} or the setting 'root' to the folder that holds it"
        )


def _parquet_rows(path: Path, wanted: _Wanted) -> Iterator[tuple[str, Row]]:
    try:
        arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        raise ConfigError(
            f"{path}: reading Parquet needs pyarrow; run `pip install 'arb-exchange-simulated[replay]'` "
            "or convert the file to CSV with the same columns"
        ) from None
    columns = ["timestamp", "coin", *wanted.numbers]
    moment = arrow.timestamp("ns", tz="UTC")
    try:
        check_columns(path, parquet.read_schema(path).names, ["venue", *columns])
        filters = [
            ("venue", "==", wanted.venue),
            ("coin", "in", list(wanted.coins)),
            ("timestamp", ">=", arrow.scalar(wanted.window.start_ns, moment)),
            ("timestamp", "<=", arrow.scalar(wanted.window.end_ns, moment)),
        ]
        table = parquet.read_table(path, columns=columns, filters=filters)
        stamps = table["timestamp"].cast(moment).cast(arrow.int64()).to_pylist()
        lists = [table[name].cast(arrow.float64()).to_pylist() for name in wanted.numbers]
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as Parquet: {error}") from error
    for coin, ts_ns, *values in zip(table["coin"].to_pylist(), stamps, *lists, strict=True):
        # repr of a float is the shortest text that means it: the number the venue wrote.
        yield coin, Row(ts_ns, tuple(None if v is None or v != v else Decimal(repr(v)) for v in values))


def _csv_rows(path: Path, wanted: _Wanted) -> Iterator[tuple[str, Row]]:
    coins = set(wanted.coins)
    try:
        with open_text(path) as text:
            reader = csv.DictReader(text)
            check_columns(path, reader.fieldnames or (), ["timestamp", "venue", "coin", *wanted.numbers])
            for raw in reader:
                if raw["venue"] != wanted.venue or raw["coin"] not in coins:
                    continue
                try:
                    ts_ns = parse_utc(raw["timestamp"])
                    if wanted.window.start_ns <= ts_ns <= wanted.window.end_ns:
                        yield raw["coin"], Row(ts_ns, tuple(_number(raw[name]) for name in wanted.numbers))
                except ValueError as error:
                    raise ConfigError(f"{path}: line {reader.line_num}: {error}") from error
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read as CSV: {error}") from error


def _number(text: str | None) -> Decimal | None:
    if text is None:
        raise ValueError("the line is too short")
    try:
        value = Decimal(text.strip() or "NaN")
    except InvalidOperation:
        raise ValueError(f"not a number: {text!r}") from None
    return value if value.is_finite() else None
