"""Placing and cancelling orders on Backpack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from arb.api import (
    BadResponse,
    Context,
    PreparedOrder,
    Rejected,
    UnknownOrder,
    WouldCross,
)
from arb.model import ClientOrderId, InstrumentId, Order, OrderRequest, OrderStatus
from arb.net import decoded, reading, rounded_order, rows_of, text

from ._catalog import Catalog
from ._errors import CROSSED
from ._markets import required
from ._names import OrderNames
from ._orders import client_number, order_of, payload_of
from ._rest import VenueRest
from ._signing import Params

_ACCEPTED: Final = 202
"""The venue has the request and will work on it; such an answer has no body."""


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """What of an order leaves; its text shows no signature."""

    number: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"SignedOrder({self.number})"


class OrderDesk:
    """Rounds, checks and signs orders, sends them, and takes them back."""

    def __init__(self, context: Context, rest: VenueRest, catalog: Catalog, names: OrderNames) -> None:
        self._context = context
        self._rest = rest
        self._catalog = catalog
        self._names = names

    async def prepare(self, request: OrderRequest) -> PreparedOrder:
        """Round, check and sign; nothing is sent. The signature holds for the window from now on.

        Raises:
            Rejected: the order breaks a rule of the instrument, or its id may have been used.
        """
        listed = await self._catalog.instrument(request.instrument)
        rounded = rounded_order(request, listed)
        await self._rest.ready_to_sign()
        number = await self._names.reserve(request.client_order_id, self._rest.time.not_before_ns())
        body = payload_of(rounded, listed.symbol, number)
        headers, expires_ns = self._rest.sign("orderExecute", body)
        signed = SignedOrder(number, headers, json.dumps(body, separators=(",", ":")).encode())
        return PreparedOrder(request=rounded, payload=signed, expires_ns=expires_ns)

    async def send(self, prepared: PreparedOrder) -> Order:
        """Send and return the order after matching: the venue answers when it has matched.

        Raises:
            NotSent, Rejected: certain, there is no such order.
            OutcomeUnknown, BadResponse: the venue may have it.
        """
        signed, request = prepared.payload, prepared.request
        if not isinstance(signed, SignedOrder):
            raise self._refused(f"order {request.client_order_id} was prepared by somebody else", "not_prepared")
        self._rest.require_valid(prepared.expires_ns)
        self._names.claim(signed.number, request.client_order_id)
        response = await self._rest.write_signed(
            "/api/v1/order", signed.headers, signed.body, expires_ns=prepared.expires_ns
        )
        with reading(self._context.name, f"the answer to order {request.client_order_id}"):
            row = decoded(response.body, self._context.name)
            told = required(self._context.name, row["symbol"])
            if client_number(row.get("clientId")) not in (None, signed.number):
                raise ValueError("it is another order's")
            order = order_of(told, request.client_order_id, row)
        placed = self._placed(request, order)
        self._names.saw(signed.number, placed)
        return placed

    async def cancel(self, instrument: InstrumentId, name: ClientOrderId) -> None:
        """Ask for cancellation. The venue answers 200 when it is done and 202 when it will be: both are taken.

        Raises:
            UnknownOrder: the id was never prepared, so it was never sent.
            Rejected: no order with this id rests now; it is final, or it did not come.
        """
        listed = await self._catalog.instrument(instrument)
        number = await self._names.number_of(name)
        if number is None:
            text_ = f"order {name} was never prepared, so it was never sent"
            raise UnknownOrder(text_, exchange=self._context.name, code="unknown_order")
        body: Params = {"symbol": listed.symbol, "clientId": number}
        response = await self._rest.write("DELETE", "/api/v1/order", "orderCancel", body)
        if response.status != _ACCEPTED:
            with reading(self._context.name, f"the answer to the cancellation of {name}"):
                text(decoded(response.body, self._context.name)["id"])

    async def cancel_symbol(self, symbol: str) -> None:
        """Cancel every resting order of one market: the venue cancels them market by market."""
        response = await self._rest.write("DELETE", "/api/v1/orders", "orderCancelAll", {"symbol": symbol})
        if response.status != _ACCEPTED:
            with reading(self._context.name, f"the answer to the cancellation of all orders of {symbol}"):
                rows_of(decoded(response.body, self._context.name))

    async def resting_symbols(self) -> list[str]:
        """Return the perpetual futures in which orders rest."""
        answer = await self._rest.read("/api/v1/orders", "orderQueryAll", {"marketType": "PERP"}, urgent=True)
        with reading(self._context.name, "open orders"):
            return sorted({text(row["symbol"]) for row in rows_of(answer)})

    def _placed(self, request: OrderRequest, order: Order) -> Order:
        """Return what became of an order, in our own words for what was asked; raises WouldCross."""
        asked, told = request, order.request
        if (told.instrument, told.side) != (asked.instrument, asked.side) or order.filled_quantity > asked.quantity:
            raise BadResponse(
                f"order {asked.client_order_id} came back as another one", exchange=self._context.name, code="mixed_up"
            )
        is_crossed = order.status is OrderStatus.EXPIRED and order.reason in CROSSED
        if asked.post_only and is_crossed and not order.filled_quantity:
            text_ = f"order {asked.client_order_id}: post-only at {asked.price} would have traded"
            raise WouldCross(text_, exchange=self._context.name, code=order.reason)
        return replace(order, request=request)

    def _refused(self, text_: str, code: str) -> Rejected:
        return Rejected(text_, exchange=self._context.name, code=code)
