"""Live data."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from arb.api import BadResponse, ConfigError, Context
from arb.model import BookUpdate, Fill, FundingPayment, InstrumentId, Order, OrderBook, Trade
from arb.net import BookMessage, Connected, chained, reading, whole

from . import _market_rows
from ._account_stream import AccountStream
from ._client import Client
from ._hub import Hub
from ._market import HyperliquidMarket
from ._seen import Seen


class HyperliquidStreams:
    """Implements :class:`arb.api.Streams` over one socket."""

    def __init__(
        self,
        client: Client,
        hub: Hub,
        market: HyperliquidMarket,
        account: AccountStream | None,
        context: Context,
        *,
        fast_books: bool,
    ) -> None:
        """Open nothing yet.

        Args:
            client: For the venue's time and the exchange's name.
            hub: The socket.
            market: What is listed.
            account: None without a key.
            context: The plugin's.
            fast_books: Five levels about twice a second instead of twenty every few seconds.
        """
        self._books_asked: dict[str, Any] = {"fast": True} if fast_books else {}
        self._client = client
        self._hub = hub
        self._market = market
        self._account = account
        self._clock = context.clock

    async def watch_order_book(self, instrument: InstrumentId) -> AsyncIterator[BookUpdate]:
        """Yield whole books, as the venue sends them; none continues another."""

        async def resync(gap: str) -> None:
            self._hub.restart(gap)

        async with aclosing(self._books(instrument)) as books, aclosing(chained(books, resync=resync)) as whole_books:
            async for book in whole_books:
                yield book

    async def watch_trades(self, instrument: InstrumentId) -> AsyncIterator[Trade]:
        """Yield public trades from now on, each once."""
        market = await self._market.open_market(instrument)
        since_ns, seen = self._client.venue_time.now_ns(), Seen()
        async with aclosing(self._hub.watch({"type": "trades", "coin": market.coin})) as messages:
            async for item in messages:
                if isinstance(item, Connected):
                    continue
                for row in self._rows(item["data"], market.coin):
                    with reading(self._client.name, f"a trade of {instrument}"):
                        trade = _market_rows.trade(row, instrument, self._clock.now_ns())
                        is_new = seen.add(whole(row["tid"]))
                    # What the venue sends at the beginning may be older than whoever watches.
                    if is_new and trade.ts_event_ns >= since_ns:
                        yield trade

    async def watch_account(self) -> AsyncIterator[Order | Fill | FundingPayment]:
        """Yield working orders, then every change of the account.

        Raises:
            ConfigError: there is no key.
        """
        if self._account is None:
            raise ConfigError(f"{self._client.name}: an account is watched with a key only")
        async with aclosing(self._account.watch()) as changes:
            async for change in changes:
                yield change

    async def _books(self, instrument: InstrumentId) -> AsyncGenerator[BookMessage, None]:
        coin = (await self._market.open_market(instrument)).coin
        book: OrderBook | None = None
        async with aclosing(self._hub.watch({"type": "l2Book", "coin": coin, **self._books_asked})) as messages:
            async for item in messages:
                if isinstance(item, Connected):
                    book = None
                    yield item
                    continue
                try:
                    with reading(self._client.name, f"the book of {instrument}"):
                        changed = _market_rows.order_book(item["data"], instrument, self._clock.now_ns())
                except BadResponse as error:
                    self._hub.restart(str(error))
                    continue
                if book is None or changed.sequence >= book.sequence:
                    book = changed
                    yield book

    def _rows(self, data: Any, coin: str) -> list[Any]:
        with reading(self._client.name, f"the trades of {coin}"):
            return [row for row in data if row["coin"] == coin]
