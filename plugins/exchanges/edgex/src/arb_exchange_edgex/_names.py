"""Our client order ids at EdgeX: each leaves once, no two have one nonce, and orders find their owners again."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from arb.api import Context, Rejected
from arb.model import SECOND_NS, ClientOrderId
from arb.net import Row, VenueTime, text

from ._signing import nonce_of

LAG_NS: Final = 2 * SECOND_NS
"""How far the venue's reads lag behind its writes; it does not say, this is ours."""

_REMEMBERED: Final = 20_000
_TRIES: Final = 64
_MARK: Final = "~"
_RECENT: Final = 20
"""Orders of a contract that are remembered as prepared last: as many as one question for orders names."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """What is known of an order before it leaves.

    Attributes:
        client_id: Its client order id at the venue: ours, with a number behind it where another id has its nonce.
        contract_id: Where it is for.
        since_ns: The venue's time at which it was prepared first, at least: the order is not older.
        until_ns: The venue's time until when it may still come. Both are the venue's, since the process that asks later
            may have another clock than the one that prepared it.
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

    def __init__(self, context: Context, time: VenueTime) -> None:
        """Read nothing yet; `time` is the venue's."""
        self._context = context
        self._time = time
        self._state = context.state
        self._unsent: set[str] = set()
        self._refused: set[str] = set()
        self._owners: OrderedDict[str, ClientOrderId] = OrderedDict()
        self._answered: OrderedDict[str, ClientOrderId] = OrderedDict()
        self._reserving = asyncio.Lock()
        self._keeping = asyncio.Lock()

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
                client_id, since_ns = await self._free_id(name), self._time.not_before_ns()
            else:
                client_id, since_ns = known.client_id, known.since_ns
            found = Reserved(client_id, contract_id, since_ns, until_ns)
            row = [found.client_id, found.contract_id, found.since_ns, found.until_ns]
            if known is None:
                await self._add_recent(name, contract_id)
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
        return name not in self._refused and self._time.not_before_ns() < reserved.until_ns

    def is_undecided(self, name: ClientOrderId, reserved: Reserved) -> bool:
        """Whether an order that no read shows may be at the venue, or come to it."""
        return (
            name not in self._unsent
            and name not in self._refused
            and self._time.not_before_ns() < reserved.until_ns + LAG_NS
        )

    async def recent(self, contract_id: str) -> Mapping[ClientOrderId, Reserved]:
        """Return the orders that were prepared last for a contract, by an earlier process too."""
        found = {}
        for name in json.loads(await self._state.get(_recent(contract_id)) or "[]"):
            reserved = await self.reserved(ClientOrderId(name))
            if reserved is not None:
                found[ClientOrderId(name)] = reserved
        return found

    async def of(self, row: Row) -> ClientOrderId:
        """Return whose order it is, out of its row, and keep it; raises ValueError for a row without ids."""
        order_id = text(row["id"])
        name = await self._owner(order_id, row)
        await self.keep(order_id, name)
        return name

    async def owner(self, order_id: str) -> ClientOrderId | None:
        """Return whose order a number was found to be, by an earlier process too; None where that is not known."""
        if order_id not in self._owners:
            stored = await self._state.get(f"owner:{order_id}")
            if stored is None:
                return None
            _remember(self._owners, order_id, ClientOrderId(stored))
        return self._owners[order_id]

    async def keep(self, order_id: str, name: ClientOrderId) -> ClientOrderId:
        """Let a number be that of an order for good, and return whose it is: one that has an owner keeps it."""
        # One at a time: two readers that find different owners would both tell theirs.
        async with self._keeping:
            known = await self.owner(order_id)
            if known is None:
                await self._state.put(f"owner:{order_id}", name)
                _remember(self._owners, order_id, name)
        return known or name

    def was_answered(self, order_id: str, name: ClientOrderId) -> None:
        """Call with the number in the answer to an order; what the venue lists under it counts for more."""
        _remember(self._answered, order_id, name)

    def answered(self, order_id: str) -> ClientOrderId | None:
        """Return in the answer to which order a number was."""
        return self._answered.get(order_id)

    async def _owner(self, order_id: str, row: Row) -> ClientOrderId:
        forced = forced_name(row, order_id)
        if forced is not None:
            return forced
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

    async def _add_recent(self, name: ClientOrderId, contract_id: str) -> None:
        names = json.loads(await self._state.get(_recent(contract_id)) or "[]")
        await self._state.put(_recent(contract_id), json.dumps([*names, name][-_RECENT:]))


def forced_name(row: Row, subject: str) -> ClientOrderId | None:
    """Return the id of an order of the venue itself, by the flags of an order or of a fill; None for another."""
    if row.get("isLiquidate"):
        return ClientOrderId(f"liquidation-{subject}")
    if row.get("isDeleverage"):
        return ClientOrderId(f"adl-{subject}")
    return None


def _recent(contract_id: str) -> str:
    return f"recent:{contract_id}"


def _remember(names: OrderedDict[str, ClientOrderId], order_id: str, name: ClientOrderId) -> None:
    names[order_id] = name
    if len(names) > _REMEMBERED:
        names.popitem(last=False)


def _used(name: ClientOrderId) -> Rejected:
    return Rejected(f"order {name}: its id was used before", code="duplicate_client_order_id")
