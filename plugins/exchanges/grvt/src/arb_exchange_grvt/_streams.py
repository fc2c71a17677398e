"""Live data of GRVT."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Final

from arb.api import BadResponse, Context
from arb.model import BookUpdate, Fill, FundingPayment, InstrumentId, Order, Trade
from arb.net import Connected, chained, reading

from ._account_stream import AccountWatch
from ._catalog import Catalog
from ._hub import Hub, Told, Topic
from ._prices import trade_of
from ._sequence import BookNumbers

BOOKS: Final = "v1.book.d"
TRADES: Final = "v1.trade"
RATE_MS: Final = 50
"""How often changes of books and trades are sent at most: the shortest that the venue has."""


class GrvtStreams:
    """Implements :class:`arb.api.Streams` over one public socket and one of the account."""

    def __init__(self, context: Context, catalog: Catalog, public: Hub, account: AccountWatch | None) -> None:
        self._context = context
        self._catalog = catalog
        self._public = public
        self._account = account

    async def watch_order_book(self, instrument: InstrumentId) -> AsyncGenerator[BookUpdate, None]:
        """Yield the stream's snapshot, then the changes that continue it; a new snapshot after a gap."""
        listed = (await self._catalog.market(instrument)).instrument
        topic = Topic(BOOKS, f"{listed.symbol}@{RATE_MS}")

        async def resync(gap: str) -> None:
            self._context.log.warning("%s: %s; it is subscribed to anew", instrument, gap)
            self._public.refresh(topic)

        numbers = BookNumbers(self._context, instrument, resync)
        async with (
            aclosing(self._public.listen(topic)) as heard,
            aclosing(numbers.messages(heard)) as messages,
            aclosing(chained(messages, resync=resync)) as whole,
        ):
            async for update in whole:
                yield update

    async def watch_trades(self, instrument: InstrumentId) -> AsyncGenerator[Trade, None]:
        """Yield public trades from now on, each once."""
        listed = (await self._catalog.market(instrument)).instrument
        topic = Topic(TRADES, f"{listed.symbol}@{RATE_MS}")
        last = 0
        async with aclosing(self._public.listen(topic)) as heard:
            async for each in heard:
                if isinstance(each, Connected):
                    last = 0
                # A snapshot (0) tells of trades before the subscription.
                if not isinstance(each, Told) or each.sequence <= last:
                    continue
                last = each.sequence
                try:
                    with reading(self._context.name, f"a trade of {listed.symbol}"):
                        trade = trade_of(listed.id, each.feed, self._context.clock.now_ns())
                except BadResponse as error:
                    self._context.log.warning("%s", error)
                    continue
                yield trade

    def watch_account(self) -> AsyncIterator[Order | Fill | FundingPayment]:
        """Yield what rests, then every change of an order, and every fill; see :class:`AccountWatch`."""
        if self._account is None:
            raise BadResponse("there is no key, so no account", exchange=self._context.name, code="no_key")
        return self._account.watch()
