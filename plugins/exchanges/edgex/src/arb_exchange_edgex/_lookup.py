"""One order over its whole life."""

from __future__ import annotations

from typing import Final

from arb.api import BadResponse, Context, Rejected, UnknownOrder
from arb.model import SECOND_NS, ClientOrderId, InstrumentId, Order
from arb.net import Row, reading, rows_of

from ._errors import NOT_FOUND
from ._listing import Listing
from ._names import OrderNames, Reserved
from ._orders import order_of
from ._pages import OPEN_PAGE, pages
from ._prices import milliseconds
from ._rest import VenueRest

_CLOCKS_NS: Final = 10 * SECOND_NS
"""How far the venue's clock may have been behind what was known of it when the order was prepared."""

_MOST_PAGES: Final = 20


class OrderLookup:
    """Finds an order by its client id; where it is not, open orders and the history have to agree."""

    def __init__(self, context: Context, rest: VenueRest, names: OrderNames) -> None:
        self._context = context
        self._rest = rest
        self._names = names

    async def find(self, listing: Listing, instrument: InstrumentId, name: ClientOrderId) -> Order:
        """Return an order by our id.

        Raises:
            Rejected: the venue never listed this instrument.
            UnknownOrder: the id was never prepared for this instrument, or the venue has no order with it: not by
                its id, not among open ones, not in the history since it was prepared.
            BadResponse: it may still come; or the answers contradict each other for now.
        """
        numbers, reserved = listing.numbers(instrument), await self._names.reserved(name)
        if reserved is None or reserved.contract_id not in numbers:
            raise self._unknown(name, "it was never prepared for this instrument, so it was never sent")
        row = await self._by_client_id(reserved) or await self._listed(reserved)
        if row is None:
            if self._names.may_come(name, reserved):
                raise self._doubt(f"order {name} is not at the venue, and its request is not void yet", "may_come")
            raise self._unknown(name, "the venue has no such order since it was prepared")
        with reading(self._context.name, f"order {name}"):
            if str(row["contractId"]) != reserved.contract_id or await self._names.of(row) != name:
                raise ValueError("it is another order")
            return order_of(instrument, name, row)

    async def _by_client_id(self, reserved: Reserved) -> Row | None:
        params = {"clientOrderIdList": reserved.client_id}
        try:
            data = await self._rest.read("/api/v2/private/order/getOrderByClientOrderId", params)
        except Rejected as error:
            if error.code == NOT_FOUND:
                return None
            raise
        with reading(self._context.name, f"order {reserved.client_id}"):
            return next((row for row in rows_of(data) if row.get("clientOrderId") == reserved.client_id), None)

    async def _listed(self, reserved: Reserved) -> Row | None:
        since_ns = max(0, reserved.since_ns - _CLOCKS_NS)
        params = {
            "filterContractIdList": reserved.contract_id,
            "filterStartCreatedTimeInclusive": milliseconds(since_ns),
        }
        for path, size in (
            ("/api/v2/private/order/getActiveOrderPage", OPEN_PAGE),
            ("/api/v2/private/order/getHistoryOrderPage", 100),
        ):
            async for rows in pages(self._context, self._rest, path, params, size=size, most=_MOST_PAGES):
                for row in rows:
                    if row.get("clientOrderId") == reserved.client_id:
                        return row
        return None

    def _unknown(self, name: ClientOrderId, why: str) -> UnknownOrder:
        return UnknownOrder(f"order {name}: {why}", exchange=self._context.name, code="unknown_order")

    def _doubt(self, text: str, code: str) -> BadResponse:
        return BadResponse(text, exchange=self._context.name, code=code)
