"""Opening the file and refusing one that cannot be trusted."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote

from arb.api import StorageError

from ._errors import storage_error
from ._settings import MEMORY, SqliteSettings

_CHECKED_BYTES: Final = 128 * 1024 * 1024
"""A larger file is not read whole at every start; damage then shows where it is read."""

_APPLICATION_ID: Final = int.from_bytes(b"arb!", "big")
"""Marks the file as ours in SQLite's header."""

_MEBIBYTE: Final = 1024 * 1024
_LOG_BYTES: Final = 64 * _MEBIBYTE


def database_path(settings: SqliteSettings) -> Path | None:
    """Return the resolved file, None for memory; make its folder when only the last part is missing.

    Raises:
        StorageError: there is no such folder, or the path is not a file.
    """
    if settings.path == MEMORY:
        return None
    try:
        path = Path(settings.path).expanduser().resolve()
        if path.is_dir():
            raise StorageError(f"{path}: is a folder; write the path of a file in it, such as {path / 'arb.db'}")
        if path.exists() and not path.is_file():
            raise StorageError(f"{path}: is not a regular file; choose another path")
        if settings.read_only and not path.exists():
            raise StorageError(f"{path}: does not exist, and read_only makes no new one; check the path")
        if not path.parent.exists():
            path.parent.mkdir()
        if not path.parent.is_dir():
            raise StorageError(f"{path}: {path.parent} is not a folder; check the path")
        if path.exists() and not settings.read_only and not os.access(path, os.W_OK):
            raise StorageError(
                f"{path}: may not be written; check the rights of the file, or set read_only = true to read only"
            )
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StorageError(
            f"{settings.path}: cannot be used ({reason}); check the path, and that you may write there"
        ) from error
    return path


def file_identity(path: Path) -> tuple[int, int]:
    """Return which file a path leads to now; zeros when there is none, or none that can be asked."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


def connect(path: Path | None, settings: SqliteSettings) -> sqlite3.Connection:
    """Open the file, set it up and check it.

    Raises:
        StorageError: it cannot be opened, is not a database, or is damaged.
    """
    name = MEMORY if path is None else str(path)
    try:
        connection = _open(path, settings)
        try:
            _check(connection, path)
            _set_up(connection, settings, path)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise storage_error(name, "opening", error) from error
    return connection


def connect_reader(path: Path, settings: SqliteSettings) -> sqlite3.Connection:
    """Open a file that :func:`connect` has set up and checked, to read it only.

    Raises:
        StorageError: it cannot be opened.
    """
    reading = settings.model_copy(update={"read_only": True})
    try:
        connection = _open(path, reading)
        _set_up(connection, reading, path)
    except sqlite3.Error as error:
        raise storage_error(str(path), "opening", error) from error
    return connection


def _open(path: Path | None, settings: SqliteSettings) -> sqlite3.Connection:
    if path is None:
        address = MEMORY
    elif not settings.read_only:
        address = f"file:{quote(str(path))}?mode=rwc"
    else:
        address = f"file:{quote(str(path))}?mode=ro{_unshared(path)}"
    return sqlite3.connect(
        address,
        timeout=settings.busy_timeout / 1e9,
        isolation_level=None,
        check_same_thread=False,
        uri=path is not None,
    )


def _unshared(path: Path) -> str:
    """Return the option to read a file whose log was closed cleanly and whose folder may not be written."""
    logs = (path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm"))
    if any(log.exists() for log in logs):
        return ""
    return "" if os.access(path.parent, os.W_OK) else "&immutable=1"


def _check(connection: sqlite3.Connection, path: Path | None) -> None:
    """Refuse a damaged database and one of another program, before anything is written."""
    if path is None:
        return
    is_new = not connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    if path.stat().st_size <= _CHECKED_BYTES:
        findings = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
        if findings != ["ok"]:
            raise StorageError(
                f"{path}: the database is damaged ({'; '.join(findings)}); restore a copy, "
                "or save what can be read with: sqlite3 FILE .recover"
            )
    if owner != _APPLICATION_ID and not is_new:
        raise StorageError(f"{path}: is a database of another program; choose another path, it was not changed")


def _set_up(connection: sqlite3.Connection, settings: SqliteSettings, path: Path | None) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    if settings.read_only:
        connection.execute("PRAGMA query_only = ON")
        return
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if path is not None and mode != "wal":
        raise StorageError(f"{path}: its folder cannot hold a write-ahead log; use a folder on a local disk")
    # FULL syncs the log at every commit; NORMAL could lose the last ones at a power failure.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
    if settings.max_mebibytes is not None:
        page = connection.execute("PRAGMA page_size").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {settings.max_mebibytes * _MEBIBYTE // page}")
    if connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
