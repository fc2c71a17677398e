"""One order over its whole life, by the client id that we gave it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from arb.api import BadResponse, Context, Rejected, UnknownOrder
from arb.model import MINUTE_NS, SECOND_NS, ClientOrderId, InstrumentId, Order
from arb.net import Row, reading, row_of, whole

from ._catalog import Catalog
from ._errors import NOT_FOUND
from ._markets import PERPETUAL, Market
from ._names import OrderNames, client_number
from ._orders import client_id_of, order_of, symbol_of
from ._pages import pages
from ._rest import Pace, VenueRest

_CLOCKS_NS: Final = 10 * SECOND_NS
"""How far the venue's clock may have been behind what was known of it when the order was prepared."""

_MOST_PAGES: Final = 10


class OrderLookup:
    """Finds an order: by its call, in the history, in the fills; only all three together prove absence."""

    def __init__(
        self, context: Context, rest: VenueRest, catalog: Catalog, names: OrderNames, sub_account_id: str
    ) -> None:
        self._context = context
        self._rest = rest
        self._catalog = catalog
        self._names = names
        self._sub_account_id = sub_account_id

    async def find(self, instrument: InstrumentId, name: ClientOrderId) -> Order:
        """Return an order by our id.

        Raises:
            UnknownOrder: the id was never prepared here for this instrument, or the venue knows no such order, and
                lists none and no fill of it since it was prepared.
            BadResponse: what the venue lists does not reach back so far, or contradicts itself for now.
        """
        market = await self._catalog.market(instrument)
        number = await self._names.number_of(name, market.instrument.symbol)
        if number is None:
            raise self._unknown(name, "it was never prepared, so it was never sent")
        order = self._names.done(number)
        if order is not None:
            return order
        row = await self.row(number)
        if row is None:
            row = await self._in_history(market, name, number)
        if row is None:
            await self._require_no_fill(market, name, number)
            raise self._unknown(name, "the venue lists no such order since it was prepared")
        with reading(self._context.name, f"order {name}"):
            if symbol_of(row) != market.instrument.symbol:
                raise ValueError("it is an order of another market")
            order = order_of(instrument, name, row)
        self._names.saw(number, order)
        return order

    async def row(self, number: int, *, urgent: bool = False) -> Row | None:
        """Return what the venue tells of a client id now; None where it knows none."""
        body = {"sub_account_id": self._sub_account_id, "client_order_id": str(number)}
        try:
            answer = await self._rest.read("/full/v1/order", body, urgent=urgent)
        except Rejected as error:
            if error.code == NOT_FOUND:
                return None
            raise
        with reading(self._context.name, "an order"):
            row: Row = row_of(answer["result"])
            if whole(client_id_of(row)) != number:
                raise ValueError("it is another order")
        return row

    async def _in_history(self, market: Market, name: ClientOrderId, number: int) -> Row | None:
        async for rows in self._since(market, name, "order_history"):
            with reading(self._context.name, "the order history"):
                for row in rows:
                    if client_number(client_id_of(row)) == number:
                        return row
        return None

    async def _require_no_fill(self, market: Market, name: ClientOrderId, number: int) -> None:
        async for rows in self._since(market, name, "fill_history"):
            with reading(self._context.name, "the fills"):
                if any(client_number(row["client_order_id"]) == number for row in rows):
                    why = f"order {name} has fills and is not in the history yet: ask again"
                    raise BadResponse(why, exchange=self._context.name, code="history_lags")

    def _since(self, market: Market, name: ClientOrderId, path: str) -> AsyncIterator[list[Row]]:
        async def ask(fields: Mapping[str, Any]) -> Any:
            reserved, time = await self._names.reserved(name), self._rest.time
            since_ns = 0 if reserved is None else reserved.since_ns - _CLOCKS_NS
            body = {
                "sub_account_id": self._sub_account_id,
                "kind": [PERPETUAL],
                "base": [market.base],
                "quote": [market.instrument.quote],
                "start_time": str(max(0, since_ns)),
                "end_time": str(time.now_ns() + time.slack_ns + MINUTE_NS),
                **fields,
            }
            return await self._rest.read(f"/full/v1/{path}", body, pace=Pace.QUERY)

        return pages(self._context, path, ask, most=_MOST_PAGES)

    def _unknown(self, name: ClientOrderId, why: str) -> UnknownOrder:
        return UnknownOrder(f"order {name}: {why}", exchange=self._context.name, code="unknown_order")
