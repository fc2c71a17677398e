"""The cache tier."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from pydantic import Field

from arb.api import CachedBook, Context, Settings
from arb.model import InstrumentId


class MemorySettings(Settings):
    """Settings of the tier.

    Attributes:
        max_instruments: Books kept; when full, the one written longest ago goes.
    """

    max_instruments: int = Field(default=4096, ge=1)


class MemoryTier:
    """Books by instrument, in the order they were written."""

    def __init__(self, max_instruments: int) -> None:
        self._max = max_instruments
        self._books: dict[InstrumentId, CachedBook] = {}
        self.peek: Callable[[InstrumentId], CachedBook | None] = self._books.get
        """What is held, whatever its age. The dict's own method: no Python frame on the hit path."""

    async def get(self, instruments: Sequence[InstrumentId]) -> Mapping[InstrumentId, CachedBook]:
        """Return what is held, whatever its age."""
        return {name: self._books[name] for name in instruments if name in self._books}

    async def put(self, books: Mapping[InstrumentId, CachedBook]) -> None:
        """Keep books, unless a later observation is held."""
        for instrument, book in books.items():
            held = self._books.get(instrument)
            if held is not None and held.observed_ns > book.observed_ns:
                continue
            self._books.pop(instrument, None)
            self._books[instrument] = book
        while len(self._books) > self._max:
            del self._books[next(iter(self._books))]

    async def drop(self, instruments: Sequence[InstrumentId]) -> None:
        """Forget books."""
        for instrument in instruments:
            self._books.pop(instrument, None)


@asynccontextmanager
async def open_tier(settings: MemorySettings, context: Context) -> AsyncIterator[MemoryTier]:
    """Open an empty tier."""
    yield MemoryTier(settings.max_instruments)
