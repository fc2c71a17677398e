"""Books kept whole from the socket, shared by everybody who asks for one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from decimal import Decimal
from heapq import nlargest, nsmallest
from typing import Final

from arb.api import BadResponse, Context
from arb.model import SECOND_NS, BookDelta, BookGap, BookLevel, BookUpdate, InstrumentId, OrderBook
from arb.net import BookMessage, Connected, chained, reading

from ._channels import Channels, Heard
from ._prices import book_message
from ._waiting import first_of, for_ever, stopped

FRESH_NS: Final = 5 * SECOND_NS
"""A book counts as current while the socket said anything, be it the number of a block, within that time."""

_FIRST_NS: Final = 3 * SECOND_NS // 2
"""How long whoever asks first waits for the snapshot before the book is read in another way."""

_UNLIMITED: Final = 1_000_000
MAX_UNREAD: Final = 10_000


class KeptBook:
    """One market's book."""

    def __init__(
        self, context: Context, channels: Channels, market_id: int, instrument: InstrumentId, keep_ns: int
    ) -> None:
        """Ask for nothing yet."""
        self._context = context
        self._clock = context.clock
        self._channels = channels
        self._channel = f"order_book/{market_id}"
        self._instrument = instrument
        self._keep_ns = keep_ns
        self._asked_ns = 0
        self._task: asyncio.Task[None] | None = None
        self._watchers: list[asyncio.Queue[BookUpdate]] = []
        self._top: OrderBook | None = None
        self._bids: dict[Decimal, Decimal] = {}
        self._asks: dict[Decimal, Decimal] = {}
        self._changed = asyncio.Event()

    async def current(self, depth: int) -> OrderBook | None:
        """Return the best levels; None where the book is not kept now, and could not be had in a moment."""
        self._ask()
        if self._top is None:
            await first_of(self._clock, self._changed.wait(), self._clock.now_ns() + _FIRST_NS)
        if self._top is None or not self._channels.is_fresh(FRESH_NS):
            return None
        # What the socket said last confirms the book: it would have told of a change.
        return self._shown(depth, self._channels.heard_ns)

    async def updates(self) -> AsyncGenerator[BookUpdate, None]:
        """Yield the book, then its changes; the book anew after every gap."""
        unread: asyncio.Queue[BookUpdate] = asyncio.Queue()
        self._watchers.append(unread)
        try:
            self._ask()
            if self._top is not None:
                unread.put_nowait(self._shown(_UNLIMITED, self._top.ts_init_ns))
            while True:
                yield await unread.get()
        finally:
            self._watchers.remove(unread)

    async def close(self) -> None:
        """Keep it no longer."""
        await stopped(self._task)

    def _ask(self) -> None:
        self._asked_ns = self._clock.now_ns()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        keeping = asyncio.create_task(for_ever(self._context, self._channel, self._keep, self._lose))
        try:
            while self._watchers or self._clock.now_ns() < self._asked_ns + self._keep_ns:
                await self._clock.sleep_until(max(self._asked_ns, self._clock.now_ns()) + self._keep_ns)
        finally:
            await stopped(keeping)
            self._lose()

    async def _keep(self) -> None:
        async with (
            aclosing(self._channels.listen(self._channel)) as heard,
            aclosing(self._parsed(heard)) as messages,
            aclosing(chained(messages, resync=self._resync)) as updates,
        ):
            async for update in updates:
                if isinstance(update, BookGap):
                    self._lose(update.reason)
                    continue
                self._apply(update)
                for unread in self._watchers:
                    self._hand(unread, update)

    async def _parsed(self, heard: AsyncIterator[Heard]) -> AsyncGenerator[BookMessage, None]:
        async for message in heard:
            if isinstance(message, Connected):
                self._lose()
                yield message
                continue
            try:
                with reading(self._context.name, self._channel):
                    parsed = book_message(message, self._instrument, self._clock.now_ns())
            except BadResponse as error:
                # What it changed is not known: the book begins anew.
                self._lose(str(error))
                self._channels.restart(str(error))
                continue
            yield parsed

    async def _resync(self, gap: str) -> None:
        self._lose(gap)
        self._context.log.info("%s: %s; asking for a new snapshot", self._channel, gap)
        self._channels.again(self._channel)

    def _apply(self, update: OrderBook | BookDelta) -> None:
        if isinstance(update, OrderBook):
            self._bids, self._asks = dict(update.bids), dict(update.asks)
        else:
            for sizes, levels in ((self._bids, update.bids), (self._asks, update.asks)):
                for price, size in levels:
                    if size:
                        sizes[price] = size
                    else:
                        sizes.pop(price, None)
        self._top = OrderBook(
            instrument=self._instrument,
            bids=(),
            asks=(),
            sequence=update.sequence,
            ts_event_ns=update.ts_event_ns,
            ts_init_ns=update.ts_init_ns,
        )
        self._changed.set()

    def _hand(self, unread: asyncio.Queue[BookUpdate], update: BookUpdate) -> None:
        if unread.qsize() >= MAX_UNREAD:
            # Whoever is that far behind is better served by the book as it is now.
            while not unread.empty():
                unread.get_nowait()
            if not isinstance(update, BookGap):
                update = self._shown(_UNLIMITED, update.ts_init_ns)
        unread.put_nowait(update)

    def _lose(self, reason: str = "its socket has ended") -> None:
        if self._top is not None:
            for unread in self._watchers:
                self._hand(unread, BookGap(instrument=self._instrument, reason=reason))
        self._top = None
        self._changed.clear()

    def _shown(self, depth: int, received_ns: int) -> OrderBook:
        assert self._top is not None
        bids = nlargest(depth, self._bids.items()) if depth < _UNLIMITED else sorted(self._bids.items(), reverse=True)
        asks = nsmallest(depth, self._asks.items()) if depth < _UNLIMITED else sorted(self._asks.items())
        return replace(
            self._top,
            bids=tuple(BookLevel(*level) for level in bids),
            asks=tuple(BookLevel(*level) for level in asks),
            ts_init_ns=received_ns,
        )


class Books:
    """The books that are kept, by market."""

    def __init__(self, make: Callable[[int, InstrumentId], KeptBook]) -> None:
        """Keep none yet."""
        self._make = make
        self._books: dict[int, KeptBook] = {}

    def of(self, market_id: int, instrument: InstrumentId) -> KeptBook:
        """Return the book of a market."""
        if market_id not in self._books:
            self._books[market_id] = self._make(market_id, instrument)
        return self._books[market_id]

    @property
    def kept(self) -> Mapping[int, KeptBook]:
        """Return the books that were asked for."""
        return self._books

    async def close(self) -> None:
        """Keep none any longer."""
        await asyncio.gather(*(book.close() for book in self._books.values()))
