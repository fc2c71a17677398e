"""The halt file as one process sees it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._process import Process


class ProcessHaltStore:
    """Implements :class:`arb.risk.HaltStore` for one process over the text that outlives it."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._store = process.world.halts

    def __str__(self) -> str:
        return "the halts"

    def version(self) -> object:
        """Return what changes with the text."""
        self._process.require_alive()
        return self._store.version()

    def read(self) -> str | None:
        """Return the text."""
        self._process.require_alive()
        return self._store.read()

    def write(self, text: str) -> None:
        """Replace the text."""
        self._process.step("halts write")
        self._store.write(text)
        self._process.world.halts_changed(self._process)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Nobody else writes in this turn of the loop."""
        self._process.require_alive()
        yield
