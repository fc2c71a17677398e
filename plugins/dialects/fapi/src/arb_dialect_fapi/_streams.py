"""Live data of the venue."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Final

from arb.api import BadResponse, Context
from arb.model import (
    BookDelta,
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
from arb.net import BookMessage, Connected, Row, chained, reading, whole

from ._account_stream import AccountWatch
from ._catalog import Catalog
from ._dialect import Dialect
from ._hub import Hub
from ._market_data import FapiMarketData
from ._prices import delta_of, trade_of

_BOOK: Final = "{}@depth@100ms"
_TRADES: Final = "{}@aggTrade"
_BOOK_PULSE: Final = "{}@depth5@500ms"
_MARKET_PULSE: Final = "{}@markPrice"


class FapiStreams:
    """Implements :class:`arb.api.Streams`: books on one kind of socket, trades on another, the account on a third."""

    def __init__(
        self,
        context: Context,
        catalog: Catalog,
        market: FapiMarketData,
        public: Hub,
        trades: Hub,
        account: AccountWatch | None,
    ) -> None:
        self._context = context
        self._catalog = catalog
        self._market = market
        self._public = public
        self._trades = trades
        self._account = account

    async def watch_order_book(self, instrument: InstrumentId) -> AsyncGenerator[BookUpdate, None]:
        """Yield a snapshot asked for over REST, then the changes that continue it; a new snapshot after a gap.

        The socket is kept at a gap: changes are held while the snapshot is under way.
        """
        listed = await self._catalog.instrument(instrument)
        had_book = False

        async def snapshot() -> OrderBook:
            return await self._market.snapshot(instrument, mends=had_book)

        async def resync(gap: str) -> None:
            self._context.log.warning("%s: %s; a snapshot is asked for", instrument, gap)

        async with (
            aclosing(self._changes(listed)) as changes,
            aclosing(chained(changes, snapshot=snapshot, resync=resync)) as whole_book,
        ):
            async for update in whole_book:
                had_book = True
                yield update

    async def watch_trades(self, instrument: InstrumentId) -> AsyncGenerator[Trade, None]:
        """Yield public trades from now on, each once: while one socket replaces another both tell them."""
        listed = await self._catalog.instrument(instrument)
        last = 0
        async with aclosing(self._trades.listen(_TRADES.format(listed.symbol.lower()))) as messages:
            async for message in messages:
                if isinstance(message, Connected):
                    continue
                try:
                    number, trade = self._trade(listed, message)
                except BadResponse as error:
                    self._context.log.warning("%s", error)
                    continue
                if number > last:
                    last = number
                    yield trade

    def watch_account(self) -> AsyncIterator[Order | Fill | FundingPayment]:
        """Yield what rests, then every change of an order with its fills; see :class:`AccountWatch`."""
        if self._account is None:
            raise BadResponse("there is no key, so no account", exchange=self._context.name, code="no_key")
        return self._account.watch()

    async def _changes(self, listed: Instrument) -> AsyncGenerator[BookMessage, None]:
        async with aclosing(self._public.listen(_BOOK.format(listed.symbol.lower()))) as messages:
            async for message in messages:
                if isinstance(message, Connected):
                    yield message
                    continue
                try:
                    delta = self._delta(listed, message)
                except BadResponse as error:
                    # What it changed is not known: the book has a gap here.
                    self._context.log.warning("%s", error)
                    yield BookGap(instrument=listed.id, reason=str(error))
                    continue
                yield delta

    def _delta(self, listed: Instrument, message: Row) -> BookDelta:
        with reading(self._context.name, f"a change of the book of {listed.symbol}"):
            return delta_of(listed.id, message, self._context.clock.now_ns())

    def _trade(self, listed: Instrument, message: Row) -> tuple[int, Trade]:
        with reading(self._context.name, f"a trade of {listed.symbol}"):
            return whole(message["a"]), trade_of(listed.id, message, self._context.clock.now_ns())


@asynccontextmanager
async def open_streams(
    context: Context,
    dialect: Dialect,
    url: str,
    catalog: Catalog,
    market: FapiMarketData,
    account: AccountWatch | None,
) -> AsyncIterator[FapiStreams]:
    """Lend the streams; sockets open when somebody listens, and none outlives the block."""
    sockets = dialect.sockets

    async def hub(stack: AsyncExitStack, path: str, pulse: str) -> Hub:
        async def busy() -> str:
            return pulse.format((await catalog.pulse()).lower())

        made = Hub(context, url + path, most=sockets.most_streams, life_ns=sockets.life_ns, pulse=busy)
        return await stack.enter_async_context(made.opened())

    async with AsyncExitStack() as stack:
        public = await hub(stack, sockets.public, _BOOK_PULSE)
        trades = public
        if sockets.market != sockets.public:
            trades = await hub(stack, sockets.market, _MARKET_PULSE)
        if account is not None:
            await stack.enter_async_context(account.opened())
        yield FapiStreams(context, catalog, market, public, trades, account)
