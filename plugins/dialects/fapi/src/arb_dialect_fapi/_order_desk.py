"""Placing and cancelling orders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from arb.api import (
    BadResponse,
    Context,
    ExchangeError,
    NotSent,
    PreparedOrder,
    Rejected,
    WouldCross,
)
from arb.model import ClientOrderId, InstrumentId, Order, OrderRequest, OrderStatus, TimeInForce
from arb.net import reading, rounded_order, row_of, rows_of, text

from ._catalog import Catalog
from ._dialect import Dialect
from ._errors import UNKNOWN_TO_VENUE
from ._lookup import OrderLookup
from ._names import OrderNames
from ._orders import CLIENT_ID, CLIENT_ID_LENGTH, fields_of, order_of
from ._rest import Signed, VenueRest
from ._switch import CountdownSwitch
from ._symbols_used import UsedSymbols

_DONE = ("200", 200)


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """What of an order leaves; its text shows no signature."""

    symbol: str
    signed: Signed


class OrderDesk:
    """Rounds, checks and signs orders, sends them, and takes them back."""

    def __init__(
        self,
        context: Context,
        dialect: Dialect,
        rest: VenueRest,
        catalog: Catalog,
        names: OrderNames,
        lookup: OrderLookup,
        used: UsedSymbols,
        switch: CountdownSwitch,
    ) -> None:
        self._context = context
        self._dialect = dialect
        self._rest = rest
        self._catalog = catalog
        self._names = names
        self._lookup = lookup
        self._used = used
        self._switch = switch

    async def prepare(self, request: OrderRequest) -> PreparedOrder:
        """Round, check and sign; nothing is sent.

        Raises:
            Rejected: the order breaks a rule of the instrument, or its id may have been used.
        """
        listed = await self._catalog.instrument(request.instrument)
        if CLIENT_ID.fullmatch(request.client_order_id) is None:
            why = f"order {request.client_order_id}: an id has 1 to {CLIENT_ID_LENGTH} letters, digits and .:/_-"
            raise self._refused(why, "client_order_id")
        rounded = rounded_order(request, listed)
        await self._rest.time.required()
        await self._names.sent.reserve(request.client_order_id, self._rest.time.not_before_ns())
        await self._used.touch({listed.symbol: self._rest.time.now_ns()})
        signed = await self._rest.sign(fields_of(rounded, listed.symbol, self._dialect.order_fields))
        payload = SignedOrder(listed.symbol, signed)
        return PreparedOrder(request=rounded, payload=payload, expires_ns=signed.expires_ns)

    async def send(self, prepared: PreparedOrder) -> Order:
        """Send and return the order as the venue reports it.

        Raises:
            NotSent, Rejected: certain, there is no such order.
            OutcomeUnknown, BadResponse: the venue may have it.
        """
        payload, request = prepared.payload, prepared.request
        if not isinstance(payload, SignedOrder):
            raise self._refused(f"order {request.client_order_id} was prepared by somebody else", "not_prepared")
        self._rest.require_valid(payload.signed)
        if request.time_in_force is TimeInForce.GTC:
            await self._cover(payload.symbol)
        self._names.sent.claim(request.client_order_id)
        answer = await self._rest.place(payload.signed)
        with reading(self._context.name, f"the answer to order {request.client_order_id}"):
            if text(answer["symbol"]) != payload.symbol:
                raise ValueError(f"it is in {answer['symbol']}")
            order = order_of(request.instrument, row_of(answer))
        placed = self._placed(request, order)
        self._names.saw(placed.exchange_order_id, request.client_order_id)
        return await self._with_average(placed)

    async def cancel(self, instrument: InstrumentId, name: ClientOrderId) -> None:
        """Ask for cancellation.

        Raises:
            UnknownOrder: the venue has no order with this id.
            Rejected: the order is final.
        """
        listed = await self._catalog.instrument(instrument)
        if CLIENT_ID.fullmatch(name) is None:
            await self._lookup.find(listed, name)
        params = {"symbol": listed.symbol, "origClientOrderId": str(name)}
        try:
            answer = await self._rest.write("DELETE", self._dialect.endpoints.cancel, params)
        except Rejected as error:
            if error.code not in UNKNOWN_TO_VENUE:
                raise
            found = await self._lookup.find(listed, name)
            if not found.status.is_final:
                why = f"order {name} is {found.status}, and the venue knows none to cancel: ask again"
                raise BadResponse(why, exchange=self._context.name, code=error.code) from error
            raise self._refused(f"order {name} is {found.status} ({error})", error.code) from error
        with reading(self._context.name, f"the answer to the cancellation of {name}"):
            if text(answer["clientOrderId"]) != name:
                raise ValueError("another order was cancelled")

    async def cancel_symbol(self, symbol: str) -> None:
        """Cancel every resting order of one symbol: the venue cancels them symbol by symbol."""
        answer = await self._rest.write("DELETE", self._dialect.endpoints.cancel_all, {"symbol": symbol})
        with reading(self._context.name, f"the answer to the cancellation of all orders of {symbol}"):
            if answer["code"] not in _DONE:
                raise ValueError(f"code {answer['code']!r}")

    async def resting_rows(self, *, urgent: bool = False) -> list[Any]:
        """Return the rows of open orders of all symbols."""
        answer = await self._rest.read(self._dialect.endpoints.open_orders, urgent=urgent)
        with reading(self._context.name, "open orders"):
            return list(rows_of(answer))

    async def resting_symbols(self) -> list[str]:
        """Return the symbols in which orders rest."""
        rows = await self.resting_rows(urgent=True)
        with reading(self._context.name, "open orders"):
            return sorted({text(row["symbol"]) for row in rows})

    async def _cover(self, symbol: str) -> None:
        """Have a countdown for what will rest; whatever became of the call, the order itself has not left."""
        try:
            await self._switch.cover(symbol)
        except ExchangeError as error:
            why = f"not sent: {symbol} has no countdown for what would rest: {error}"
            raise NotSent(why, exchange=self._context.name, code=error.code) from error

    def _placed(self, request: OrderRequest, order: Order) -> Order:
        """Return what became of an order, in our own words for what was asked; raises WouldCross."""
        told = order.request
        if (told.client_order_id, told.side) != (request.client_order_id, request.side) or (
            order.filled_quantity > request.quantity
        ):
            raise BadResponse(
                f"order {request.client_order_id} came back as another one",
                exchange=self._context.name,
                code="mixed_up",
            )
        if request.post_only and order.status is OrderStatus.EXPIRED and not order.filled_quantity:
            why = f"order {request.client_order_id}: post-only at {request.price} would have traded"
            raise WouldCross(why, exchange=self._context.name, code="EXPIRED")
        return replace(order, request=request)

    async def _with_average(self, placed: Order) -> Order:
        """Return an order with its average price: answers to new orders may leave it out."""
        order_id = placed.exchange_order_id
        if placed.average_price is not None or not placed.filled_quantity or order_id is None:
            return placed
        listed = await self._catalog.instrument(placed.request.instrument)
        try:
            found = await self._lookup.by_number(listed, order_id)
        except ExchangeError as error:
            # It is at the venue, and filled: only at what price is not known. A later read tells.
            why = f"order {placed.request.client_order_id} is filled and its price is not known yet: {error}"
            raise BadResponse(why, exchange=self._context.name, code="no_price") from error
        return self._placed(placed.request, found)

    def _refused(self, why: str, code: str) -> Rejected:
        return Rejected(why, exchange=self._context.name, code=code)
