"""Rows for other programs: CSV on the output, CSV or Parquet in a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import click

from arb.api import ConfigError

SUFFIXES: Final = (".csv", ".parquet")
INSTALL_HINT: Final = "Parquet needs pyarrow; install it with: pip install 'arb-core[recordings]'"

Row = Sequence[str]


Write = Callable[[Sequence[Row]], None]


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows with a head; None is an empty field, every number exact."""
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    for row in (columns, *map(texts, rows)):
        writer.writerow(row)
        click.echo(line.getvalue(), nl=False)
        line.seek(0)
        line.truncate()


def texts(row: Iterable[object]) -> Row:
    """Return fields as text; None is empty."""
    return ["" if value is None else str(value) for value in row]


@contextmanager
def exporting(path: Path, columns: Sequence[str]) -> Iterator[Write]:
    """Yield what writes rows of texts to a file, CSV or Parquet by its suffix.

    Raises:
        ConfigError: it cannot be written, or pyarrow is missing. A file of that name is as it was.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        with _writer(path.suffix.lower())(beside, columns) as write:
            yield write
        beside.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        beside.unlink(missing_ok=True)


def _writer(suffix: str) -> Callable[[Path, Sequence[str]], AbstractContextManager[Write]]:
    return _parquet if suffix == ".parquet" else _csv


@contextmanager
def _csv(path: Path, columns: Sequence[str]) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        yield writer.writerows


@contextmanager
def _parquet(path: Path, columns: Sequence[str]) -> Iterator[Write]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise ConfigError(INSTALL_HINT) from None
    schema = pa.schema([(name, pa.string()) for name in columns])

    def write(rows: Sequence[Row]) -> None:
        by_column = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        file.write_table(pa.Table.from_arrays(by_column, schema=schema))

    with parquet.ParquetWriter(path, schema, compression="zstd") as file:
        yield write


def export_file(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Path | None:
    """Check a file to export to before anything is read."""
    if value is None:
        return None
    path = Path(value)
    if path.suffix.lower() not in SUFFIXES:
        raise click.BadParameter(f"{value!r} must end with {' or '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise click.BadParameter(f"{value!r}: there is no folder {str(path.parent)!r}")
    if path.is_dir():
        raise click.BadParameter(f"{value!r} is a folder")
    return path
