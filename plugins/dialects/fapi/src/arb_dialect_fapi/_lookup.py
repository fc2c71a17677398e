"""One order over its whole life, and whose orders the numbers in a list of fills are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from arb.api import BadResponse, Context, Rejected, UnknownOrder
from arb.model import DAY_NS, SECOND_NS, ClientOrderId, ExchangeOrderId, Instrument, Order
from arb.net import FOREIGN, reading, row_of, rows_of

from ._dialect import Dialect
from ._errors import NO_SUCH_ORDER, UNKNOWN_TO_VENUE
from ._names import OrderNames
from ._orders import CLIENT_ID, order_of, owner_of
from ._rest import VenueRest

_KEPT_NS: Final = 89 * DAY_NS
"""The venue answers for orders with fills for 90 days. One that ended unfilled it forgets after three; nothing ever
came of that one either."""

_TOLD_WITHIN_NS: Final = 15 * SECOND_NS
"""After that a filled order that the venue does not know is one that it has forgotten."""

_FEW: Final = 5
_PAGE: Final = 1_000
_MOST_PAGES: Final = 20


class OrderLookup:
    """Finds orders by our id, and our id by the venue's number."""

    def __init__(self, context: Context, dialect: Dialect, rest: VenueRest, names: OrderNames) -> None:
        self._context = context
        self._endpoints = dialect.endpoints
        self._rest = rest
        self._names = names

    async def find(self, instrument: Instrument, name: ClientOrderId) -> Order:
        """Return an order by our id.

        Raises:
            UnknownOrder: the venue has none with this id, and would still know one that was ever filled.
            BadResponse: it was prepared so long ago that the venue's silence says nothing.
        """
        if CLIENT_ID.fullmatch(name) is None:
            raise self._unknown(name, "the venue takes no such id, so it was never sent")
        params = {"symbol": instrument.symbol, "origClientOrderId": str(name)}
        try:
            answer = await self._rest.read(self._endpoints.order, params, urgent=True)
        except Rejected as error:
            if error.code not in UNKNOWN_TO_VENUE:
                raise
            await self._require_kept(name)
            raise self._unknown(name, str(error)) from error
        with reading(self._context.name, f"order {name}"):
            order = order_of(instrument.id, row_of(answer))
            if order.request.client_order_id != name or answer["symbol"] != instrument.symbol:
                raise ValueError("it is another order")
        self._names.saw(order.exchange_order_id, name)
        return order

    async def by_number(self, instrument: Instrument, order_id: ExchangeOrderId) -> Order:
        """Return an order by the venue's number; raises as the venue refuses."""
        params = {"symbol": instrument.symbol, "orderId": str(order_id)}
        answer = await self._rest.read(self._endpoints.order, params, urgent=True)
        with reading(self._context.name, f"order {order_id}"):
            order = order_of(instrument.id, row_of(answer))
            if order.exchange_order_id != order_id:
                raise ValueError("it is another order")
        return order

    async def owners(
        self, symbol: str, filled_ns: Mapping[ExchangeOrderId, int]
    ) -> Mapping[ExchangeOrderId, ClientOrderId]:
        """Return whose orders these are; one that the venue does not know any more is foreign.

        Args:
            symbol: Of all of them.
            filled_ns: When each was filled last.

        Raises:
            BadResponse: one was filled just now and the venue does not tell it yet: it may be ours.
        """
        unknown = sorted((each for each in filled_ns if self._names.owner(each) is None), key=int)
        if len(unknown) > _FEW:
            await self._read_from(symbol, unknown[0], set(unknown))
        owners = {}
        for order_id, at_ns in filled_ns.items():
            if self._names.owner(order_id) is None:
                await self._read_one(symbol, order_id)
            owner = self._names.owner(order_id)
            if owner is None and self._rest.time.now_ns() - at_ns < _TOLD_WITHIN_NS:
                text = f"order {order_id} of {symbol} was filled and is not told yet"
                raise BadResponse(text, exchange=self._context.name, code="no_owner")
            owners[order_id] = owner or ClientOrderId(f"{FOREIGN}{order_id}")
        return owners

    async def _read_one(self, symbol: str, order_id: ExchangeOrderId) -> None:
        try:
            answer = await self._rest.read(self._endpoints.order, {"symbol": symbol, "orderId": str(order_id)})
        except Rejected as error:
            if error.code != NO_SUCH_ORDER:
                raise
            return
        with reading(self._context.name, f"order {order_id}"):
            self._see(row_of(answer))

    async def _read_from(self, symbol: str, first: ExchangeOrderId, wanted: set[ExchangeOrderId]) -> None:
        """Read the symbol's orders from a number on until all that are wanted were seen."""
        begin = int(first)
        for _ in range(_MOST_PAGES):
            params = {"symbol": symbol, "orderId": str(begin), "limit": str(_PAGE)}
            answer = await self._rest.read(self._endpoints.all_orders, params)
            with reading(self._context.name, f"the orders of {symbol}"):
                seen = [self._see(row) for row in rows_of(answer)]
            if len(seen) < _PAGE or all(self._names.owner(each) is not None for each in wanted):
                return
            begin = max(seen) + 1

    def _see(self, row: Mapping[str, Any]) -> int:
        number = int(row["orderId"])
        self._names.saw(ExchangeOrderId(str(number)), owner_of(row.get("clientOrderId"), number))
        return number

    async def _require_kept(self, name: ClientOrderId) -> None:
        sent = await self._names.sent.reserved(name)
        if sent is not None and self._rest.time.now_ns() - sent.since_ns > _KEPT_NS:
            text = f"order {name} was prepared more than 89 days ago: the venue would not know it any more"
            raise BadResponse(text, exchange=self._context.name, code="too_old")

    def _unknown(self, name: ClientOrderId, why: str) -> UnknownOrder:
        return UnknownOrder(f"order {name}: {why}", exchange=self._context.name, code="unknown_order")
