"""The account's own stream: orders and fills as they happen, and what was missed while it was not heard."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Final

from arb.api import Context, ExchangeError
from arb.model import MINUTE_NS, SECOND_NS, Fill, FillId, FundingPayment, Order
from arb.net import Backoff, Connected, Row, reading

from ._hub import Hub
from ._markets import perpetual
from ._names import OrderNames
from ._orders import STATUS_OF, WAITING, event_fill, event_order
from ._rest import VenueRest
from ._trading import BackpackTrading

_TOPIC: Final = "account.orderUpdate"
_OVERLAP_NS: Final = MINUTE_NS
"""How far before a gap fills are read again: an event on its way, and the venue's clock."""

_REMEMBERED: Final = 10_000
_PRIVATE: Final = "account."
_USER: Final = "USER"
"""`O` of an event that an order of the account's owner caused; others are the venue's."""


class AccountWatch:
    """Yields the orders that rest, then events; after a gap the orders that rest and the fills in it.

    Funding payments come in no stream of the venue.
    """

    def __init__(
        self,
        context: Context,
        url: str,
        rest: VenueRest,
        names: OrderNames,
        trading: BackpackTrading,
        *,
        pulse: Callable[[], Awaitable[str]],
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._rest = rest
        self._names = names
        self._trading = trading
        self._hub = Hub(context, url, pulse=pulse, subscription=self._subscription, refused=self._refused)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Let it be used inside the block."""
        async with self._hub.opened():
            yield

    async def watch(self) -> AsyncGenerator[Order | Fill | FundingPayment, None]:
        """Yield changes for ever."""
        # By a clock that is wrong the subscription is refused, and made again.
        await self._rest.time.ready()
        seen: OrderedDict[FillId, None] = OrderedDict()
        heard_ns: int | None = None
        async with aclosing(self._hub.listen(_TOPIC)) as messages:
            async for message in messages:
                if isinstance(message, Connected):
                    for known in await self._missed(heard_ns):
                        if _is_new(known, seen):
                            yield known
                else:
                    for told in await self._told(message):
                        if _is_new(told, seen):
                            yield told
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

    async def _told(self, message: Row) -> list[Order | Fill]:
        try:
            with reading(self._context.name, "an event of the account"):
                return await self._read(message)
        except ExchangeError as error:
            # The account is read over REST anyway: what is missing here is learnt there.
            self._context.log.warning("%s", error)
            return []

    async def _read(self, message: Row) -> list[Order | Fill]:
        instrument = perpetual(self._context.name, message["s"])
        if instrument is None or message["X"] == WAITING or message["X"] not in STATUS_OF:
            return []
        origin = message.get("O")
        name = await self._names.of(message.get("c"), message["i"], None if origin == _USER else origin)
        fill = event_fill(instrument, name, message)
        order = event_order(instrument, name, message)
        return [order] if fill is None else [fill, order]

    def _subscription(self, topic: str) -> str:
        message: dict[str, object] = {"method": "SUBSCRIBE", "params": [topic]}
        if topic.startswith(_PRIVATE):
            message["signature"] = self._rest.subscription()
        return json.dumps(message)

    def _refused(self, why: str) -> None:
        self._context.log.warning("the venue refuses the account's stream: %s", why)
        # Perhaps for its time: the calls after the next connection ask for the venue's first.
        self._rest.time.doubt()
        self._hub.restart(f"refused: {why}")


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
