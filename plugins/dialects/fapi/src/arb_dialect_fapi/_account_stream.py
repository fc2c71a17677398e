"""The account's own stream: orders and fills as they happen, and what was missed while it was not heard."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

from arb.api import Context, ExchangeError
from arb.model import MINUTE_NS, SECOND_NS, ClientOrderId, Fill, FillId, FundingPayment, Order
from arb.net import Backoff, Connected, Row, reading, row_of

from ._account_socket import AccountSocket
from ._dialect import Dialect
from ._names import OrderNames
from ._orders import event_fill, event_order, waits
from ._rest import VenueRest
from ._symbols import perpetual
from ._trading import FapiTrading

Told = Order | Fill
_OVERLAP_NS: Final = MINUTE_NS
"""How far before a gap fills are read again: an event on its way, and the venue's clock."""

_REMEMBERED: Final = 10_000


class AccountWatch:
    """Yields the orders that rest, then events; after a gap the orders that rest and the fills in it.

    Funding payments are not yielded: the event of one tells a balance and no instrument.
    """

    def __init__(
        self,
        context: Context,
        dialect: Dialect,
        url: str,
        rest: VenueRest,
        names: OrderNames,
        trading: FapiTrading,
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._dialect = dialect
        self._rest = rest
        self._names = names
        self._trading = trading
        self._socket = AccountSocket(context, dialect, url, rest)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Let it be used inside the block."""
        try:
            yield
        finally:
            await self._socket.close()

    async def watch(self) -> AsyncGenerator[Order | Fill | FundingPayment, None]:
        """Yield changes for ever."""
        news = _News()
        heard_ns: int | None = None
        async with aclosing(self._socket.listen()) as messages:
            async for message in messages:
                told = await self._missed(heard_ns) if isinstance(message, Connected) else self._told(message)
                for each in told:
                    if not news.is_new(each):
                        continue
                    if isinstance(each, Fill):
                        await self._trading.heard(each)
                    yield each
                heard_ns = self._rest.time.now_ns()

    async def _missed(self, heard_ns: int | None) -> list[Told]:
        """Return what rests, and the fills since the stream was heard last; asks until the venue answers."""
        backoff = Backoff(self._context.random)
        while True:
            try:
                orders = await self._trading.fetch_open_orders()
                fills = [] if heard_ns is None else await self._trading.fetch_fills(heard_ns - _OVERLAP_NS)
            except ExchangeError as error:
                wait_ns = backoff.next_ns()
                self._context.log.warning(
                    "what the account's stream missed is asked for again in %.1f s: %s", wait_ns / SECOND_NS, error
                )
                await self._clock.sleep_until(self._clock.now_ns() + wait_ns)
            else:
                return [*fills, *orders]

    def _told(self, event: Row) -> list[Told]:
        try:
            with reading(self._context.name, "an event of the account"):
                return self._read(event)
        except ExchangeError as error:
            # The account is read over REST anyway: what is missing here is learnt there.
            self._context.log.warning("%s", error)
            return []

    def _read(self, event: Row) -> list[Told]:
        if event.get("e") != "ORDER_TRADE_UPDATE":
            return []
        data = row_of(event["o"])
        instrument = perpetual(self._context.name, data["s"], self._dialect.quotes)
        if instrument is None or waits({"type": data.get("o"), "status": data["X"]}):
            return []
        order, fill = event_order(instrument, data), event_fill(instrument, data)
        self._names.saw(order.exchange_order_id, order.request.client_order_id)
        return [order] if fill is None else [fill, order]


class _News:
    """Tells what was not yielded before: each fill once, and of an order nothing older than what is known."""

    def __init__(self) -> None:
        self._fills: OrderedDict[FillId, None] = OrderedDict()
        self._orders: OrderedDict[ClientOrderId, Order] = OrderedDict()

    def is_new(self, one: Told) -> bool:
        """Whether it is to be yielded."""
        if isinstance(one, Fill):
            if one.fill_id in self._fills:
                return False
            self._fills[one.fill_id] = None
            _forget(self._fills)
            return True
        name = one.request.client_order_id
        known = self._orders.get(name)
        # In lively markets events come out of order.
        if known is not None and (
            one.filled_quantity < known.filled_quantity or (known.status.is_final and not one.status.is_final)
        ):
            return False
        self._orders[name] = one
        self._orders.move_to_end(name)
        _forget(self._orders)
        return True


def _forget(known: OrderedDict[Any, Any]) -> None:
    while len(known) > _REMEMBERED:
        known.popitem(last=False)
