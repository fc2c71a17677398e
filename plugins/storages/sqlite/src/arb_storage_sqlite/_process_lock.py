"""One writer for one file: a lock that the system drops when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arb.api import StorageError


@contextmanager
def process_lock(database: Path) -> Iterator[Path]:
    """Hold the lock file beside `database`, named like it with `-lock` at the end, and give its path.

    The file stays when the lock is released: only the lock on it counts, and removing it would
    let two processes lock two files of one name.

    Raises:
        StorageError: another process holds it, or it cannot be made.
    """
    path = database.with_name(f"{database.name}-lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StorageError(
            f"{database}: its lock file {path.name} cannot be made ({error.strerror}); "
            "check that you may write in the folder, or set read_only = true to read only"
        ) from error
    try:
        _lock(descriptor, database)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield path
    finally:
        os.close(descriptor)


def _lock(descriptor: int, database: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        raise StorageError(
            f"{database}: in use by process {holder}; stop it first, or set read_only = true to read beside it"
        ) from error
    except OSError as error:
        raise StorageError(
            f"{database}: its folder does not support locks ({error.strerror}); use a folder on a local disk"
        ) from error
