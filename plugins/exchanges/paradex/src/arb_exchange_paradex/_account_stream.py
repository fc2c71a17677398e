"""The account's own stream: orders and fills as they happen, and what was missed while it was not heard."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, TypeVar

from arb.api import Context, ExchangeError
from arb.model import MINUTE_NS, SECOND_NS, Fill, FundingPayment, Order
from arb.net import Backoff, Connected, Row, reading

from ._channels import FILLS, ORDERS
from ._frames import FILL
from ._hub import Hub, Lost
from ._markets import perpetual
from ._orders import CLOSED, OPEN, client_id_of, state_of
from ._reports import OrderReports
from ._rest import VenueRest
from ._trading import ParadexTrading

T = TypeVar("T")
_OVERLAP_NS: Final = MINUTE_NS
"""How far before a gap fills are read again: an event on its way, and the venue's clock."""

_REMEMBERED: Final = 10_000


class AccountWatch:
    """Yields the orders that rest, then events; after a gap the orders that rest and the fills in it.

    An order is told when the venue has looked at it: one that waits for its checks is nothing yet. Funding payments
    are read over REST.
    """

    def __init__(
        self, context: Context, hub: Hub, *, rest: VenueRest, trading: ParadexTrading, reports: OrderReports
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._hub = hub
        self._rest = rest
        self._trading = trading
        self._reports = reports

    async def watch(self) -> AsyncGenerator[Order | Fill | FundingPayment, None]:
        """Yield changes for ever."""
        known = _Known()
        heard_ns: int | None = None
        with self._reports.listening():
            async with aclosing(self._hub.listen(ORDERS, FILLS)) as messages:
                async for message in messages:
                    if isinstance(message, Lost):
                        continue  # what it would have told is asked for when the next one begins
                    if isinstance(message, Connected):
                        found = await self._missed(heard_ns)
                    else:
                        found = await self._told(*message)
                    for each in found:
                        if known.is_new(each):
                            yield each
                    heard_ns = self._rest.time.now_ns()

    async def _missed(self, heard_ns: int | None) -> list[Order | Fill]:
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

    async def _told(self, template: int, row: Row) -> list[Order | Fill]:
        try:
            with reading(self._context.name, "an event of the account"):
                if template == FILL:
                    fill = await self._trading.fill(row)
                    return [] if fill is None else [fill]
                return self._order(row)
        except ExchangeError as error:
            # The account is read over REST anyway: what is missing here is learnt there.
            self._context.log.warning("%s", error)
            return []

    def _order(self, row: Row) -> list[Order | Fill]:
        instrument = perpetual(self._context.name, row["market"])
        if instrument is None or state_of(row) not in (OPEN, CLOSED):
            return []
        self._reports.tell(client_id_of(row), row)
        return [self._trading.order(instrument, row)]


class _Known:
    """What was yielded: each fill once, and of an order nothing that is older than what was told of it."""

    def __init__(self) -> None:
        self._fills: OrderedDict[str, None] = OrderedDict()
        self._orders: OrderedDict[str, Order] = OrderedDict()

    def is_new(self, one: Order | Fill) -> bool:
        if isinstance(one, Fill):
            if one.fill_id in self._fills:
                return False
            _keep(self._fills, one.fill_id, None)
            return True
        name = str(one.exchange_order_id)
        before = self._orders.get(name)
        if before is not None and (
            before.status.is_final
            or one.filled_quantity < before.filled_quantity
            or (one.status, one.filled_quantity) == (before.status, before.filled_quantity)
        ):
            return False
        _keep(self._orders, name, one)
        return True


def _keep(known: OrderedDict[str, T], name: str, value: T) -> None:
    known[name] = value
    if len(known) > _REMEMBERED:
        known.popitem(last=False)
