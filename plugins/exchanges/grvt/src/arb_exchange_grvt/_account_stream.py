"""The account's own streams: orders and fills as they happen, and what was missed while they were not heard."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from arb.api import Context, ExchangeError
from arb.model import MINUTE_NS, SECOND_NS, Fill, FillId, FundingPayment, Order
from arb.net import Backoff, Connected, ServerTime, reading

from ._hub import Hub, Subscribed, Told, Topic
from ._names import client_number
from ._orders import client_id_of
from ._reports import OrderReports
from ._trading import GrvtTrading

_OVERLAP_NS: Final = MINUTE_NS
"""How far before a gap fills are read again: an event on its way, and the venue's clock."""

_REMEMBERED: Final = 10_000
_ORDERS: Final = "v1.order"
_FILLS: Final = "v1.fill"


class AccountWatch:
    """Yields the orders that rest, then events; after a gap the orders that rest and the fills in it.

    Funding payments come in no stream of the venue.
    """

    def __init__(
        self,
        context: Context,
        hub: Hub,
        trading: GrvtTrading,
        reports: OrderReports,
        time: ServerTime,
        sub_account_id: str,
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._hub = hub
        self._trading = trading
        self._reports = reports
        self._time = time
        self._topics = Topic(_ORDERS, sub_account_id), Topic(_FILLS, sub_account_id)

    async def watch(self) -> AsyncGenerator[Order | Fill | FundingPayment, None]:
        """Yield changes for ever."""
        seen: OrderedDict[FillId, None] = OrderedDict()
        heard_ns: int | None = None
        last: dict[Topic, int] = {}
        async with aclosing(self._hub.listen(*self._topics)) as heard:
            async for each in heard:
                if isinstance(each, Subscribed):
                    continue
                is_gap = isinstance(each, Connected)
                if isinstance(each, Told):
                    # Numbers go by one: what is missing between two is read.
                    is_gap = each.topic in last and each.sequence != 0 and each.previous > last[each.topic]
                    last[each.topic] = each.sequence
                    for told in await self._told(each):
                        if _is_new(told, seen):
                            yield told
                else:
                    last.clear()
                if is_gap:
                    for known in await self._missed(heard_ns):
                        if _is_new(known, seen):
                            yield known
                heard_ns = self._time.now_ns()

    async def _missed(self, heard_ns: int | None) -> list[Order | Fill]:
        """Return what rests, and the fills since the streams were heard last; asks until the venue answers."""
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

    async def _told(self, told: Told) -> list[Order | Fill]:
        try:
            with reading(self._context.name, "an event of the account"):
                found: Order | Fill | None
                if told.topic.stream == _FILLS:
                    found = await self._trading.fill(told.feed)
                else:
                    number = client_number(client_id_of(told.feed))
                    if number is not None:
                        self._reports.heard(number, told.feed)
                    found = await self._trading.order(told.feed)
                return [] if found is None else [found]
        except ExchangeError as error:
            # The account is read over REST anyway: what is missing here is learnt there.
            self._context.log.warning("%s", error)
            return []


def _is_new(one: Order | Fill, seen: OrderedDict[FillId, None]) -> bool:
    """Whether it was not yielded before: each fill once, an order whenever it changed."""
    if isinstance(one, Order):
        return True
    if one.fill_id in seen:
        return False
    seen[one.fill_id] = None
    if len(seen) > _REMEMBERED:
        seen.popitem(last=False)
    return True
