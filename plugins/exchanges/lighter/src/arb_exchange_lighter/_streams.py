"""Live data of Lighter: books, trades and the account, each over one socket."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from arb.api import BadResponse, Context
from arb.model import BookUpdate, Fill, FundingPayment, InstrumentId, Order, Trade
from arb.net import Connected, Row, from_s, reading, text, whole

from ._books import Books
from ._channels import Channels
from ._fields import maybe_rows
from ._listing import Listing
from ._prices import trades_of
from ._reading import AccountReads
from ._reports import order_rows


class LighterStreams:
    """Implements :class:`arb.api.Streams`."""

    def __init__(
        self, context: Context, channels: Channels, listing: Listing, books: Books, account: AccountFeed | None
    ) -> None:
        """Ask for nothing yet."""
        self._context = context
        self._channels = channels
        self._listing = listing
        self._books = books
        self._account = account

    async def watch_order_book(self, instrument: InstrumentId) -> AsyncGenerator[BookUpdate, None]:
        """Yield the book whole, then its changes; whole again after every gap."""
        market = await self._listing.of(instrument)
        async with aclosing(self._books.of(market.market_id, instrument).updates()) as updates:
            async for update in updates:
                yield update

    async def watch_trades(self, instrument: InstrumentId) -> AsyncGenerator[Trade, None]:
        """Yield trades from now on, each once; after a break those that the venue still tells of it."""
        market = await self._listing.of(instrument)
        last: int | None = None
        channel = f"trade/{market.market_id}"
        async with aclosing(self._channels.listen(channel)) as heard:
            async for message in heard:
                if isinstance(message, Connected):
                    continue
                with reading(self._context.name, channel):
                    found = trades_of(message, instrument, self._context.clock.now_ns())
                    is_history = last is None and text(message["type"]).startswith("subscribed/")
                if last is None:
                    last = 0
                for trade_id, trade in found:
                    if trade_id > last and not is_history:
                        yield trade
                    last = max(last, trade_id)

    def watch_account(self) -> AsyncGenerator[Order | Fill | FundingPayment, None]:
        """Yield changes of the account from now on."""
        if self._account is None:
            raise BadResponse("there is no account", exchange=self._context.name, code="no_account")
        return self._account.watch()


class AccountFeed:
    """Changes of one account."""

    def __init__(self, context: Context, channels: Channels, reads: AccountReads, account_index: int) -> None:
        """Hear nothing yet."""
        self._context = context
        self._channels = channels
        self._reads = reads
        self._orders = f"account_all_orders/{account_index}"
        self._trades = f"account_all_trades/{account_index}"
        self._all = f"account_all/{account_index}"

    async def watch(self) -> AsyncGenerator[Order | Fill | FundingPayment, None]:
        """Yield order reports, fills and payments.

        What the venue tells of the past when it is asked first is left out. After a break it tells what it
        remembers, and what of that is new is yielded.
        """
        seen = _Seen(self._context.clock.now_ns())
        async with aclosing(self._channels.listen(self._orders, self._trades, self._all)) as heard:
            async for message in heard:
                if isinstance(message, Connected):
                    continue
                try:
                    records = await self._records(message, seen)
                except BadResponse as error:
                    self._channels.restart(str(error))
                    continue
                for record in records:
                    yield record

    async def _records(self, message: Row, seen: _Seen) -> list[Order | Fill | FundingPayment]:
        channel = str(message.get("channel", "")).replace(":", "/")
        with reading(self._context.name, channel):
            if channel == self._orders:
                orders = [await self._reads.known_order(row) for row in order_rows(message)]
                return [order for order in orders if order is not None]
            if channel == self._trades:
                rows = seen.new_trades(message)
                return [fill for row in rows for fill in await self._reads.known_fills(row)]
            payments = [await self._reads.known_payment(row) for row in seen.new_payments(message)]
            return [payment for payment in payments if payment is not None]


class _Seen:
    """How far trades and payments were told."""

    def __init__(self, began_ns: int) -> None:
        self._began_ns = began_ns
        self._trade_id: int | None = None
        self._paid_ns: dict[int, int] = {}

    def new_trades(self, message: Row) -> list[Row]:
        found = {whole(row["trade_id"]): row for rows in _groups(message, "trades") for row in rows}
        is_history = self._trade_id is None and text(message["type"]).startswith("subscribed/")
        last = self._trade_id or 0
        self._trade_id = max([last, *found])
        return [] if is_history else [found[trade_id] for trade_id in sorted(found) if trade_id > last]

    def new_payments(self, message: Row) -> list[Row]:
        rows = [row for rows in _groups(message, "funding_histories") for row in rows]
        new = []
        for row in sorted(rows, key=lambda each: whole(each["timestamp"])):
            market_id, settled_ns = whole(row["market_id"]), from_s(row["timestamp"])
            if settled_ns >= self._began_ns and settled_ns > self._paid_ns.get(market_id, 0):
                self._paid_ns[market_id] = settled_ns
                new.append(row)
        return new


def _groups(message: Row, name: str) -> list[list[Row]]:
    return [maybe_rows(rows) for rows in (message.get(name) or {}).values()]
