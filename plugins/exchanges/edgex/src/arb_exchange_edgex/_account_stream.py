"""The account's own stream: orders, fills and payments as they happen, and what was missed while it was not heard."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final

from arb.api import Context, ExchangeError
from arb.model import MINUTE_NS, SECOND_NS, ClientOrderId, Fill, FundingPayment, Order
from arb.net import Backoff, Connected, RateBudget, Row, Stream, StreamRules, reading, row_of, rows_of, whole

from ._account import payment_of
from ._catalog import Catalog
from ._hub import PING, SENDS, SILENCE_NS, Socket, read_object
from ._names import OrderNames
from ._orders import WAITING, order_of
from ._rest import VenueRest
from ._trading import EdgexTrading

PATH: Final = "/api/v1/private/ws"
_OVERLAP_NS: Final = MINUTE_NS
"""How far before a gap fills are read again: an event on its way, and the venue's clock."""

_REMEMBERED: Final = 10_000
Told = Order | Fill | FundingPayment


class AccountWatch:
    """Yields the orders that rest, then events; after a gap the orders that rest, and the fills and payments in it.

    The venue numbers its messages. A number that is missing is a gap like a new socket.
    """

    def __init__(
        self,
        context: Context,
        url: str,
        rest: VenueRest,
        catalog: Catalog,
        names: OrderNames,
        trading: EdgexTrading,
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._url = url
        self._rest = rest
        self._catalog = catalog
        self._names = names
        self._trading = trading

    async def watch(self) -> AsyncGenerator[Told, None]:
        """Yield changes for ever."""
        heard = _Heard()
        socket, login = Socket(), _Login(self._rest, self._url)
        rules = StreamRules(
            silence_ns=SILENCE_NS,
            ping=PING,
            greet=socket.greet,
            headers=lambda: login.headers,
            sends=RateBudget(self._clock, [SENDS]),
        )
        stream = Stream(self._context, self._url + PATH, rules, address=login.address)
        since_ns: int | None = None
        version: int | None = None
        async with aclosing(stream.messages()) as messages:
            async for message in messages:
                if isinstance(message, Connected):
                    version, told = None, await self._missed(since_ns)
                else:
                    body = read_object(message, self._context.name)
                    if body is None:
                        stream.restart("a message could not be read")
                        continue
                    if body["type"] == "ping":
                        await socket.answer(body)
                        continue
                    if body["type"] == "error":
                        # Perhaps for its time: the next socket asks for the venue's first.
                        self._rest.time.doubt()
                        stream.restart("the venue refuses the account's stream")
                        continue
                    if body["type"] != "trade-event":
                        continue
                    try:
                        with reading(self._context.name, "an event of the account"):
                            content = row_of(body["content"])
                            number = whole(content["version"])
                            is_gap = version is not None and number > version + 1
                            version = number if version is None else max(version, number)
                            told = await self._told(content)
                    except ExchangeError as error:
                        self._context.log.warning("%s", error)
                        stream.restart("an event could not be read")
                        continue
                    if is_gap:
                        self._context.log.warning("the account's stream leaves out what came before %d", number)
                        told = [*await self._missed(since_ns), *told]
                for one in told:
                    if heard.is_new(one):
                        yield one
                since_ns = self._rest.time.now_ns()

    async def _missed(self, since_ns: int | None) -> list[Told]:
        """Return what rests, and what came since the stream was heard last; asks until the venue answers."""
        backoff = Backoff(self._context.random)
        while True:
            try:
                orders: list[Told] = [*await self._trading.fetch_open_orders()]
                if since_ns is None:
                    return orders
                fills = await self._trading.fetch_fills(since_ns - _OVERLAP_NS)
                payments = await self._trading.fetch_funding_payments(since_ns - _OVERLAP_NS)
            except ExchangeError as error:
                wait_ns = backoff.next_ns()
                self._context.log.warning(
                    "what the account's stream missed is asked for again in %.1f s: %s", wait_ns / SECOND_NS, error
                )
                await self._clock.sleep_until(self._clock.now_ns() + wait_ns)
            else:
                return [*fills, *payments, *orders]

    async def _told(self, content: Row) -> list[Told]:
        """Return what an event tells; fills come before the order that they fill."""
        if content["event"] == "Snapshot":
            return []  # what rests was read when the socket was opened
        data = row_of(content["data"])
        orders = [row for row in rows_of(data.get("order") or []) if row["status"] != WAITING]
        for row in orders:
            await self._names.of(row)
        told: list[Told] = [*await self._trading.fills_of(rows_of(data.get("orderFillTransaction") or []))]
        listing = await self._catalog.naming(row.get("contractId") for row in orders)
        for row in orders:
            told.append(order_of(listing.contract(row["contractId"]).id, await self._names.of(row), row))
        bookings = rows_of(data.get("collateralTransaction") or [])
        listing = await self._trading.listing_of_payments(bookings)
        for row in bookings:
            payment = payment_of(listing, row)
            if payment is not None:
                told.append(payment)
        return told


class _Login:
    """Signs the request of each new socket: its time stands in the address and in the headers."""

    def __init__(self, rest: VenueRest, url: str) -> None:
        self._rest = rest
        self._url = url
        self.headers: Mapping[str, str] = {}

    async def address(self) -> str:
        """Return where to connect now, and keep the headers for it."""
        await self._rest.time.required()
        target, self.headers = self._rest.socket_request(PATH)
        return self._url + target


class _Heard:
    """What was told already: each fill and payment once, an order whenever it went on."""

    def __init__(self) -> None:
        self._once: OrderedDict[str, None] = OrderedDict()
        self._orders: OrderedDict[ClientOrderId, Order] = OrderedDict()

    def is_new(self, one: Told) -> bool:
        """Whether it says something that was not said."""
        if isinstance(one, Order):
            return self._goes_on(one)
        key = f"fill {one.fill_id}" if isinstance(one, Fill) else f"payment {one.payment_id}"
        if key in self._once:
            return False
        self._once[key] = None
        if len(self._once) > _REMEMBERED:
            self._once.popitem(last=False)
        return True

    def _goes_on(self, order: Order) -> bool:
        """Whether an order is not behind what was told of it: answers and events overtake each other."""
        name = order.request.client_order_id
        before = self._orders.get(name)
        if before is not None and (
            order.filled_quantity < before.filled_quantity or (before.status.is_final and not order.status.is_final)
        ):
            return False
        self._orders[name] = order
        if len(self._orders) > _REMEMBERED:
            self._orders.popitem(last=False)
        return True
