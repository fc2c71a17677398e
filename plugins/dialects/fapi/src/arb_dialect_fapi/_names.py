"""Our client order ids, which are the venue's as well: each is sent once, over restarts too."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

from arb.api import Context, Rejected
from arb.model import ClientOrderId, ExchangeOrderId

_REMEMBERED: Final = 20_000


class OrderNames:
    """Lets each id leave once, and remembers whose order each number of the venue's is.

    The venue refuses an id only while an open order has it, so that this is our own affair.
    """

    def __init__(self, context: Context) -> None:
        """Read nothing yet."""
        self._clock = context.clock
        self._state = context.state
        self._exchange = context.name
        self._reserving = asyncio.Lock()
        self._unsent: set[ClientOrderId] = set()
        self._owners: OrderedDict[ExchangeOrderId, ClientOrderId] = OrderedDict()

    async def reserve(self, name: ClientOrderId) -> None:
        """Make it durable that an order is prepared; raises Rejected for an id that may have been sent."""
        async with self._reserving:
            if name in self._unsent:
                return
            if await self.reserved_ns(name) is not None:
                raise self._used(name)
            await self._state.put(_key(name), str(self._clock.now_ns()))
            self._unsent.add(name)

    def claim(self, name: ClientOrderId) -> None:
        """Call right before an order leaves, whatever becomes of it; raises Rejected when it did before."""
        if name not in self._unsent:
            raise self._used(name)
        self._unsent.remove(name)

    async def reserved_ns(self, name: ClientOrderId) -> int | None:
        """Return since when an id is taken by our clock: its order is not older. None for one that never was."""
        stored = await self._state.get(_key(name))
        return None if stored is None else int(stored)

    def saw(self, order_id: ExchangeOrderId | None, name: ClientOrderId) -> None:
        """Remember whose order a number of the venue's is: its fills do not tell."""
        if order_id is None:
            return
        self._owners[order_id] = name
        self._owners.move_to_end(order_id)
        if len(self._owners) > _REMEMBERED:
            self._owners.popitem(last=False)

    def owner(self, order_id: ExchangeOrderId) -> ClientOrderId | None:
        """Return whose order it is, where this process has seen it."""
        return self._owners.get(order_id)

    def _used(self, name: ClientOrderId) -> Rejected:
        text = f"order {name}: its id was used before"
        return Rejected(text, exchange=self._exchange, code="duplicate_client_order_id")


def _key(name: ClientOrderId) -> str:
    return f"order:{name}"
