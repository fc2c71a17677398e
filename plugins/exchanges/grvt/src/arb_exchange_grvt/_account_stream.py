"""The account's own streams: orders and fills as they happen, and what was missed while they were not heard."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from arb.api import Context, ExchangeError
from arb.model import MINUTE_NS, SECOND_NS, Fill, FillId, FundingPayment, Order
from arb.net import Backoff, VenueTime, reading

from ._gaps import Gaps
from ._hub import Hub, Told, Topic
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

    A gap ends when the venue has taken a subscription, not when the socket is open: it may refuse one for a while.
    Funding payments come in no stream of the venue.
    """

    def __init__(
        self,
        context: Context,
        hub: Hub,
        trading: GrvtTrading,
        reports: OrderReports,
        time: VenueTime,
        sub_account_id: str,
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._hub = hub
        self._trading = trading
        self._reports = reports
        self._time = time
        self._orders = Topic(_ORDERS, sub_account_id)
        self._fills = Topic(_FILLS, sub_account_id)

    async def watch(self) -> AsyncGenerator[Order | Fill | FundingPayment, None]:
        """Yield changes for ever."""
        seen: OrderedDict[FillId, None] = OrderedDict()
        gaps = Gaps(self._orders, self._fills)
        async with aclosing(self._hub.listen(self._orders, self._fills)) as heard:
            async for each in heard:
                missing = gaps.after(each)
                if isinstance(each, Told):
                    for told in await self._told(each):
                        if not missing:
                            gaps.tells(told, self._moment_ns())
                        if _is_new(told, seen):
                            yield told
                for topic in missing:
                    for known in await self._missed(topic, gaps):
                        if _is_new(known, seen):
                            yield known

    async def _missed(self, topic: Topic, gaps: Gaps) -> Sequence[Order | Fill]:
        """Return the orders that rest, or the fills since all were known; asks until the venue answers."""
        backoff = Backoff(self._context.random)
        while True:
            now_ns = self._moment_ns()
            try:
                found = await self._read(topic, gaps)
            except ExchangeError as error:
                wait_ns = backoff.next_ns()
                self._context.log.warning(
                    "what the account's stream missed is asked for again in %.1f s: %s", wait_ns / SECOND_NS, error
                )
                await self._clock.sleep_until(self._clock.now_ns() + wait_ns)
            else:
                gaps.read(topic, now_ns)
                return found

    async def _read(self, topic: Topic, gaps: Gaps) -> Sequence[Order | Fill]:
        if topic == self._orders:
            return await self._trading.fetch_open_orders()
        if gaps.began_ns is None or gaps.covered_ns is None:
            return []  # what was filled before somebody listened is no change
        return await self._trading.fetch_fills(max(gaps.began_ns, gaps.covered_ns - _OVERLAP_NS))

    def _moment_ns(self) -> int:
        """Return a time that is not after now by the venue's clock."""
        return self._time.not_before_ns()

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
