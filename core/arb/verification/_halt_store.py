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
        world = self._process.world
        with world.own_work():
            world.halts_change(self._process)
        self._store.write(text)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Nobody else writes in this turn of the loop."""
        self._process.require_alive()
        yield
