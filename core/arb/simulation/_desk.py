"""The way of a call to a simulated venue and back: faults, latency, order of arrival, durability."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from arb.api import ConfigError, Context, StateStore

from ._faults import Faults, NoFaults
from ._latency import Latency, Line
from ._venue import SimulatedVenue

_SEGMENT: Final = 32
"""Records of history in one stored piece: a change rewrites one piece and the head, not the history."""


class VenueStore:
    """Keeps a venue in a plugin's durable state. The head names how much history counts: it commits.

    History is written before the head. A crash between the two leaves records the head does not
    name; they were never acknowledged, and reading leaves them out.
    """

    def __init__(self, venue: SimulatedVenue, state: StateStore) -> None:
        self._venue = venue
        self._state = state
        self._version = -1
        self._records = 0

    @property
    def records(self) -> int:
        """Return how much of the history is durable."""
        return self._records

    async def load(self, world: str) -> bool:
        """Restore what is stored, if anything; return whether there was.

        Raises:
            ConfigError: it belongs to another simulated market than `world` describes.
            StorageError: it cannot be read.
        """
        head = await self._state.get("head")
        if head is None:
            return False
        known = await self._state.get("world")
        if known != world:
            text = f"{self._venue.name}: the storage holds an account in another simulated market ({known})"
            raise ConfigError(f"{text}, the configuration describes {world}; use that market or another storage")
        pieces: list[str] = []
        while (piece := await self._state.get(f"records-{len(pieces)}")) is not None:
            pieces.append(piece)
        self._venue.restore_parts(head, pieces)
        self._version, self._records = self._venue.version, self._venue.record_count()
        return True

    async def create(self, world: str) -> None:
        """Store a new account."""
        await self._state.put("world", world)
        await self.save()

    async def save(self) -> bool:
        """Make every change durable; return whether there was one."""
        version, count = self._venue.version, self._venue.record_count()
        if version == self._version:
            return False
        head = self._venue.head()
        for index in range(self._records // _SEGMENT, -(-count // _SEGMENT)):
            text = self._venue.records_text(index * _SEGMENT, (index + 1) * _SEGMENT)
            await self._state.put(f"records-{index}", text)
        await self._state.put("head", head)
        self._version, self._records = version, count
        return True


class Desk:
    """Brings calls to a venue one after the other and lets no answer leave before its effect is durable."""

    def __init__(
        self, venue: SimulatedVenue, context: Context, *, latency: Latency | None = None, faults: Faults | None = None
    ) -> None:
        self.venue = venue
        self.clock = context.clock
        self._store = VenueStore(venue, context.state)
        self._line = Line(latency or Latency(), context.clock, context.random)
        self._faults = faults or NoFaults()
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def changed(self) -> asyncio.Event:
        """Return an event that is set at the next change of the account."""
        return self._changed

    @property
    def acknowledged(self) -> int:
        """Return how many records of the history are durable: only these may be told to anybody."""
        return self._store.records

    async def open(self, world: str = "") -> bool:
        """Restore the account, or store a new one; return whether it was restored.

        Raises:
            ConfigError: the stored account belongs to another market, or holds what is not listed.
            StorageError: it cannot be read.
        """
        async with self._lock:
            if await self._store.load(world):
                self._require_listed()
                return True
            await self._store.create(world)
            return False

    async def close(self) -> None:
        """Make durable what a cancelled call may have left."""
        async with self._lock:
            await self._store.save()

    @asynccontextmanager
    async def call(self, operation: str, subject: object = None) -> AsyncIterator[int]:
        """Enter with the venue's time on arrival; leave when the answer is back.

        Raises:
            StorageError: the effect could not be made durable; it is tried again by the next call.
        """
        await self._faults.before(operation, subject)
        await self._line.request()
        async with self._lock:
            now_ns = self.clock.now_ns()
            self.venue.advance(now_ns)
            try:
                yield now_ns
            finally:
                # A refused call too may have come after time that changed the account.
                await self._save()
        await self._faults.after(operation, subject)
        await self._line.answer()

    @asynccontextmanager
    async def public(self, operation: str, subject: object = None) -> AsyncIterator[int]:
        """Enter with the time at which public data are read; the account is not touched."""
        await self._faults.before(operation, subject)
        await self._line.request()
        yield self.clock.now_ns()
        await self._faults.after(operation, subject)
        await self._line.answer()

    def _require_listed(self) -> None:
        missing = sorted(self.venue.involved() - set(self.venue.instruments))
        if missing:
            text = f"{self.venue.name}: the stored account has positions or orders in {', '.join(missing)}"
            raise ConfigError(f"{text}, which the configured market does not list: list them again")

    async def _save(self) -> None:
        if await self._store.save():
            self._changed.set()
            self._changed = asyncio.Event()
