"""Recognising recordings by their columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from arb.api import ConfigError

from ._recording import Recording
from ._scans import SIGNATURE as SCANS
from ._scans import ScanRecording
from ._settled import SIGNATURE as SETTLED
from ._settled import SettledRecording
from ._table import Table
from ._venues import SIGNATURE as VENUES
from ._venues import VenuesRecording

_KINDS: Final[Sequence[tuple[frozenset[str], Callable[[Table], Recording]]]] = (
    (SETTLED, SettledRecording),
    (SCANS, ScanRecording),
    (VENUES, VenuesRecording),
)


def open_recordings(path: Path) -> tuple[Sequence[Recording], Sequence[Path]]:
    """Return the recordings of funding that a file, or a folder and those below it hold, and the files that are none.

    Raises:
        ConfigError: there is none, it cannot be read, or pyarrow is not installed.
    """
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder; recordings are not part of arb")
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise ConfigError(f"{path}: there is no .parquet file in this folder or below it")
    tables = [Table(file) for file in files]
    found = [recording for table in tables if (recording := _recording(table))]
    if not found:
        raise ConfigError(_refusal(tables))
    known = {recording.path for recording in found}
    return found, [file for file in files if file not in known]


def _recording(table: Table) -> Recording | None:
    return next((open_(table) for signature, open_ in _KINDS if signature <= set(table.columns)), None)


def _refusal(tables: Sequence[Table]) -> str:
    lines = [
        f"{table.path}: not a known recording of funding; its columns are {', '.join(table.columns)}"
        for table in tables
    ]
    wanted = "; or ".join(", ".join(sorted(signature)) for signature, _ in _KINDS)
    return "\n".join([*lines, f"A recording has the columns {wanted}"])
