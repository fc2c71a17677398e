"""Our client order ids and GRVT's, which are whole numbers of 64 bits."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from arb.api import Context
from arb.model import ClientOrderId, Order, OrderStatus
from arb.net import FOREIGN, OrderNumbers, whole

API_IDS: Final = 1 << 63
"""From here on ids belong to clients of the API; the venue's own pages draw theirs from below."""

_BITS: Final = 63
_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Reserved:
    """What is kept of an id: since when it has a number, by the venue's clock, and for which market."""

    since_ns: int
    symbol: str


class OrderNames:
    """Keeps the venue's number of each id.

    The venue forgets the ids of orders that ended and takes them again: :class:`OrderNumbers` lets each be sent once.
    """

    def __init__(self, context: Context) -> None:
        """Read nothing yet."""
        self._state = context.state
        self._numbers = OrderNumbers(context.state, bits=_BITS)
        self._done: OrderedDict[int, Order] = OrderedDict()

    async def reserve(self, name: ClientOrderId, symbol: str, venue_ns: int) -> int:
        """Return the venue's id for an order that is prepared; raises Rejected for an id that may have been sent.

        Args:
            name: Our id.
            symbol: Its market.
            venue_ns: What the venue's clock has passed now for certain.
        """
        # Before the number: an order that has one has a time, which is no later than its sending.
        known = await self._numbers.number_of(name)
        if known is None or await self._state.get(_key(name)) is None:
            await self._state.put(_key(name), f"{venue_ns} {symbol}")
        return API_IDS + await self._numbers.reserve(name)

    def claim(self, number: int, name: ClientOrderId) -> None:
        """Call right before an order leaves; raises Rejected when it did before."""
        self._numbers.claim(number - API_IDS, name)

    async def number_of(self, name: ClientOrderId, symbol: str) -> int | None:
        """Return the venue's id of an order of a market; None for one that was never prepared with this storage."""
        number = await self._numbers.number_of(name)
        reserved = await self.reserved(name)
        if number is None or (reserved is not None and reserved.symbol != symbol):
            return None
        return API_IDS + number

    async def reserved(self, name: ClientOrderId) -> Reserved | None:
        """Return since when an id has a number: its order is not older."""
        stored = await self._state.get(_key(name))
        if stored is None:
            return None
        since, _, symbol = stored.partition(" ")
        return Reserved(int(since), symbol)

    async def of(self, client_id: Any, order_id: Any, *, is_liquidation: bool = False) -> ClientOrderId:
        """Return whose order it is by the ids that the venue tells; raises ValueError for what are none.

        Args:
            client_id: The sender's.
            order_id: The venue's: an order that is not ours is known by it, since other ids come again.
            is_liquidation: The venue closed a position with it.
        """
        number = client_number(client_id)
        if number is not None and number > API_IDS and not is_liquidation:
            name = await self._numbers.client_order_id_of(number - API_IDS)
            if name != f"{FOREIGN}{number - API_IDS}":
                return name
        return ClientOrderId(f"{'liquidation' if is_liquidation else 'foreign'}-{order_id}")

    def saw(self, number: int, order: Order) -> None:
        """Remember an order that is filled whole: nothing of it can change any more."""
        if order.status is OrderStatus.FILLED and not order.remaining_quantity:
            self._done[number] = order
            if len(self._done) > _REMEMBERED:
                self._done.popitem(last=False)

    def done(self, number: int) -> Order | None:
        """Return an order that the venue has told to be filled whole."""
        return self._done.get(number)


def client_number(value: Any) -> int | None:
    """Return a client id; none, null and 0 are none."""
    return (whole(value) or None) if value not in (None, "") else None


def _key(name: ClientOrderId) -> str:
    return f"reserved:{name}"
