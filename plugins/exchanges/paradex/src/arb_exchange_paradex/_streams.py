"""Live data of Paradex."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Final

from arb.api import BadResponse, Context
from arb.model import (
    SECOND_NS,
    BookGap,
    BookUpdate,
    Fill,
    FundingPayment,
    Instrument,
    InstrumentId,
    Order,
    OrderBook,
    Trade,
)
from arb.net import Connected, Row, reading

from ._account_stream import AccountWatch
from ._budgets import Budgets
from ._catalog import Catalog
from ._channels import book_channel, trade_channel
from ._frames import SNAPSHOT
from ._hub import Hub, Lost
from ._prices import streamed_book, trade_of
from ._reports import OrderReports
from ._rest import VenueRest
from ._settings import ParadexSettings
from ._trading import ParadexTrading

_BACKWARDS_NS: Final = 5 * SECOND_NS
"""A book whose number goes back while its time goes on by this much was begun anew by the venue."""


class ParadexStreams:
    """Implements :class:`arb.api.Streams` over one public socket and one of the account."""

    def __init__(self, context: Context, catalog: Catalog, public: Hub, account: AccountWatch | None) -> None:
        self._context = context
        self._catalog = catalog
        self._public = public
        self._account = account

    async def watch_order_book(self, instrument: InstrumentId) -> AsyncGenerator[BookUpdate, None]:
        """Yield the book of 15 levels a side whenever it changes: each message is whole, so none can be missed.

        One that has not changed and is told again later is yielded again: it is as new as the venue says. The venue has
        deltas too, and does not say how their numbers follow each other; they are not used. BookGap says that the
        socket was given up or opened again.
        """
        listed = await self._catalog.instrument(instrument)
        last: OrderBook | None = None
        async with aclosing(self._public.listen(book_channel(listed.symbol))) as messages:
            async for message in messages:
                if isinstance(message, Connected | Lost):
                    if last is not None:
                        last = None
                        yield BookGap(instrument=listed.id, reason=message.why or "the socket was opened again")
                    continue
                book = self._book(listed, message[1])
                if book is None:
                    continue
                if last is not None and (book.sequence, book.ts_event_ns) <= (last.sequence, last.ts_event_ns):
                    if book.sequence < last.sequence and book.ts_event_ns - last.ts_event_ns > _BACKWARDS_NS:
                        self._public.restart(f"the book of {listed.symbol} goes back")
                    continue
                last = book
                yield book

    async def watch_trades(self, instrument: InstrumentId) -> AsyncGenerator[Trade, None]:
        """Yield public trades from now on."""
        listed = await self._catalog.instrument(instrument)
        async with aclosing(self._public.listen(trade_channel(listed.symbol))) as messages:
            async for message in messages:
                if isinstance(message, Connected | Lost):
                    continue
                trade = self._trade(listed, message[1])
                if trade is not None:
                    yield trade

    def watch_account(self) -> AsyncIterator[Order | Fill | FundingPayment]:
        """Yield what rests, then every change of an order and every fill; see :class:`AccountWatch`."""
        if self._account is None:
            raise BadResponse("there is no key, so no account", exchange=self._context.name, code="no_key")
        return self._account.watch()

    def _book(self, listed: Instrument, row: Row) -> OrderBook | None:
        if row["pkg_type"] != SNAPSHOT:
            self._public.restart(f"a change in the place of the book of {listed.symbol}")
            return None
        return streamed_book(listed.id, row, self._context.clock.now_ns())

    def _trade(self, listed: Instrument, row: Row) -> Trade | None:
        try:
            with reading(self._context.name, f"a trade of {listed.symbol}"):
                return trade_of(listed.id, row, self._context.clock.now_ns())
        except BadResponse as error:
            self._context.log.warning("%s", error)
            return None


@asynccontextmanager
async def open_streams(
    context: Context,
    settings: ParadexSettings,
    budgets: Budgets,
    *,
    rest: VenueRest,
    catalog: Catalog,
    trading: ParadexTrading | None,
    reports: OrderReports,
) -> AsyncIterator[ParadexStreams]:
    """Lend the streams; sockets open when somebody listens, and none outlives the block."""
    url, version = settings.stream_address, settings.sbe_version
    async with AsyncExitStack() as stack:
        public = Hub(context, url, version=version, budgets=budgets)
        await stack.enter_async_context(public.opened())
        watch = None
        if trading is not None:
            private = Hub(
                context,
                url,
                version=version,
                budgets=budgets,
                token=rest.session.token,
                token_refused=rest.session.distrust,
            )
            await stack.enter_async_context(private.opened())
            watch = AccountWatch(context, private, rest=rest, trading=trading, reports=reports)
        yield ParadexStreams(context, catalog, public, watch)
