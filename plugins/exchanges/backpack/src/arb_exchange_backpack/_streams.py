"""Live data of Backpack."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Final

from arb.api import BadResponse, Context
from arb.model import BookDelta, BookUpdate, Fill, FundingPayment, Instrument, InstrumentId, Order, OrderBook, Trade
from arb.net import BookMessage, Connected, Row, chained, reading

from ._account_stream import AccountWatch
from ._catalog import Catalog
from ._hub import Hub
from ._market_data import BackpackMarketData
from ._names import OrderNames
from ._prices import DEPTHS, delta_of, trade_of
from ._rest import VenueRest
from ._settings import BackpackSettings
from ._trading import BackpackTrading

_BUSY: Final = "BTC_USDC_PERP"
_SNAPSHOT_DEPTH: Final = DEPTHS[-1]


class BackpackStreams:
    """Implements :class:`arb.api.Streams` over one public socket and one of the account."""

    def __init__(
        self, context: Context, catalog: Catalog, market: BackpackMarketData, public: Hub, account: AccountWatch | None
    ) -> None:
        self._context = context
        self._catalog = catalog
        self._market = market
        self._public = public
        self._account = account

    async def watch_order_book(self, instrument: InstrumentId) -> AsyncGenerator[BookUpdate, None]:
        """Yield a snapshot asked for over REST, then the changes that continue it; a new snapshot after a gap."""
        listed = await self._catalog.instrument(instrument)

        async def snapshot() -> OrderBook:
            return await self._market.fetch_order_book(instrument, _SNAPSHOT_DEPTH)

        async def resync(gap: str) -> None:
            self._context.log.warning("%s: %s; a snapshot is asked for", instrument, gap)

        async with (
            aclosing(self._changes(listed)) as changes,
            aclosing(chained(changes, snapshot=snapshot, resync=resync)) as whole,
        ):
            async for update in whole:
                yield update

    async def watch_trades(self, instrument: InstrumentId) -> AsyncGenerator[Trade, None]:
        """Yield public trades from now on."""
        listed = await self._catalog.instrument(instrument)
        async with aclosing(self._public.listen(f"trade.{listed.symbol}")) as messages:
            async for message in messages:
                if not isinstance(message, Connected):
                    try:
                        trade = self._trade(listed, message)
                    except BadResponse as error:
                        self._context.log.warning("%s", error)
                        continue
                    yield trade

    def watch_account(self) -> AsyncIterator[Order | Fill | FundingPayment]:
        """Yield what rests, then every change of an order with its fills; see :class:`AccountWatch`."""
        if self._account is None:
            raise BadResponse("there is no key, so no account", exchange=self._context.name, code="no_key")
        return self._account.watch()

    async def _changes(self, listed: Instrument) -> AsyncGenerator[BookMessage, None]:
        async with aclosing(self._public.listen(f"depth.{listed.symbol}")) as messages:
            async for message in messages:
                if isinstance(message, Connected):
                    yield message
                    continue
                try:
                    delta = self._delta(listed, message)
                except BadResponse as error:
                    # What it changed is not known: the book has a gap here.
                    self._context.log.warning("%s", error)
                    yield Connected(str(error))
                    continue
                yield delta

    def _delta(self, listed: Instrument, message: Row) -> BookDelta:
        with reading(self._context.name, f"a change of the book of {listed.symbol}"):
            return delta_of(listed.id, message, self._context.clock.now_ns())

    def _trade(self, listed: Instrument, message: Row) -> Trade:
        with reading(self._context.name, f"a trade of {listed.symbol}"):
            return trade_of(listed.id, message, self._context.clock.now_ns())


@asynccontextmanager
async def open_streams(
    context: Context,
    settings: BackpackSettings,
    catalog: Catalog,
    market: BackpackMarketData,
    account: tuple[VenueRest, OrderNames, BackpackTrading] | None,
) -> AsyncIterator[BackpackStreams]:
    """Lend the streams; sockets open when somebody listens, and none outlives the block."""
    log = context.log

    async def pulse() -> str:
        symbols = [market.instrument.symbol for market in (await catalog.listing()).markets]
        return f"ticker.{_BUSY if _BUSY in symbols or not symbols else symbols[0]}"

    def plain(topic: str) -> str:
        return json.dumps({"method": "SUBSCRIBE", "params": [topic]})

    async with AsyncExitStack() as stack:
        public = Hub(
            context,
            settings.stream_url,
            pulse=pulse,
            subscription=plain,
            refused=lambda why: log.warning("the socket refused a subscription: %s", why),
        )
        await stack.enter_async_context(public.opened())
        watch = None
        if account is not None:
            watch = AccountWatch(context, settings.stream_url, *account, pulse=pulse)
            await stack.enter_async_context(watch.opened())
        yield BackpackStreams(context, catalog, market, public, watch)
