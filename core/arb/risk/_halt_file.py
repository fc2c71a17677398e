"""Where halts are kept."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol


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
    """A text in a file that is replaced whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def version(self) -> object:
        """Return the file's identity and time of change."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def read(self) -> str | None:
        """Return the text."""
        try:
            return self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise OSError("it is not UTF-8 text") from error

    def write(self, text: str) -> None:
        """Write a new file beside it, sync it, and put it in its place."""
        new = self.path.with_name(f"{self.path.name}.new")
        with new.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold a lock file beside it."""
        descriptor = os.open(
            self.path.with_name(f"{self.path.name}-lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


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
