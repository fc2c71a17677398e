"""Live data of EdgeX."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from arb.api import BadResponse, Context
from arb.model import (
    SECOND_NS,
    BookDelta,
    BookGap,
    BookUpdate,
    Fill,
    FundingPayment,
    InstrumentId,
    Order,
    OrderBook,
    Trade,
)
from arb.net import BookMessage, Connected, Row, chained, reading, rows_of, text

from ._account_stream import AccountWatch
from ._catalog import Catalog
from ._hub import Hub
from ._markets import Market
from ._prices import LEVELS, book_of, delta_of, depth_row, trade_of
from ._rest import VenueRest

_PATIENCE_NS: Final = 6 * SECOND_NS
"""How long changes may come without a snapshot before it is asked for again."""

_MOST_OLD: Final = 10
"""Changes in a row of versions that the book has passed: one may come twice, so many are versions that began anew."""

_REMEMBERED: Final = 2_000


@dataclass(slots=True)
class _Waiting:
    """Where a reader of a book stands.

    Attributes:
        since_ns: Since when it waits for a snapshot; None while it has one.
        version: Which the messages have reached; None before the first.
        old: Changes in a row that were behind it.
    """

    since_ns: int | None
    version: int | None = None
    old: int = 0

    def begin(self, now_ns: int) -> None:
        """Wait for a snapshot from now on."""
        self.since_ns, self.version, self.old = now_ns, None, 0

    def take(self, update: OrderBook | BookDelta) -> None:
        """Go on with a message; what repeats the version of now is a heartbeat."""
        if isinstance(update, OrderBook):
            self.since_ns, self.version, self.old = None, update.sequence, 0
        elif self.version is not None and update.sequence < self.version:
            self.old += 1
        else:
            self.version, self.old = update.sequence, 0


class EdgexStreams:
    """Implements :class:`arb.api.Streams` over one public socket and one of the account."""

    def __init__(
        self, context: Context, rest: VenueRest, catalog: Catalog, public: Hub, account: AccountWatch | None
    ) -> None:
        self._context = context
        self._clock = context.clock
        self._rest = rest
        self._catalog = catalog
        self._public = public
        self._account = account

    async def watch_order_book(self, instrument: InstrumentId) -> AsyncGenerator[BookUpdate, None]:
        """Yield the venue's snapshot, then the changes that continue it; a new snapshot after a gap."""
        market = await self._catalog.market(instrument)
        channel = f"depth.{market.contract_id}.{LEVELS[-1]}"

        waiting = _Waiting(self._clock.now_ns())

        async def resync(gap: str) -> None:
            self._context.log.warning("%s: %s; a snapshot is asked for", instrument, gap)
            waiting.begin(self._clock.now_ns())
            self._public.again(channel)

        await self._rest.time.ready()
        async with (
            aclosing(self._book_messages(market, channel, waiting)) as messages,
            aclosing(chained(messages, resync=resync)) as whole,
        ):
            async for update in whole:
                yield update

    async def watch_trades(self, instrument: InstrumentId) -> AsyncGenerator[Trade, None]:
        """Yield public trades from now on, each once; after a break those that the venue still tells of it."""
        market = await self._catalog.market(instrument)
        seen: OrderedDict[str, None] = OrderedDict()
        began = False
        async with aclosing(self._public.listen(f"trades.{market.contract_id}")) as messages:
            async for message in messages:
                if isinstance(message, Connected):
                    continue
                try:
                    is_whole, found = self._trades(market, message)
                except BadResponse as error:
                    self._context.log.warning("%s", error)
                    continue
                for ticket, trade in found:
                    # The first snapshot tells what was before anybody listened.
                    if ticket not in seen and (began or not is_whole):
                        yield trade
                    seen[ticket] = None
                    if len(seen) > _REMEMBERED:
                        seen.popitem(last=False)
                began = True

    def watch_account(self) -> AsyncIterator[Order | Fill | FundingPayment]:
        """Yield what rests, then every change of the account; see :class:`AccountWatch`."""
        if self._account is None:
            raise BadResponse("there is no key, so no account", exchange=self._context.name, code="no_key")
        return self._account.watch()

    async def _book_messages(
        self, market: Market, channel: str, waiting: _Waiting
    ) -> AsyncGenerator[BookMessage, None]:
        async with aclosing(self._public.listen(channel)) as messages:
            async for message in messages:
                if isinstance(message, Connected):
                    waiting.begin(self._clock.now_ns())
                    yield message
                    continue
                try:
                    update = self._book(market, message)
                except BadResponse as error:
                    # What it changed is not known: the book has a gap here.
                    yield self._gap(market, channel, waiting, str(error))
                    continue
                waiting.take(update)
                if waiting.old >= _MOST_OLD:
                    # Nothing of them would be taken, and no gap would ever show.
                    yield self._gap(market, channel, waiting, "the versions of the book began anew")
                    continue
                if waiting.since_ns is not None and self._clock.now_ns() - waiting.since_ns >= _PATIENCE_NS:
                    # The snapshot itself was lost, or it could not be asked for so soon.
                    waiting.since_ns = self._clock.now_ns()
                    self._public.again(channel)
                yield update

    def _gap(self, market: Market, channel: str, waiting: _Waiting, why: str) -> BookGap:
        """Ask for a snapshot, and return what is told until it comes."""
        self._context.log.warning("%s: %s", market.instrument.id, why)
        waiting.begin(self._clock.now_ns())
        self._public.again(channel)
        return BookGap(instrument=market.instrument.id, reason=why)

    def _book(self, market: Market, content: Row) -> OrderBook | BookDelta:
        told_ns, now_ns = self._rest.time.now_ns(), self._clock.now_ns()
        with reading(self._context.name, f"the book of {market.instrument.symbol}"):
            row = depth_row(content["data"], market)
            make = book_of if is_snapshot(content) else delta_of
            return make(market, row, told_ns, now_ns)

    def _trades(self, market: Market, content: Row) -> tuple[bool, list[tuple[str, Trade]]]:
        with reading(self._context.name, f"a trade of {market.instrument.symbol}"):
            found = [trade_of(market, row, self._clock.now_ns()) for row in rows_of(content["data"])]
            found.sort(key=lambda each: each[1].ts_event_ns)
            return is_snapshot(content), found


def is_snapshot(content: Row) -> bool:
    """Whether a message is whole or a change; the venue writes the words in several cases. Raises ValueError."""
    kind = text(content["dataType"]).lower()
    if kind not in ("snapshot", "changed"):
        raise ValueError(f"a message of the type {kind!r}")
    return kind == "snapshot"
