"""A file of traffic: lines of JSON, gzipped so that whatever was written stays readable."""

from __future__ import annotations

import json
import logging
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

FLUSH_S: Final = 1.0
"""What is lost at the most when the process is killed."""

_MOST_UNWRITTEN: Final = 64 * 1024 * 1024
_CLOSE_S: Final = 5.0
_CHUNK: Final = 1 << 20
_GZIP: Final = 31
"""Window bits of zlib for a member with header and checksum."""
_LEVEL: Final = 4
"""Market data becomes a sixth to a seventh, at less than half the time of the default."""


Line = str | Callable[[], str]


class TrafficWriter:
    """Appends lines without ever waiting for the disk: a thread of its own compresses and writes them.

    Each second of lines is a gzip member, so a file is whole wherever it ends. A disk that is full, or slower than
    the traffic, ends the recording with one warning; whatever was written stays.
    """

    def __init__(self, file: Path, log: logging.Logger) -> None:
        """Create the file, for its owner only.

        Raises:
            OSError: it exists, or cannot be created.
        """
        self._file = file
        self._log = log
        self._handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._lock = threading.Lock()
        self._lines: list[Line] = []
        self._unwritten = 0
        self._is_over = False
        self._any = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write_all, name=f"traffic {file.name}", daemon=True)
        self._thread.start()

    def put(self, line: Line, size: int) -> None:
        """Append a line; nothing after the recording is over.

        Args:
            line: With its end; or what makes it, which is called in the thread that writes.
            size: How much memory it holds until it is written, about.
        """
        with self._lock:
            if self._is_over:
                return
            self._lines.append(line)
            self._unwritten += size
            is_too_much = self._unwritten > _MOST_UNWRITTEN
        self._any.set()
        if is_too_much:
            self.stop(f"the disk is {_MOST_UNWRITTEN // 1024 // 1024} MiB behind")

    def stop(self, why: str) -> None:
        """End the recording and say so, once."""
        with self._lock:
            was_over, self._is_over = self._is_over, True
            self._lines.clear()
        if not was_over:
            self._log.warning("%s: the recording of traffic has stopped: %s", self._file, why)
            self._finish()

    def close(self) -> None:
        """Write what is left, unless the disk takes too long."""
        self._finish()
        self._thread.join(_CLOSE_S)
        with self._lock:
            self._is_over = True

    def _finish(self) -> None:
        self._closing.set()
        self._any.set()

    def _write_all(self) -> None:
        try:
            while not self._closing.is_set():
                self._any.wait()
                self._closing.wait(FLUSH_S)
                self._write()
            self._write()
        finally:
            os.close(self._handle)

    def _write(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
            self._unwritten = 0
            self._any.clear()
        if not lines:
            return
        try:
            packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
            self._append(packer.compress(b"".join(map(_encoded, lines))) + packer.flush())
        except OSError as error:
            self.stop(error.strerror or str(error))
        except Exception as error:  # its text may show what was not to be written
            self.stop(f"a message could not be written down: {type(error).__name__}")

    def _append(self, member: bytes) -> None:
        whole = os.fstat(self._handle).st_size
        left = memoryview(member)
        try:
            while left:
                left = left[os.write(self._handle, left) :]
        except OSError:
            os.ftruncate(self._handle, whole)  # a member that is cut would hide those of a later try
            raise


def _encoded(line: Line) -> bytes:
    return (line if isinstance(line, str) else line()).encode("utf-8", "surrogatepass")


def read_lines(file: Path) -> Iterator[dict[str, Any]]:
    """Yield what was recorded; an end that was cut off is left out.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no file of this kind.
    """
    rest = b""
    for data in _unpacked(file):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            made = json.loads(line)
            if not isinstance(made, dict):
                raise ValueError(f"{file}: a line is no JSON object")
            yield made


def _unpacked(file: Path) -> Iterator[bytes]:
    packer = zlib.decompressobj(wbits=_GZIP)
    is_begun = False
    with file.open("rb") as packed:
        while data := packed.read(_CHUNK):
            while data:
                try:
                    yield packer.decompress(data)
                except zlib.error as error:
                    if is_begun:
                        return
                    raise ValueError(f"{file}: is not gzipped: {error}") from None
                is_begun, data = True, packer.unused_data
                if packer.eof:
                    packer = zlib.decompressobj(wbits=_GZIP)
