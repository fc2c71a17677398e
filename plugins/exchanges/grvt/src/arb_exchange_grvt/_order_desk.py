"""Placing and cancelling orders on GRVT."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from arb.api import (
    BadResponse,
    Context,
    PreparedOrder,
    Rejected,
    UnknownOrder,
)
from arb.model import ClientOrderId, InstrumentId, Order, OrderRequest, OrderStatus, TimeInForce
from arb.net import FirstContact, Row, reading, rounded_order, whole

from ._catalog import Catalog
from ._lookup import OrderLookup
from ._markets import PERPETUAL, required
from ._names import OrderNames
from ._orders import client_id_of, order_of, payload_of, refusal_of, symbol_of, terms_of
from ._reports import OrderReports
from ._rest import Pace, VenueRest, encoded
from ._settings import GrvtSettings
from ._signing import Signer

_NONCES: Final = 1 << 32
_WISH_MS: Final = "5000"
"""How long the venue keeps a cancel whose order is not there yet: the longest it takes. Left out it is 100."""


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """What of an order leaves; its text shows no signature."""

    number: int
    symbol: str
    body: bytes

    def __repr__(self) -> str:
        return f"SignedOrder({self.number})"


class OrderDesk:
    """Rounds, checks and signs orders, sends them, and takes them back."""

    def __init__(
        self,
        context: Context,
        settings: GrvtSettings,
        *,
        rest: VenueRest,
        catalog: Catalog,
        names: OrderNames,
        signer: Signer,
        reports: OrderReports,
        lookup: OrderLookup,
        contact: FirstContact,
    ) -> None:
        """Send nothing yet; `contact` is required before an order."""
        assert settings.sub_account_id is not None, "an account without a number"
        self._context = context
        self._settings = settings
        self._sub_account_id = settings.sub_account_id
        self._rest = rest
        self._catalog = catalog
        self._names = names
        self._signer = signer
        self._reports = reports
        self._lookup = lookup
        self._contact = contact

    async def prepare(self, request: OrderRequest) -> PreparedOrder:
        """Round, check and sign; nothing of the order is sent. The signature holds for its validity from now on.

        Raises:
            Rejected: the order breaks a rule of the instrument, or its id may have been used.
            NotSent: nothing is known of the venue's time.
        """
        await self._contact.before_trading()
        market = await self._catalog.market(request.instrument)
        rounded = rounded_order(request, market.instrument)
        await self._rest.time.required()
        symbol = market.instrument.symbol
        number = await self._names.reserve(request.client_order_id, symbol, self._rest.time.not_before_ns())
        terms = terms_of(rounded, market)
        expiration_ns = self._rest.time.now_ns() + self._settings.order_validity
        signature = self._signer.order(terms, nonce=self.nonce(number), expiration_ns=expiration_ns)
        body = payload_of(terms, symbol, self._sub_account_id, number, signature)
        return PreparedOrder(
            request=rounded,
            payload=SignedOrder(number, symbol, encoded(body)),
            expires_ns=expiration_ns - self._rest.time.offset_ns,
        )

    async def send(self, prepared: PreparedOrder) -> Order:
        """Send an order and return what became of it.

        The venue answers when it has taken the order for matching, with neither an id nor an outcome; these are
        waited for, two seconds at most.

        Raises:
            NotSent, Rejected: certain, there is no such order.
            OutcomeUnknown, BadResponse: the venue may have it.
        """
        signed, request = prepared.payload, prepared.request
        if not isinstance(signed, SignedOrder):
            raise self._refused(f"order {request.client_order_id} was prepared by somebody else", "not_prepared")
        self._rest.require_valid(prepared.expires_ns)
        await self._rest.cookie()
        self._names.claim(signed.number, request.client_order_id)
        with self._reports.awaited(signed.number):
            answer = await self._rest.write(
                "/full/v1/create_order", signed.body, pace=Pace.CREATE, expires_ns=prepared.expires_ns
            )
            what = f"the answer to order {request.client_order_id}"
            with reading(self._context.name, what):
                self._read(answer["result"], signed, request)

            async def ask() -> Row | None:
                return await self._lookup.row(signed.number, urgent=True)

            with reading(self._context.name, what):
                rests = request.time_in_force is TimeInForce.GTC
                row = await self._reports.settled(signed.number, answer["result"], ask, rests=rests)
                order = self._read(row, signed, request)
        refusal = refusal_of(order, self._context.name)
        if refusal is not None:
            raise refusal
        if order.status is OrderStatus.REJECTED:
            why = f"order {request.client_order_id} is refused for {order.reason!r}, which is not known"
            raise BadResponse(why, exchange=self._context.name, code=order.reason or "rejected")
        self._names.saw(signed.number, order)
        return order

    async def cancel(self, instrument: InstrumentId, name: ClientOrderId) -> None:
        """Ask for cancellation; the venue acknowledges the wish, and whether an order was there a read tells.

        It keeps the wish for as long as it can, for an order that is on its way.

        Raises:
            UnknownOrder: the id was never prepared for this instrument, so it was never sent.
        """
        symbol = (await self._catalog.market(instrument)).instrument.symbol
        number = await self._names.number_of(name, symbol)
        if number is None:
            why = f"order {name} of {instrument} was never prepared, so it was never sent"
            raise UnknownOrder(why, exchange=self._context.name, code="unknown_order")
        body = {"sub_account_id": self._sub_account_id, "client_order_id": str(number), "time_to_live_ms": _WISH_MS}
        answer = await self._rest.write("/full/v1/cancel_order", body, pace=Pace.CANCEL)
        self.require_ack(answer, f"the cancellation of {name}")

    async def cancel_all(self, instrument: InstrumentId | None) -> None:
        """Cancel every resting order, of one market or of all perpetual futures."""
        body: dict[str, Any] = {"sub_account_id": self._sub_account_id, "kind": [PERPETUAL]}
        if instrument is not None:
            market = await self._catalog.market(instrument)
            body |= {"base": [market.base], "quote": [market.instrument.quote]}
        answer = await self._rest.write("/full/v1/cancel_all_orders", body, pace=Pace.CANCEL_ALL)
        self.require_ack(answer, "the cancellation of all orders")

    def nonce(self, number: int = 0) -> int:
        """Return a nonce for one signature: the venue drops a payload that comes again with the same one.

        The client id is not part of what is signed, so it is mixed in: two orders of the same terms and moment
        differ even where chance repeats itself.
        """
        return self._context.random.randrange(_NONCES) ^ number % _NONCES

    def require_ack(self, answer: Any, what: str) -> None:
        """Raise BadResponse for an answer that does not acknowledge; the venue writes true as a text, too."""
        with reading(self._context.name, f"the answer to {what}"):
            if answer["result"]["ack"] not in (True, "true"):
                raise ValueError("it is not acknowledged")

    def _read(self, row: Row, signed: SignedOrder, request: OrderRequest) -> Order:
        """Return an order in our own words for what was asked; raises ValueError for one that is another."""
        told = order_of(required(self._context.name, symbol_of(row)), request.client_order_id, row)
        if whole(client_id_of(row)) != signed.number or told.filled_quantity > request.quantity:
            raise ValueError("it is another order")
        if (told.request.instrument, told.request.side) != (request.instrument, request.side):
            raise ValueError("it is another order")
        return replace(told, request=request)

    def _refused(self, why: str, code: str) -> Rejected:
        return Rejected(why, exchange=self._context.name, code=code)
