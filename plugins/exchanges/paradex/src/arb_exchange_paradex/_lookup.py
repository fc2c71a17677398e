"""One order over its whole life. Paradex's own calls know an order only while it is at work; then its history does."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from arb.api import BadResponse, Context, Rejected, UnknownOrder
from arb.model import MILLISECOND_NS, SECOND_NS, ClientOrderId, ExchangeOrderId, Instrument, InstrumentId, Order
from arb.net import Row, SentIds, reading, whole

from ._errors import BY_CLIENT_ID, BY_ORDER_ID, NOT_RESTING
from ._orders import CLOSED, NEW, is_unknown_end, order_of, state_of
from ._pages import all_rows
from ._rest import Params, VenueRest

_CLOCKS_NS: Final = 10 * SECOND_NS
"""How far the venue's clock may have been behind what was known of it when the order was prepared."""

_AGAIN_NS: Final = 200 * MILLISECOND_NS
_LOOKS: Final = 5
_MOST_ENDS: Final = 100
"""Unknown reasons that are logged and remembered; the venue has a few dozen."""


class OrderLookup:
    """Finds an order: at work, in the history, in the fills; only all three together prove absence."""

    def __init__(self, context: Context, rest: VenueRest, sent: SentIds) -> None:
        self._context = context
        self._clock = context.clock
        self._rest = rest
        self._sent = sent
        self._unknown_ends: set[str] = set()

    async def find(self, instrument: Instrument, name: ClientOrderId) -> Order:
        """Return an order by our id.

        Raises:
            UnknownOrder: the venue lists every order and every fill with it, and has none.
            BadResponse: the venue has not looked at it yet, or what it lists contradicts itself for now.
        """
        for look in range(_LOOKS):
            if look:
                await self._clock.sleep_until(self._clock.now_ns() + _AGAIN_NS)
            row = await self.resting(instrument, name)
            if row is None:
                row = await self.past(instrument, name)
                if row is None:
                    await self._require_no_fill(instrument, name)
                    raise self._unknown(name)
                with reading(self._context.name, f"order {name}"):
                    is_over, known = state_of(row) == CLOSED, ExchangeOrderId(row["id"])
                # Else the history is behind, or the order waits for the venue's checks.
                row = row if is_over else await self.at_work(known)
            if row is not None:
                with reading(self._context.name, f"order {name}"):
                    if state_of(row) != NEW:
                        return self.order(instrument.id, row)
        text = f"order {name} is at the venue, which has not said yet what becomes of it"
        raise BadResponse(text, exchange=self._context.name, code="queued")

    def order(self, instrument: InstrumentId, row: Row) -> Order:
        """Read an order as :func:`order_of` does, and log each reason for an end that is not known, once."""
        order = order_of(instrument, row)
        if is_unknown_end(order) and order.reason not in self._unknown_ends and len(self._unknown_ends) < _MOST_ENDS:
            self._unknown_ends.add(order.reason)
            self._context.log.warning(
                "order %s ended for a reason that is not known, and passes for cancelled: %.200s",
                order.request.client_order_id,
                order.reason,
            )
        return order

    async def resting(self, instrument: Instrument, name: ClientOrderId, *, urgent: bool = False) -> Row | None:
        """Return the row of an order that rests; None where none with this id does."""
        path = f"/orders/by_client_id/{quote(name, safe='')}"
        return await self._known(path, BY_CLIENT_ID, instrument, name, urgent=urgent)

    async def at_work(self, order_id: ExchangeOrderId, *, urgent: bool = False) -> Row | None:
        """Return the row of an order that rests or waits for the venue's checks, by the venue's id."""
        return await self._known(f"/orders/{quote(order_id, safe='')}", BY_ORDER_ID, urgent=urgent)

    async def past(self, instrument: Instrument, name: ClientOrderId, *, urgent: bool = False) -> Row | None:
        """Return the row of the history; the latest where an id was used twice by others."""
        params = {"client_id": name, "market": instrument.symbol}
        rows = await all_rows(self._context, self._rest, "/orders-history", params, urgent=urgent)
        with reading(self._context.name, "the order history"):
            mine = [row for row in rows if row["client_id"] == name and row["market"] == instrument.symbol]
            return max(mine, key=lambda row: (whole(row["created_at"]), whole(row.get("seq_no") or 0)), default=None)

    async def _known(
        self,
        path: str,
        missing: str,
        instrument: Instrument | None = None,
        name: ClientOrderId | None = None,
        *,
        urgent: bool,
    ) -> Row | None:
        try:
            row = await self._rest.read(path, urgent=urgent)
        except Rejected as error:
            if error.code == missing or error.code in NOT_RESTING:
                return None
            raise
        with reading(self._context.name, "an order"):
            state_of(row)
            if name is not None and row["client_id"] != name:
                raise ValueError("it is another order")
            if instrument is not None and row["market"] != instrument.symbol:
                return None
            found: Row = row
            return found

    async def _require_no_fill(self, instrument: Instrument, name: ClientOrderId) -> None:
        reserved = await self._sent.reserved(name)
        if reserved is None:
            return
        since_ns = max(0, reserved.since_ns - _CLOCKS_NS)
        params: Params = {"market": instrument.symbol, "start_at": since_ns // MILLISECOND_NS}
        rows = await all_rows(self._context, self._rest, "/fills", params)
        with reading(self._context.name, "the fills"):
            if any(row.get("client_id") == name for row in rows):
                text = f"order {name} has fills and is not in the history yet: ask again"
                raise BadResponse(text, exchange=self._context.name, code="history_lags")

    def _unknown(self, name: ClientOrderId) -> UnknownOrder:
        text = f"order {name}: {BY_CLIENT_ID}, and the history and the fills have none either"
        return UnknownOrder(text, exchange=self._context.name, code=BY_CLIENT_ID)
