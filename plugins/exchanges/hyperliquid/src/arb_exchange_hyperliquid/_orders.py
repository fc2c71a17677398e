"""Orders of the account: placing, cancelling, finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from arb.api import BadResponse, ExchangeError, PreparedOrder, Rejected, UnknownOrder
from arb.model import (
    MILLISECOND_NS,
    ClientOrderId,
    InstrumentId,
    Order,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
)
from arb.net import OrderNumbers, Row, from_ms, reading, rounded_order

from ._account_rows import FILL_ROWS, fill_id
from ._actions import Actions, Signed
from ._client import Client
from ._errors import NOT_OPEN
from ._listing import Market
from ._market import HyperliquidMarket
from ._open_rows import open_rows
from ._order_rows import (
    Filled,
    OrderRow,
    cancel_errors,
    cloid,
    filled_of,
    order_of,
    order_row,
    order_wire,
    sent_order,
    status_of,
)
from ._paging import whole_list
from ._precision import round_price

_UNKNOWN: Final = "unknownOid"
_SLACK_MS: Final = 1_000
"""Between the stamps of an order and of its fills."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What an order's `payload` holds."""

    number: int
    signed: Signed


class Orders:
    """Everything about orders, for one account."""

    def __init__(
        self, client: Client, market: HyperliquidMarket, actions: Actions, numbers: OrderNumbers, user: str
    ) -> None:
        """Send nothing yet; `user` is the account's address."""
        self._client = client
        self._market = market
        self._actions = actions
        self._numbers = numbers
        self._user = user

    async def prepare(self, request: OrderRequest) -> PreparedOrder:
        """Round, check and sign; raises Rejected."""
        market = await self._market.market_of(request.instrument)
        rounded = self._rounded(request, market)
        number = await self._numbers.reserve(request.client_order_id)
        with reading(self._client.name, f"order {request.client_order_id}"):
            wire = order_wire(rounded, market.asset, number)
        signed = await self._actions.sign({"type": "order", "orders": [wire], "grouping": "na"})
        return PreparedOrder(request=rounded, payload=Ready(number, signed), expires_ns=signed.expires_ns)

    async def send(self, prepared: PreparedOrder) -> Order:
        """Send an order, once."""
        ready, request = prepared.payload, prepared.request
        if not isinstance(ready, Ready):
            raise Rejected("the order was not prepared here", exchange=self._client.name, code="not_prepared")
        self._numbers.claim(ready.number, request.client_order_id)
        answer = await self._actions.send(ready.signed)
        with reading(self._client.name, f"the answer to order {request.client_order_id}"):
            order = sent_order(answer, request, self._client.venue_time.now_ns(), self._client.name)
        if order.status is OrderStatus.OPEN and not request.post_only:
            # The venue says no more than that it rests; it may have taken something before.
            with suppress(ExchangeError):
                return await self._found(request.instrument, request.client_order_id, ready.number, urgent=True)
        return order

    async def cancel(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> None:
        """Ask for cancellation.

        Raises:
            UnknownOrder: there is no such order.
            Rejected: it is final.
        """
        market = await self._market.market_of(instrument)
        number = await self._number(client_order_id)
        wire = {"asset": market.asset, "cloid": cloid(number)}
        answer = await self._actions.do({"type": "cancelByCloid", "cancels": [wire]})
        (error,) = cancel_errors(answer, 1, self._client.name)
        if error is None:
            return
        if error.code == NOT_OPEN:
            # One text for an order that never was and for one that is over: the order itself tells them apart.
            await self._status(number, client_order_id, urgent=True)
        raise error

    async def fetch(self, instrument: InstrumentId, client_order_id: ClientOrderId) -> Order:
        """Return an order; raises UnknownOrder when there never was one."""
        await self._market.market_of(instrument)
        # What became of an order decides whether a leg stands alone: it does not wait for what can.
        return await self._found(instrument, client_order_id, await self._number(client_order_id), urgent=True)

    async def fetch_open(self) -> Sequence[Order]:
        """Return what rests, oldest first; raises what is said against a row that cannot be read."""
        orders, errors = await self.readable_open()
        if errors:
            raise errors[0]
        return orders

    async def readable_open(self) -> tuple[list[Order], list[BadResponse]]:
        """Return what rests, oldest first, and what is said against each row that cannot be read.

        Raises:
            ExchangeError: a dex does not answer.
        """
        rows = [row for dex in self._market.dex_names for row in await open_rows(self._client, self._user, dex)]
        found, errors = [], []
        for row in rows:
            try:
                if (order := await self._open(row)) is not None:
                    found.append(order)
            except BadResponse as error:
                errors.append(error)
        return [order for _, order in sorted(found, key=lambda each: each[0])], errors

    async def id_of(self, row: OrderRow) -> ClientOrderId:
        """Return our id of an order, or one that says that it is not ours."""
        return ClientOrderId(f"foreign-{row.oid}") if row.number is None else await self.name_of(row.number)

    async def name_of(self, number: int) -> ClientOrderId:
        """Return whose number it is."""
        return await self._numbers.client_order_id_of(number)

    async def filled(self, row: OrderRow, until_ns: int | None = None, *, urgent: bool = False) -> Filled:
        """Return what the fills of an order add up to, of one that is over until its end."""
        end_ns = self._client.venue_time.now_ns() if until_ns is None else until_ns
        window = (row.placed_ns // MILLISECOND_NS, max(row.placed_ns, end_ns) // MILLISECOND_NS + _SLACK_MS)

        async def ask(first_ms: int, last_ms: int) -> Any:
            return await self._client.info(
                "userFillsByTime",
                urgent=urgent,
                user=self._user,
                startTime=first_ms,
                endTime=last_ms,
                aggregateByTime=False,
            )

        what = f"the fills of order {row.oid}"
        rows = await whole_list(ask, *window, most=FILL_ROWS, what=what, exchange=self._client.name)
        with reading(self._client.name, what):
            return filled_of(row.oid, {fill_id(each): each for each in rows}.values())

    def _rounded(self, request: OrderRequest, market: Market) -> OrderRequest:
        if request.time_in_force is TimeInForce.FOK:
            text = f"order {request.client_order_id}: the venue has no fill-or-kill orders"
            raise Rejected(text, exchange=self._client.name, code="no_fill_or_kill")

        def limit_price(side: Side, price: Decimal) -> Decimal:
            return round_price(side, price, market.sz_decimals)

        return rounded_order(request, market.instrument, limit_price=limit_price)

    async def _number(self, client_order_id: ClientOrderId) -> int:
        number = await self._numbers.number_of(client_order_id)
        if number is None:
            raise self._unknown(client_order_id)
        return number

    async def _status(self, number: int, client_order_id: ClientOrderId, *, urgent: bool = False) -> Mapping[str, Any]:
        """Return what the venue knows of an order; raises UnknownOrder."""
        answer = await self._client.info("orderStatus", user=self._user, oid=cloid(number), urgent=urgent)
        with reading(self._client.name, f"the status of order {client_order_id}"):
            if answer["status"] == _UNKNOWN:
                raise self._unknown(client_order_id)
            if answer["status"] != "order":
                raise ValueError(f"{answer['status']!r} is no answer that is known")
            found: Mapping[str, Any] = answer["order"]
        return found

    async def _found(
        self, instrument: InstrumentId, client_order_id: ClientOrderId, number: int, *, urgent: bool = False
    ) -> Order:
        answer = await self._status(number, client_order_id, urgent=urgent)
        what = f"order {client_order_id}"
        with reading(self._client.name, what):
            row, why, ts_ns = order_row(answer["order"]), str(answer["status"]), from_ms(answer["statusTimestamp"])
            if row.number != number:
                raise ValueError("it is another order")
            status = status_of(answer["status"], row)
            known = await self._market.market_of_coin(row.coin)
            if known is None or known.instrument.id != instrument:
                raise self._unknown(client_order_id)
        # Fills are the money: an order that is over is what its fills say, and an average is in them alone.
        end_ns = ts_ns if status.is_final else None
        filled = await self.filled(row, end_ns, urgent=urgent) if row.filled or status.is_final else Filled()
        with reading(self._client.name, what):
            if filled.quantity < row.filled or filled.quantity > row.quantity:
                raise ValueError(f"{row.filled} of {row.quantity} are filled, but its fills are {filled.quantity}")
            if status is OrderStatus.OPEN and filled.quantity:
                status = OrderStatus.PARTIALLY_FILLED
            return order_of(row.request(client_order_id, instrument), row, status, filled, why, ts_ns)

    async def _open(self, told: Row) -> tuple[tuple[int, int], Order] | None:
        """Read an open order, with its place among others; None for one that rests nowhere."""
        with reading(self._client.name, "an open order"):
            row = order_row(told)
        named = await self._market.named(row.coin)
        # A stop for a whole position has no size of its own.
        if named is None or not row.quantity:
            return None
        client_order_id = await self.id_of(row)
        filled = await self.filled(row) if row.filled else Filled()
        with reading(self._client.name, f"order {client_order_id}"):
            if filled.quantity < row.filled:
                raise ValueError(f"{row.filled} are filled, but its fills are {filled.quantity}")
            status = OrderStatus.PARTIALLY_FILLED if filled.quantity else OrderStatus.OPEN
            order = order_of(row.request(client_order_id, named.id), row, status, filled, "", row.placed_ns)
        return (row.placed_ns, row.oid), order

    def _unknown(self, client_order_id: ClientOrderId) -> UnknownOrder:
        text = f"there is no order {client_order_id} of this account"
        return UnknownOrder(text, exchange=self._client.name, code="unknown_order")
