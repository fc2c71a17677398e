"""Our client order ids and Backpack's client ids, which are whole numbers of 32 bits."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final, TypeVar

from arb.api import Context
from arb.model import ClientOrderId, ExchangeOrderId, Order, OrderStatus
from arb.net import OrderNumbers, text

from ._orders import client_number, foreign_id

T = TypeVar("T")

BITS: Final = 32
_REMEMBERED: Final = 10_000


class OrderNames:
    """Keeps the number of each id, since when it was kept, and the venue's id where one was seen.

    The venue does not say that it refuses a client id it had before, so :class:`OrderNumbers` lets each be sent once.
    """

    def __init__(self, context: Context) -> None:
        """Read nothing yet."""
        self._state = context.state
        self._numbers = OrderNumbers(context.state, bits=BITS)
        self._venue_ids: OrderedDict[int, ExchangeOrderId] = OrderedDict()
        self._done: OrderedDict[int, Order] = OrderedDict()

    async def reserve(self, name: ClientOrderId, venue_ns: int) -> int:
        """Return the number of an order that is prepared; raises Rejected for an id that may have been sent.

        Args:
            name: The id.
            venue_ns: What the venue's clock has passed now for certain.
        """
        # Before the number: an order that has one has a time, which is no later than its sending.
        known = await self._numbers.number_of(name)
        if known is None or await self._state.get(_key(name)) is None:
            await self._state.put(_key(name), str(venue_ns))
        return await self._numbers.reserve(name)

    def claim(self, number: int, name: ClientOrderId) -> None:
        """Call right before an order leaves; raises Rejected when it did before."""
        self._numbers.claim(number, name)

    async def number_of(self, name: ClientOrderId) -> int | None:
        """Return the number of an id; None for one that was never prepared with this storage."""
        return await self._numbers.number_of(name)

    async def reserved_ns(self, name: ClientOrderId) -> int | None:
        """Return since when an id has a number, by the venue's clock: its order is not older."""
        stored = await self._state.get(_key(name))
        return None if stored is None else int(stored)

    async def of(self, client_id: Any, order_id: Any, system: Any = None) -> ClientOrderId:
        """Return whose order it is by the ids that the venue tells; raises ValueError for what are none.

        Args:
            client_id: The sender's.
            order_id: The venue's.
            system: The venue's word for an order of its own, such as a liquidation.
        """
        number = client_number(client_id)
        if number is None:
            return foreign_id(text(order_id), system)
        return await self._numbers.client_order_id_of(number)

    def saw(self, number: int, order: Order) -> None:
        """Remember the venue's id of an order, by which its history is found in one call; one that is filled whole."""
        if order.exchange_order_id is not None:
            _keep(self._venue_ids, number, order.exchange_order_id)
        if order.status is OrderStatus.FILLED and not order.remaining_quantity:
            _keep(self._done, number, order)

    def done(self, number: int) -> Order | None:
        """Return an order that the venue has told to be filled whole: nothing of it can change any more."""
        return self._done.get(number)

    def venue_id(self, number: int) -> ExchangeOrderId | None:
        """Return the venue's id where it was seen by this process."""
        return self._venue_ids.get(number)


def _keep(known: OrderedDict[int, T], number: int, value: T) -> None:
    known[number] = value
    if len(known) > _REMEMBERED:
        known.popitem(last=False)


def _key(name: ClientOrderId) -> str:
    return f"reserved:{name}"
