"""Our client order ids at EdgeX: each leaves once, no two have one nonce, and orders find their owners again."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from arb.api import BadResponse, Context, Rejected
from arb.model import ClientOrderId, ExchangeOrderId
from arb.net import Row, reading, rows_of, text

from ._rest import VenueRest
from ._signing import nonce_of

_REMEMBERED: Final = 20_000
_TRIES: Final = 64
_MARK: Final = "~"
_BATCH: Final = 20
"""Orders in one question for orders."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """What is known of an order before it leaves.

    Attributes:
        client_id: Its client order id at the venue: ours, with a number behind it where another id has its nonce.
        contract_id: Where it is for.
        since_ns: Our time at which it was prepared first: the order is not older.
        until_ns: Our time until when it may still come to the venue.
    """

    client_id: str
    contract_id: str
    since_ns: int
    until_ns: int


class OrderNames:
    """Keeps in the plugin's durable memory what was prepared.

    The nonce of an order is 32 bits of a hash of its id, and the venue does not say what it makes of a nonce that it
    had: so an id whose nonce another id of ours has leaves under another one.
    """

    def __init__(self, context: Context, rest: VenueRest) -> None:
        """Read nothing yet."""
        self._context = context
        self._clock = context.clock
        self._state = context.state
        self._rest = rest
        self._unsent: set[str] = set()
        self._refused: set[str] = set()
        self._owners: OrderedDict[str, ClientOrderId] = OrderedDict()
        self._reserving = asyncio.Lock()

    async def reserve(self, name: ClientOrderId, contract_id: str, until_ns: int) -> Reserved:
        """Return how an order is to leave; it is durable.

        Raises:
            Rejected: the id may have been sent already, perhaps by an earlier process.
        """
        async with self._reserving:
            known = await self.reserved(name)
            if known is not None and name not in self._unsent:
                raise _used(name)
            if known is None:
                client_id, since_ns = await self._free_id(name), self._clock.now_ns()
            else:
                client_id, since_ns = known.client_id, known.since_ns
            found = Reserved(client_id, contract_id, since_ns, until_ns)
            row = [found.client_id, found.contract_id, found.since_ns, found.until_ns]
            await self._state.put(f"order:{name}", json.dumps(row))
            self._unsent.add(name)
            return found

    def claim(self, name: ClientOrderId) -> None:
        """Call right before an order leaves; raises Rejected when it did before."""
        if name not in self._unsent:
            raise _used(name)
        self._unsent.remove(name)

    def refused(self, name: ClientOrderId) -> None:
        """Call when it is certain that an order will never be at the venue."""
        self._refused.add(name)

    async def reserved(self, name: ClientOrderId) -> Reserved | None:
        """Return what was reserved for an id; None for one that was never prepared with this storage."""
        stored = await self._state.get(f"order:{name}")
        return None if stored is None else Reserved(*json.loads(stored))

    def may_come(self, name: ClientOrderId, reserved: Reserved) -> bool:
        """Whether an order that the venue does not have may still come."""
        return name not in self._refused and self._clock.now_ns() < reserved.until_ns

    async def of(self, row: Row) -> ClientOrderId:
        """Return whose order it is, out of its row; raises ValueError for a row without ids."""
        order_id = text(row["id"])
        if order_id not in self._owners:
            self._keep(order_id, await self._owner(order_id, row))
        return self._owners[order_id]

    async def owners(self, order_ids: Iterable[str]) -> dict[str, ClientOrderId]:
        """Return whose orders these are; asks the venue for those that this process has not seen.

        Raises:
            ExchangeError: as :meth:`VenueRest.read`; BadResponse too where the venue does not tell of an order.
        """
        wanted = list(dict.fromkeys(order_ids))
        unknown = [each for each in wanted if each not in self._owners]
        for place in range(0, len(unknown), _BATCH):
            batch = unknown[place : place + _BATCH]
            data = await self._rest.read("/api/v2/private/order/getOrderById", {"orderIdList": ",".join(batch)})
            with reading(self._context.name, "orders"):
                for row in rows_of(data):
                    await self.of(row)
        missing = [each for each in unknown if each not in self._owners]
        if missing:
            text_ = f"the venue does not tell of the orders of {len(missing)} fills"
            raise BadResponse(text_, exchange=self._context.name, code="no_owner")
        return {each: self._owners[each] for each in wanted}

    async def _owner(self, order_id: str, row: Row) -> ClientOrderId:
        if row.get("isLiquidate"):
            return ClientOrderId(f"liquidation-{order_id}")
        if row.get("isDeleverage"):
            return ClientOrderId(f"adl-{order_id}")
        client_id = row.get("clientOrderId")
        if not isinstance(client_id, str) or not client_id:
            return ClientOrderId(f"foreign-{order_id}")
        if _MARK in client_id:
            stored = await self._state.get(f"alias:{client_id}")
            if stored is not None:
                return ClientOrderId(stored)
        return ClientOrderId(client_id)

    async def _free_id(self, name: ClientOrderId) -> str:
        for step in range(_TRIES):
            client_id = f"{name}{_MARK}{step}" if step else str(name)
            key = f"nonce:{nonce_of(client_id)}"
            holder = await self._state.get(key)
            if holder in (None, client_id):
                await self._state.put(key, client_id)
                if step:
                    await self._state.put(f"alias:{client_id}", name)
                return client_id
        raise Rejected(f"order {name}: no nonce is free", exchange=self._context.name, code="no_nonce")

    def _keep(self, order_id: str, name: ClientOrderId) -> None:
        self._owners[order_id] = name
        if len(self._owners) > _REMEMBERED:
            self._owners.popitem(last=False)


def order_id_of(value: object) -> ExchangeOrderId:
    """Return the venue's id of an order; raises ValueError."""
    return ExchangeOrderId(text(value))


def _used(name: ClientOrderId) -> Rejected:
    return Rejected(f"order {name}: its id was used before", code="duplicate_client_order_id")
