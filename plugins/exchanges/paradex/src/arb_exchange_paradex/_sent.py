"""Which client order ids have left, over restarts too. Paradex refuses an id of an order that rests, not an old one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from arb.api import Context, Rejected
from arb.model import ClientOrderId, Side

LONGEST: Final = 64
"""Characters of an id (AsyncAPI of the venue)."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """What was written down when an order was prepared: since when, by our clock, and its side."""

    since_ns: int
    side: Side


class SentIds:
    """Lets each id be sent once. It is durable when an order is prepared, so that a crash cannot send it twice."""

    def __init__(self, context: Context) -> None:
        """Read nothing yet."""
        self._context = context
        self._unsent: set[ClientOrderId] = set()
        self._reserving = asyncio.Lock()

    async def reserve(self, name: ClientOrderId, side: Side) -> None:
        """Write an id down; raises Rejected for one that may have been sent already, perhaps by an earlier process."""
        if len(name) > LONGEST:
            text = f"order {name}: an id has {LONGEST} characters at most"
            raise Rejected(text, exchange=self._context.name, code="client_order_id")
        async with self._reserving:
            known = await self._context.state.get(_key(name))
            if known is None:
                await self._context.state.put(_key(name), f"{self._context.clock.now_ns()} {side}")
                self._unsent.add(name)
        if name not in self._unsent:
            raise self._used(name)

    def claim(self, name: ClientOrderId) -> None:
        """Call right before an order leaves, whatever becomes of it; raises Rejected when it was called before."""
        if name not in self._unsent:
            raise self._used(name)
        self._unsent.remove(name)

    async def reserved(self, name: ClientOrderId) -> Reserved | None:
        """Return what was written down of an id; None for one that was never prepared with this storage."""
        stored = await self._context.state.get(_key(name))
        if stored is None:
            return None
        since, _, side = stored.partition(" ")
        return Reserved(int(since), Side(side))

    def _used(self, name: ClientOrderId) -> Rejected:
        text = f"order {name}: its id was used before"
        return Rejected(text, exchange=self._context.name, code="duplicate_client_order_id")


def _key(name: ClientOrderId) -> str:
    return f"sent:{name}"
