"""Where halts are kept."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, Protocol

_LONGEST: Final = 16 * 1024 * 1024
"""Bytes of the largest file of halts: many years of them."""
_LOCK_PAUSE_S: Final = 0.005


class HaltStore(Protocol):
    """One durable text that several processes read and change."""

    def version(self) -> object:
        """Return what changes with the text, cheaply; None when there is none. Raises OSError."""
        ...

    def read(self) -> str | None:
        """Return the text, or None when there is none; raises OSError."""
        ...

    def write(self, text: str) -> None:
        """Replace the text, durably and at once or not at all; raises OSError."""
        ...

    def changing(self) -> AbstractContextManager[None]:
        """Keep other processes from changing the text meanwhile; raises OSError."""
        ...


class HaltFile:
    """A text in a file that is replaced whole; where the path is a link, what it leads to is."""

    def __init__(self, path: Path, *, lock_within_s: float = 3) -> None:
        """Open nothing yet.

        Args:
            path: The file.
            lock_within_s: How long another process that is changing it is waited for; everything else in this
                process waits as well, so in a run it is short.
        """
        self.path = path
        self._lock_within_s = lock_within_s

    @property
    def _target(self) -> Path:
        return Path(os.path.realpath(self.path))

    def __str__(self) -> str:
        return str(self.path)

    def version(self) -> object:
        """Return the file's identity and time of change."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._require_folder()
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def read(self) -> str | None:
        """Return the text."""
        try:
            # A pipe that nobody writes to would keep us waiting for ever.
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            self._require_folder()
            return None
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise OSError("it is not a regular file")
            if found.st_size > _LONGEST:
                raise OSError(f"it has {found.st_size} bytes, more than any file of halts")
            with open(descriptor, "rb", closefd=False) as stream:
                return stream.read().decode()
        except UnicodeDecodeError as error:
            raise OSError("it is not UTF-8 text") from error
        finally:
            os.close(descriptor)

    def write(self, text: str) -> None:
        """Write a new file beside it, sync it, and put it in its place."""
        target = self._target
        new = target.with_name(f"{target.name}.new")
        with new.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold a lock file beside it."""
        target = self._target
        lock = target.with_name(f"{target.name}-lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            _lock(descriptor, lock, self._lock_within_s)
            yield
        finally:
            os.close(descriptor)

    def _require_folder(self) -> None:
        """Raise OSError where no file could be: a disk that is gone is not the absence of halts."""
        if not self._target.parent.is_dir():
            raise OSError(f"its folder {self._target.parent} is not there")


def _lock(descriptor: int, lock: Path, within_s: float) -> None:
    """Take a lock, and never wait for long: whoever keeps it may be stopped, and an emergency cannot wait.

    Raises:
        OSError: another process keeps it.
    """
    end = time.monotonic() + within_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= end:
                raise OSError(f"another process has kept {lock} locked for {within_s:g} s: end it") from None
        time.sleep(_LOCK_PAUSE_S)  # noqa: TID251 - a command's wait for another process, in no simulation


class MemoryHaltStore:
    """Halts of a run that leaves nothing behind: the demo in memory, and simulations, where it is the disk."""

    def __init__(self) -> None:
        self.text: str | None = None
        self._writes = 0

    def __str__(self) -> str:
        return "the halts in memory"

    def version(self) -> object:
        """Return how often it was written."""
        return None if self.text is None else self._writes

    def read(self) -> str | None:
        """Return the text."""
        return self.text

    def write(self, text: str) -> None:
        """Keep the text."""
        self.text = text
        self._writes += 1

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Nobody else can reach it."""
        yield
