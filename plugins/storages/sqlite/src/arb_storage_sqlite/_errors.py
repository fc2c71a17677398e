"""What SQLite says, for people: which file, what happened, what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from arb.api import StorageError

_PRIMARY_CODE: Final = 0xFF
"""SQLite's extended codes carry more in the upper bits."""

_ADVICE: Final[Mapping[int, str]] = MappingProxyType(
    {
        sqlite3.SQLITE_FULL: "the disk is full or the file has reached its limit; "
        "free space or raise max_mebibytes. Everything committed before is intact",
        sqlite3.SQLITE_IOERR: "reading or writing failed; the disk may be full, gone or over a quota. "
        "Check it, then start again: everything committed before is intact",
        sqlite3.SQLITE_READONLY: "it may not be written: it was opened with read_only = true, "
        "or the rights of the file or its folder forbid it",
        sqlite3.SQLITE_CANTOPEN: "it cannot be opened; "
        "check that its folder exists and that you may read and write there",
        sqlite3.SQLITE_PERM: "access was denied; check the rights of the file and of its folder",
        sqlite3.SQLITE_AUTH: "access was denied; check the rights of the file and of its folder",
        sqlite3.SQLITE_NOTADB: "it is not an SQLite database; choose another path, the file was not changed",
        sqlite3.SQLITE_CORRUPT: "the database is damaged; restore a copy, "
        "or save what can be read with: sqlite3 FILE .recover",
        sqlite3.SQLITE_BUSY: "another program holds it locked; close that program and try again",
        sqlite3.SQLITE_LOCKED: "another program holds it locked; close that program and try again",
    }
)


def storage_error(path: str, doing: str, error: Exception) -> StorageError:
    """Return the error for people."""
    code = getattr(error, "sqlite_errorcode", None)
    name = getattr(error, "sqlite_errorname", None)
    advice = _ADVICE.get(code & _PRIMARY_CODE) if isinstance(code, int) else None
    detail = f"{error} [{name}]" if name else f"{error}"
    if advice is None:
        return StorageError(f"{path}: {doing} failed: {detail}; nothing of this transaction took effect")
    return StorageError(f"{path}: {doing} failed: {advice} ({detail})")
