"""Price sources and cache tiers: where the price provider gets books from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from arb.model import Fresh, InstrumentId, OrderBook

from ._exchange import Exchange


@runtime_checkable
class PriceSource(Protocol):
    """Reads a book when no cache tier holds a young enough one."""

    async def fetch_order_book(self, exchange: Exchange, instrument: InstrumentId, depth: int) -> OrderBook:
        """Return a book read now; raises ExchangeError when this source has none."""
        ...


CachedBook = Fresh[OrderBook]
"""A book with its source and when it was read from the venue: the age a cache may never hide."""


@runtime_checkable
class CacheTier(Protocol):
    """Keeps books between reads. A tier that fails is skipped, it never fails a read."""

    async def get(self, instruments: Sequence[InstrumentId]) -> Mapping[InstrumentId, CachedBook]:
        """Return what is held, whatever its age; absent ones are left out."""
        ...

    async def put(self, books: Mapping[InstrumentId, CachedBook]) -> None:
        """Keep books, unless the tier holds a later observation."""
        ...

    async def drop(self, instruments: Sequence[InstrumentId]) -> None:
        """Forget books, after a gap or a large own fill."""
        ...


@runtime_checkable
class LocalCacheTier(CacheTier, Protocol):
    """A tier in this process: its hits need no await."""

    def peek(self, instrument: InstrumentId) -> CachedBook | None:
        """Return what is held, whatever its age."""
        ...
