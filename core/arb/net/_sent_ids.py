"""Which client order ids have left, over restarts too: venues take an id again when its order has ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from arb.api import Context, Rejected
from arb.model import ClientOrderId


@dataclass(frozen=True, slots=True)
class SentId:
    """What was written down when an order was prepared.

    Attributes:
        since_ns: When that was, by the venue's clock: the order is not older.
        note: Whatever else the plugin has to know of it later.
    """

    since_ns: int
    note: str


class SentIds:
    """Lets each id be sent once. It is durable when an order is prepared, so that a crash cannot send it twice."""

    def __init__(self, context: Context, prefix: str = "sent") -> None:
        """Read nothing yet; `prefix` begins the keys in the plugin's state, and never changes once orders were sent."""
        self._context = context
        self._prefix = prefix
        self._unsent: set[ClientOrderId] = set()
        self._reserving = asyncio.Lock()

    async def reserve(self, name: ClientOrderId, venue_ns: int, note: str = "") -> None:
        """Write an id down; raises Rejected for one that may have been sent already, perhaps by an earlier process.

        Args:
            name: The id.
            venue_ns: What the venue's clock has passed now for certain. Not ours: the process that looks for the order
                may have another, which was set right in between.
            note: Whatever else the plugin has to know of it later.
        """
        async with self._reserving:
            if name in self._unsent:
                return
            if await self.reserved(name) is not None:
                raise self._used(name)
            await self._context.state.put(self._key(name), f"{venue_ns} {note}")
            self._unsent.add(name)

    def claim(self, name: ClientOrderId) -> None:
        """Call right before an order leaves, whatever becomes of it; raises Rejected when it was called before."""
        if name not in self._unsent:
            raise self._used(name)
        self._unsent.remove(name)

    async def reserved(self, name: ClientOrderId) -> SentId | None:
        """Return what was written down of an id; None for one that was never prepared with this storage."""
        stored = await self._context.state.get(self._key(name))
        if stored is None:
            return None
        since, _, note = stored.partition(" ")
        return SentId(int(since), note)

    def _used(self, name: ClientOrderId) -> Rejected:
        text = f"order {name}: its id was used before"
        return Rejected(text, exchange=self._context.name, code="duplicate_client_order_id")

    def _key(self, name: ClientOrderId) -> str:
        return f"{self._prefix}:{name}"
