"""Placing and cancelling orders on Paradex."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

from arb.api import (
    Context,
    ExchangeError,
    HttpResponse,
    NotSent,
    OutcomeUnknown,
    PreparedOrder,
    Rejected,
    UnknownOrder,
)
from arb.model import (
    MILLISECOND_NS,
    SECOND_NS,
    ClientOrderId,
    ExchangeOrderId,
    InstrumentId,
    Order,
    OrderRequest,
    TimeInForce,
)
from arb.net import FirstContact, Row, SentIds, decoded, reading, rounded_order, text

from ._catalog import Catalog
from ._errors import BY_CLIENT_ID
from ._lookup import OrderLookup
from ._orders import CLOSED, LIMIT, OPEN, payload_of, rejection_of, state_of
from ._reports import OrderReports
from ._rest import VenueRest
from ._signing import Signer, order_message
from ._waiting import within

ID_LENGTH: Final = 64
"""Characters of an id (AsyncAPI of the venue)."""

_PATIENCE_NS: Final = 5 * SECOND_NS
"""How long the outcome of an order that was accepted is waited for; the venue's checks take milliseconds."""

_REPORT_NS: Final = SECOND_NS // 2
"""How long a report of the account's socket is waited for before the venue is asked."""

_FIRST_LOOK_NS: Final = 20 * MILLISECOND_NS
_MOST_BETWEEN_NS: Final = SECOND_NS
_NO_CONTENT: Final = 204


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """What of an order leaves; its text shows no signature."""

    symbol: str
    body: bytes

    def __repr__(self) -> str:
        return f"SignedOrder({self.symbol})"


class OrderDesk:
    """Rounds, checks and signs orders, sends them, waits for what becomes of them, and takes them back."""

    def __init__(
        self,
        context: Context,
        *,
        rest: VenueRest,
        catalog: Catalog,
        signer: Signer,
        sent: SentIds,
        lookup: OrderLookup,
        reports: OrderReports,
        contact: FirstContact,
        window_ns: int,
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._rest = rest
        self._catalog = catalog
        self._signer = signer
        self._sent = sent
        self._lookup = lookup
        self._reports = reports
        self._contact = contact
        self._window_ns = window_ns
        self._last_ms = 0

    async def prepare(self, request: OrderRequest) -> PreparedOrder:
        """Round, check and sign; nothing is sent. The signature holds for the window from now on.

        Raises:
            Rejected: the order breaks a rule of the instrument, or its id may have been used.
        """
        await self._contact.before_trading()
        listed = await self._catalog.instrument(request.instrument)
        name = request.client_order_id
        if len(name) > ID_LENGTH:
            raise self._refused(f"order {name}: an id has {ID_LENGTH} characters at most", "client_order_id")
        if request.time_in_force is TimeInForce.FOK:
            raise self._refused(f"order {name}: the venue has no fill-or-kill", "time_in_force")
        rounded = rounded_order(request, listed)
        await self._rest.time.required()
        await self._sent.reserve(name, self._rest.time.not_before_ns(), request.side)
        timestamp_ms = self._timestamp_ms()
        try:
            message = order_message(
                timestamp_ms=timestamp_ms,
                market=listed.symbol,
                side=rounded.side,
                order_type=LIMIT,
                size=rounded.quantity,
                price=rounded.price,
            )
        except ValueError as error:
            raise self._refused(f"order {name}: {error}", "precision") from error
        body = payload_of(
            rounded,
            listed.symbol,
            timestamp_ms=timestamp_ms,
            window_ms=self._window_ns // MILLISECOND_NS,
            signature=self._signer.sign("Order", message),
        )
        expires_ns = timestamp_ms * MILLISECOND_NS + self._window_ns - self._rest.time.offset_ns
        signed = SignedOrder(listed.symbol, json.dumps(body, separators=(",", ":")).encode())
        return PreparedOrder(request=rounded, payload=signed, expires_ns=expires_ns)

    async def send(self, prepared: PreparedOrder) -> Order:
        """Send, and return the order when the venue has said what became of it: an answer of success is a queue.

        Raises:
            NotSent: certain, nothing happened.
            Rejected: certain, refused: at once, or after it was accepted.
            OutcomeUnknown, BadResponse: the venue may have it.
        """
        signed, request = prepared.payload, prepared.request
        if not isinstance(signed, SignedOrder):
            raise self._refused(f"order {request.client_order_id} was prepared by somebody else", "not_prepared")
        self._require_valid(prepared.expires_ns)
        token = await self._rest.ready_to_write()
        self._require_valid(prepared.expires_ns)
        self._sent.claim(request.client_order_id)
        with self._reports.awaited(request.client_order_id) as heard:
            response = await self._rest.write("POST", "/orders", token=token, body=signed.body)
            with reading(self._context.name, f"the answer to order {request.client_order_id}"):
                row: Row = decoded(response.body, self._context.name)
                if (row["client_id"], row["market"]) != (request.client_order_id, signed.symbol):
                    raise ValueError("it is another order's")
                state_of(row)
                order_id = ExchangeOrderId(text(row["id"]))
            return await self._outcome(request, order_id, row, heard)

    async def cancel(self, instrument: InstrumentId, name: ClientOrderId) -> None:
        """Ask for cancellation. The venue queues it: what became of the order a read tells.

        Raises:
            UnknownOrder: no order with this id rests, and none was ever prepared.
            Rejected: no order with this id rests now; it is final, or it did not come.
        """
        listed = await self._catalog.instrument(instrument)
        path = f"/orders/by_client_id/{quote(name, safe='')}"
        try:
            response = await self._rest.change("DELETE", path, {"market": listed.symbol})
        except Rejected as error:
            if error.code == BY_CLIENT_ID and await self._sent.reserved(name) is None:
                why = f"order {name} was never prepared, and the venue has none: {BY_CLIENT_ID}"
                raise UnknownOrder(why, exchange=self._context.name, code=error.code) from error
            raise
        self._require_queued(response, f"the answer to the cancellation of {name}")

    async def cancel_all(self, symbol: str | None) -> None:
        """Ask for the cancellation of every resting order, of one market or of the account."""
        response = await self._rest.change("DELETE", "/orders", {} if symbol is None else {"market": symbol})
        self._require_queued(response, "the answer to the cancellation of all orders")

    async def _outcome(
        self, request: OrderRequest, order_id: ExchangeOrderId, row: Row, heard: asyncio.Queue[Row]
    ) -> Order:
        until_ns = self._clock.now_ns() + _PATIENCE_NS
        rests = request.time_in_force is TimeInForce.GTC
        final = row if _is_decided(row, rests=rests) else None
        if final is None and self._reports.is_live:
            report_ns = min(until_ns, self._clock.now_ns() + _REPORT_NS)
            final = await within(self._clock, _heard(heard, rests=rests), report_ns)
        if final is None:
            looking = self._looked(request, order_id, heard, rests=rests)
            final = await within(self._clock, looking, until_ns)
        if final is None:
            why = f"order {request.client_order_id} was accepted, and nothing was said of what became of it"
            raise OutcomeUnknown(why, exchange=self._context.name, code="queued")
        with reading(self._context.name, f"order {request.client_order_id}"):
            order = self._lookup.order(request.instrument, final)
            same = (order.request.side, order.request.client_order_id, order.exchange_order_id)
            if same != (request.side, request.client_order_id, order_id) or order.filled_quantity > request.quantity:
                raise ValueError("it came back as another one")
        rejection = rejection_of(order, self._context.name)
        if rejection is not None:
            raise rejection
        return replace(order, request=request)

    async def _looked(
        self, request: OrderRequest, order_id: ExchangeOrderId, heard: asyncio.Queue[Row], *, rests: bool
    ) -> Row:
        """Ask until the venue has decided; a question that fails tells nothing."""
        listed = await self._catalog.instrument(request.instrument)
        wait_ns = _FIRST_LOOK_NS
        while True:
            told = await within(self._clock, _heard(heard, rests=rests), self._clock.now_ns() + wait_ns)
            if told is not None:
                return told
            wait_ns = min(2 * wait_ns, _MOST_BETWEEN_NS)
            try:
                row = await self._lookup.at_work(order_id, urgent=True)
                if row is None:
                    row = await self._lookup.past(listed, request.client_order_id, urgent=True)
            except ExchangeError as error:
                self._context.log.warning("an order that was sent could not be asked for: %s", error)
                continue
            if row is not None and _is_decided(row, rests=rests):
                return row

    def _timestamp_ms(self) -> int:
        """Return the venue's time, later than any before: two orders of one moment must not have one hash."""
        self._last_ms = max(self._rest.time.now_ns() // MILLISECOND_NS, self._last_ms + 1)
        return self._last_ms

    def _require_valid(self, expires_ns: int | None) -> None:
        if expires_ns is not None and expires_ns <= self._clock.now_ns():
            raise NotSent("not sent: its signature has expired", exchange=self._context.name, code="expired")

    def _require_queued(self, response: HttpResponse, what: str) -> None:
        """Accept no content, or an answer that can be read: the venue documents none for some of its calls."""
        if response.status == _NO_CONTENT or not response.body:
            return
        with reading(self._context.name, what):
            if not isinstance(decoded(response.body, self._context.name), dict | list | str):
                raise ValueError("neither an object nor a list")

    def _refused(self, text_: str, code: str) -> Rejected:
        return Rejected(text_, exchange=self._context.name, code=code)


def _is_decided(row: Row, *, rests: bool) -> bool:
    """Whether the venue has said what becomes of an order; one that must not rest is not done while it is open."""
    return row.get("status") == CLOSED or (rests and row.get("status") == OPEN)


async def _heard(heard: asyncio.Queue[Row], *, rests: bool) -> Row:
    """Return the first report that decides."""
    while True:
        row: Any = await heard.get()
        if _is_decided(row, rests=rests):
            return dict(row)
