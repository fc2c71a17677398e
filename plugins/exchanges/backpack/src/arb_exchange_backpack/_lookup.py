"""One order over its whole life. Backpack's own call knows an order only while it rests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from arb.api import BadResponse, Context, Rejected, UnknownOrder
from arb.model import MILLISECOND_NS, SECOND_NS, ClientOrderId, Instrument, Order, OrderStatus
from arb.net import Row, reading

from ._errors import NOT_FOUND
from ._fields import created_at
from ._names import OrderNames
from ._orders import client_number, order_of
from ._pages import pages
from ._rest import VenueRest
from ._signing import Params

_CLOCKS_NS: Final = 10 * SECOND_NS
"""How far the venue's clock may have been behind what was known of it when the order was prepared."""

_MOST_PAGES: Final = 10
_AT_WORK: Final = frozenset({OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED})


class OrderLookup:
    """Finds an order: while it rests, in the history, in the fills; only all three together prove absence."""

    def __init__(self, context: Context, rest: VenueRest, names: OrderNames) -> None:
        self._context = context
        self._rest = rest
        self._names = names

    async def find(self, instrument: Instrument, name: ClientOrderId) -> Order:
        """Return an order by our id.

        Raises:
            UnknownOrder: the number of this id was never reserved here, or the venue lists every order and fill
                since it was and has none with it.
            BadResponse: what the venue lists does not reach back so far, or contradicts itself for now.
        """
        number = await self._names.number_of(name)
        if number is None:
            raise self._unknown(name, "it was never prepared, so it was never sent")
        order = self._names.done(number)
        if order is not None:
            return order
        order = await self._resting(instrument, name, number)
        if order is None:
            row = await self._by_venue_id(number) or await self._in_history(instrument, name, number)
            if row is None:
                await self._require_no_fill(instrument, name, number)
                raise self._unknown(name, "the venue lists no such order since it was prepared")
            order = self._read(instrument, name, row)
            if order.status in _AT_WORK:
                # Between the two answers it began to rest, or the history lags behind its end.
                order = await self._resting(instrument, name, number)
                if order is None:
                    raise self._doubt(f"order {name} is at work by the history and does not rest: ask again")
        self._names.saw(number, order)
        return order

    async def _resting(self, instrument: Instrument, name: ClientOrderId, number: int) -> Order | None:
        try:
            row = await self._rest.read(
                "/api/v1/order", "orderQuery", {"symbol": instrument.symbol, "clientId": number}, urgent=True
            )
        except Rejected as error:
            if error.code == NOT_FOUND:
                return None
            raise
        with reading(self._context.name, f"order {name}"):
            if client_number(row.get("clientId")) not in (None, number) or row["symbol"] != instrument.symbol:
                raise ValueError("it is another order")
        return self._read(instrument, name, row)

    async def _by_venue_id(self, number: int) -> Row | None:
        order_id = self._names.venue_id(number)
        if order_id is None:
            return None
        path, instruction = "/wapi/v1/history/orders", "orderHistoryQueryAll"
        async for rows in self._pages(path, instruction, {"orderId": order_id}, most=1):
            found = next((row for row in rows if row.get("id") == order_id), None)
            if found is not None:
                return found
        return None

    async def _in_history(self, instrument: Instrument, name: ClientOrderId, number: int) -> Row | None:
        """Return the order's row; None when everything since it was prepared was read and it is not there.

        The history cannot be asked for a client id or a time.
        """
        reserved_ns = await self._names.reserved_ns(name)
        oldest_ns = 0 if reserved_ns is None else reserved_ns - _CLOCKS_NS
        params = {"symbol": instrument.symbol, "sortDirection": "Desc"}
        path, instruction = "/wapi/v1/history/orders", "orderHistoryQueryAll"
        async for rows in self._pages(path, instruction, params):
            with reading(self._context.name, "the order history"):
                times = [created_at(row["createdAt"]) for row in rows]
                for row, created_ns in zip(rows, times, strict=True):
                    if created_ns >= oldest_ns and client_number(row.get("clientId")) == number:
                        return row
            if times and times[0] >= times[-1] and times[-1] < oldest_ns:
                return None
        return None

    async def _require_no_fill(self, instrument: Instrument, name: ClientOrderId, number: int) -> None:
        reserved_ns = await self._names.reserved_ns(name)
        since_ns = max(0, (reserved_ns or 0) - _CLOCKS_NS)
        params: Params = {"symbol": instrument.symbol, "from": since_ns // MILLISECOND_NS, "sortDirection": "Asc"}
        async for rows in self._pages("/wapi/v1/history/fills", "fillHistoryQueryAll", params):
            with reading(self._context.name, "the fills"):
                if any(client_number(row.get("clientId")) == number for row in rows):
                    raise self._doubt(f"order {name} has fills and is not in the history yet: ask again")

    def _pages(
        self, path: str, instruction: str, params: Params, *, most: int = _MOST_PAGES
    ) -> AsyncIterator[list[Row]]:
        # What became of an order decides whether a leg stands alone: it does not wait for what can.
        return pages(self._context, self._rest, path, instruction, params, most=most, urgent=True)

    def _read(self, instrument: Instrument, name: ClientOrderId, row: Row) -> Order:
        with reading(self._context.name, f"order {name}"):
            return order_of(instrument.id, name, row)

    def _unknown(self, name: ClientOrderId, why: str) -> UnknownOrder:
        return UnknownOrder(f"order {name}: {why}", exchange=self._context.name, code="unknown_order")

    def _doubt(self, text: str) -> BadResponse:
        return BadResponse(text, exchange=self._context.name, code="history_lags")
