"""Numbers for our client order ids, for venues whose own are numbers."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from typing import Final

from arb.api import Rejected, StateStore
from arb.model import ClientOrderId

FOREIGN: Final = "foreign-"
"""How the id begins that an order gets here which has none of ours."""

_REMEMBERED: Final = 10_000
_TRIES: Final = 64


class OrderNumbers:
    """Gives each client order id a number for ever, and finds the id of a number again after a restart.

    It also lets each id be sent once, which many venues do not: they forget the ids of closed orders. The
    number is a hash, so two processes that never met agree on it; where two ids meet at one number, the later
    one takes the next that is free. Numbers are 1 or more: several venues take 0 for none.
    """

    def __init__(self, state: StateStore, *, bits: int) -> None:
        """Read nothing yet.

        Args:
            state: The plugin's durable memory; one entry an order.
            bits: The longest number the venue takes.
        """
        self._state = state
        self._most = (1 << bits) - 1
        self._ids: OrderedDict[int, ClientOrderId] = OrderedDict()
        self._unsent: set[int] = set()
        self._reserving = asyncio.Lock()

    async def reserve(self, client_order_id: ClientOrderId) -> int:
        """Return the id's number; it is durable, so call this while the order is prepared.

        Raises:
            Rejected: the id may have been sent already, perhaps by an earlier process.
        """
        # One at a time: two that meet at one number would both find it free.
        async with self._reserving:
            number, is_new = await self._find(client_order_id)
            if is_new:
                await self._state.put(_key(number), client_order_id)
                self._remember(number, client_order_id)
                self._unsent.add(number)
        if number not in self._unsent:
            raise _used(client_order_id)
        return number

    def claim(self, number: int, client_order_id: ClientOrderId) -> None:
        """Call this right before the order leaves, whatever becomes of it.

        Raises:
            Rejected: it was called before for this number.
        """
        if number not in self._unsent:
            raise _used(client_order_id)
        self._unsent.remove(number)

    async def number_of(self, client_order_id: ClientOrderId) -> int | None:
        """Return the number that was reserved for an id; None where none ever was."""
        number, is_new = await self._find(client_order_id)
        return None if is_new else number

    async def client_order_id_of(self, number: int) -> ClientOrderId:
        """Return whose number it is; `foreign-<number>` for an order that is not ours."""
        return await self._holder(number) or ClientOrderId(f"{FOREIGN}{number}")

    async def _find(self, client_order_id: ClientOrderId) -> tuple[int, bool]:
        digest = hashlib.blake2b(client_order_id.encode(), digest_size=16).digest()
        first = int.from_bytes(digest, "big") % self._most
        for step in range(_TRIES):
            number = 1 + (first + step) % self._most
            holder = await self._holder(number)
            if holder is None or holder == client_order_id:
                return number, holder is None
        raise RuntimeError(f"no number is free for {client_order_id}")

    async def _holder(self, number: int) -> ClientOrderId | None:
        if number not in self._ids:
            stored = await self._state.get(_key(number))
            if stored is None:
                return None
            self._remember(number, ClientOrderId(stored))
        return self._ids[number]

    def _remember(self, number: int, client_order_id: ClientOrderId) -> None:
        self._ids[number] = client_order_id
        if len(self._ids) > _REMEMBERED:
            self._ids.popitem(last=False)


def _used(client_order_id: ClientOrderId) -> Rejected:
    return Rejected(f"order {client_order_id}: its id was used before", code="duplicate_client_order_id")


def _key(number: int) -> str:
    return f"order:{number}"
