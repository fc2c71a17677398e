"""Placing and cancelling orders on EdgeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from arb.api import (
    BadResponse,
    Context,
    ExchangeError,
    InsufficientMargin,
    NotSent,
    OutcomeUnknown,
    PreparedOrder,
    Rejected,
    UnknownOrder,
    WouldCross,
)
from arb.model import (
    MILLISECOND_NS,
    SECOND_NS,
    ClientOrderId,
    InstrumentId,
    Order,
    OrderRequest,
    OrderStatus,
    TimeInForce,
)
from arb.net import FirstContact, Row, reading, rounded_order, row_of, rows_of, text

from ._catalog import Catalog
from ._errors import CANCELLED, GONE
from ._names import OrderNames
from ._orders import NO_MARGIN, NOT_FILLED, NOT_REDUCED, PENDING, order_body, order_of, terms_of
from ._rest import WINDOW_NS, SignedBody, VenueRest
from ._settings import EdgexSettings
from ._signing import TypedSigner

ID_LENGTH: Final = 32
_MS: Final = MILLISECOND_NS
_LOOKS_NS: Final = (0, 50 * _MS, 100 * _MS, 200 * _MS, 400 * _MS, 700 * _MS, 700 * _MS)
"""Waits before each look at what became of an order: the venue answers with its id alone."""

_LOOKED_NS: Final = 2_400 * _MS
"""How long after its sending an order is looked at last: execution waits three seconds for an answer by default."""

_SLACK_NS: Final = 5 * SECOND_NS
_REFUSED: Final[Mapping[str, type[Rejected]]] = {NO_MARGIN: InsufficientMargin, NOT_REDUCED: Rejected}
"""Why the venue ends an order at once that it had taken: as good as never taken."""


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """What of an order leaves; its text shows no signature."""

    signed: SignedBody

    def __repr__(self) -> str:
        return "SignedOrder()"


class OrderDesk:
    """Rounds, checks and signs orders, sends them, sees what became of them, and takes them back."""

    def __init__(
        self,
        context: Context,
        settings: EdgexSettings,
        rest: VenueRest,
        catalog: Catalog,
        names: OrderNames,
        signer: TypedSigner,
        contact: FirstContact,
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._settings = settings
        self._rest = rest
        self._catalog = catalog
        self._names = names
        self._signer = signer
        self._contact = contact

    async def prepare(self, request: OrderRequest) -> PreparedOrder:
        """Round, check and sign; nothing is sent.

        An order that does not rest ends with its signature, after `order_validity`. One that rests needs a longer
        life: what keeps it from coming late is the time of its request, within a minute of which it is taken.

        Raises:
            Rejected: the order breaks a rule of the instrument, or its id may have been used.
            NotSent, OutcomeUnknown, BadResponse: what an order is signed by could not be learnt.
        """
        await self._contact.before_trading()
        listing = await self._catalog.listing()
        market = listing.market(request.instrument)
        name = request.client_order_id
        if not 0 < len(name) <= ID_LENGTH or not name.isascii():
            why = f"order {name}: its id has to have 1 to {ID_LENGTH} characters of ASCII"
            raise self._refused(why, "client_order_id")
        rounded = rounded_order(request, market.instrument)
        await self._rest.time.required()
        rests = rounded.time_in_force is TimeInForce.GTC
        offset_ns, venue_ns = self._rest.time.offset_ns, self._rest.time.now_ns()
        life_ns = self._settings.resting_life if rests else self._settings.order_validity
        expires_ns = -(-(venue_ns + life_ns) // SECOND_NS) * SECOND_NS
        until_ns = venue_ns + WINDOW_NS + _SLACK_NS if rests else expires_ns
        reserved = await self._names.reserve(request.client_order_id, market.contract_id, until_ns)
        terms = terms_of(rounded, reserved.client_id, expires_ns // MILLISECOND_NS)
        body = order_body(market, listing.chain, self._rest.account_id, self._signer, terms)
        signed = self._rest.signed("/api/v2/private/order/createOrder", body)
        # The request's own time is too old a little later than this.
        window_ns = signed.timestamp_ms * MILLISECOND_NS + WINDOW_NS - _SLACK_NS - offset_ns
        return PreparedOrder(
            request=rounded,
            payload=SignedOrder(signed),
            expires_ns=window_ns if rests else min(window_ns, expires_ns - offset_ns),
        )

    async def send(self, prepared: PreparedOrder) -> Order:
        """Send and return the order as the venue has it after matching.

        Raises:
            NotSent, Rejected: certain, there is no such order, or it ended unfilled at once.
            OutcomeUnknown, BadResponse: the venue may have it.
        """
        payload, request = prepared.payload, prepared.request
        name = request.client_order_id
        if not isinstance(payload, SignedOrder):
            raise self._refused(f"order {name} was prepared by somebody else", "not_prepared")
        self._require_valid(prepared.expires_ns)
        self._names.claim(name)
        until_ns = self._clock.now_ns() + _LOOKED_NS

        def still_valid() -> SignedBody:
            self._require_valid(prepared.expires_ns)
            return payload.signed

        try:
            data = await self._rest.write_signed(still_valid)
        except (Rejected, NotSent):
            self._names.refused(name)
            raise
        with reading(self._context.name, f"the answer to order {name}"):
            order_id = text(row_of(data)["orderId"])
        self._names.was_answered(order_id, name)
        row = await self._settled(request, order_id, until_ns)
        return self._placed(request, await self._read(request, row))

    async def cancel(self, instrument: InstrumentId, name: ClientOrderId) -> None:
        """Ask for cancellation by our id.

        Raises:
            UnknownOrder: the id was never prepared, or for another instrument.
            Rejected: no order with this id is at work now; it is final, or it did not come.
        """
        numbers = (await self._catalog.listing()).numbers(instrument)
        reserved = await self._names.reserved(name)
        if reserved is None or reserved.contract_id not in numbers:
            raise self._unknown(f"order {name} was never prepared for {instrument}, so it was never sent")
        body = {"accountId": self._rest.account_id, "clientOrderIdList": [reserved.client_id]}
        data = await self._rest.write("/api/v2/private/order/cancelOrderByClientOrderId", body)
        with reading(self._context.name, f"the answer to the cancellation of {name}"):
            (result,) = row_of(row_of(data)["cancelResultMap"]).values()
            self._require_cancelled(text(result), f"order {name}")

    async def cancel_all(self, contract_ids: Sequence[str] | None) -> None:
        """Cancel every order, of some contracts or of the account, those that wait for a trigger price among them.

        Raises:
            ExchangeError: the first; each contract was tried. BadResponse where the venue says of an order that it
                could not.
        """
        errors = []
        # One by one: a contract that is over, and is refused for it, is no reason to leave orders in another.
        for wanted in [{}] if contract_ids is None else [{"filterContractIdList": [each]} for each in contract_ids]:
            try:
                await self._cancel_these(wanted)
            except ExchangeError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    async def _cancel_these(self, wanted: Mapping[str, Any]) -> None:
        body = {"accountId": self._rest.account_id, **wanted}
        data = await self._rest.write("/api/v2/private/order/cancelAllOrder", body)
        with reading(self._context.name, "the answer to the cancellation of all orders"):
            results = [text(each) for each in row_of(row_of(data)["cancelResultMap"]).values()]
        failed = [each for each in results if each not in CANCELLED | GONE]
        if failed:
            text_ = f"{len(failed)} of {len(results)} orders were not cancelled"
            raise BadResponse(text_, exchange=self._context.name, code="not_cancelled")

    def _require_cancelled(self, result: str, what: str) -> None:
        if result in GONE:
            raise self._refused(f"{what} is not at work: {result}", result)
        if result not in CANCELLED:
            text_ = f"{what}: the cancellation says neither yes nor no"
            raise BadResponse(text_, exchange=self._context.name, code="no_cancel_result")

    async def _settled(self, request: OrderRequest, order_id: str, until_ns: int) -> Row:
        """Return an order that the venue has taken, as soon as it is matched; as it is then where that takes long.

        No look but the first begins after `until_ns`.
        """
        name, last = request.client_order_id, None
        for wait_ns in _LOOKS_NS:
            if wait_ns:
                look_ns = self._clock.now_ns() + wait_ns
                if look_ns > until_ns:
                    break
                await self._clock.sleep_until(look_ns)
            try:
                data = await self._rest.read(
                    "/api/v2/private/order/getOrderById", {"orderIdList": order_id}, urgent=True
                )
            except ExchangeError as error:
                text_ = f"order {name} was taken, and what became of it could not be read: {error}"
                raise OutcomeUnknown(text_, exchange=self._context.name, code=error.code) from error
            with reading(self._context.name, f"order {name}"):
                rows = [row for row in rows_of(data) if row.get("id") == order_id]
                if rows:
                    last = rows[0]
                    order = await self._read(request, last)
                    rests = request.time_in_force is TimeInForce.GTC
                    is_matched = last["status"] != PENDING if rests else order.status.is_final
                    if is_matched or order.status.is_final:
                        return last
        if last is None:
            text_ = f"order {name} was taken, and the venue does not list it yet"
            raise OutcomeUnknown(text_, exchange=self._context.name, code="not_listed")
        return last

    async def _read(self, request: OrderRequest, row: Row) -> Order:
        with reading(self._context.name, f"order {request.client_order_id}"):
            instrument = (await self._catalog.listing()).contract(row["contractId"]).id
            if await self._names.of(row) != request.client_order_id:
                raise ValueError("it is another order's")
            return order_of(instrument, request.client_order_id, row)

    def _placed(self, request: OrderRequest, order: Order) -> Order:
        """Return what became of an order, in our own words for what was asked; raises Rejected."""
        told, name = order.request, request.client_order_id
        if (told.instrument, told.side) != (
            request.instrument,
            request.side,
        ) or order.filled_quantity > request.quantity:
            text_ = f"order {name} came back as another one"
            raise BadResponse(text_, exchange=self._context.name, code="mixed_up")
        if order.status.is_final and not order.filled_quantity:
            if request.post_only and order.reason == NOT_FILLED:
                text_ = f"order {name}: post-only at {request.price} would have traded"
                raise WouldCross(text_, exchange=self._context.name, code=order.reason)
            kind = _REFUSED.get(order.reason)
            if kind is not None and order.status is OrderStatus.CANCELLED:
                text_ = f"order {name} was taken and ended at once, unfilled: {order.reason}"
                raise kind(text_, exchange=self._context.name, code=order.reason)
        return replace(order, request=request)

    def _require_valid(self, expires_ns: int | None) -> None:
        if expires_ns is not None and expires_ns <= self._clock.now_ns():
            raise NotSent("not sent: its signature has expired", exchange=self._context.name, code="expired")

    def _refused(self, text_: str, code: str) -> Rejected:
        return Rejected(text_, exchange=self._context.name, code=code)

    def _unknown(self, text_: str) -> UnknownOrder:
        return UnknownOrder(text_, exchange=self._context.name, code="unknown_order")
