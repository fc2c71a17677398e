"""Books of the instruments in use, kept by their streams rather than asked for again and again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, cast

from arb.api import ArbError, Capability, Clock, Exchange
from arb.marketdata import LiveBook, PriceProvider
from arb.model import (
    MILLISECOND_NS,
    MINUTE_NS,
    SECOND_NS,
    BookDelta,
    BookGap,
    BookUpdate,
    ExchangeName,
    InstrumentId,
    OrderBook,
    exchange_of,
)

from ._lateness import Lateness

MAX_BOOKS: Final = 200
"""Streams of one exchange at a time; others' books are asked for."""

IDLE_NS: Final = 10 * MINUTE_NS
PUBLISH_NS: Final = 100 * MILLISECOND_NS
"""A busy book is handed on no more often: to make it sorted costs more than to keep it."""

LATE_NS: Final = 2 * SECOND_NS
"""Some venues date to the second: what takes so much longer than the shortest way is the past, and no price."""

_DEPTH: Final = 50
_AGAIN_NS: Final = 5 * SECOND_NS
_TELL_EVERY: Final = 1_000
_SOURCE: Final = "stream"
_LOG = logging.getLogger("arb.runtime.books")


@dataclass(slots=True)
class FeedCounts:
    """Since the start.

    Attributes:
        snapshots: Whole books that streams began with, the first one of each stream and one after each gap.
        deltas: Changes applied.
        gaps: Times a stream said that its book is lost: what it had told is served no longer.
        wrong: Updates that did not fit, and books that were not believable: each ended its stream.
        broken: Streams that raised.
        late: Updates that came too late to be served as prices.
    """

    snapshots: int = 0
    deltas: int = 0
    gaps: int = 0
    wrong: int = 0
    broken: int = 0
    late: int = 0


class BookFeed:
    """Streams the book of an instrument for ten minutes after somebody had to fetch it.

    What a stream tells goes to the price provider as if it had been fetched; when it falls silent the last book
    grows old, and reads fetch again.

    Attributes:
        counts: What streams told.
    """

    def __init__(self, exchanges: Mapping[ExchangeName, Exchange], clock: Clock) -> None:
        self._exchanges = {
            name: one
            for name, one in exchanges.items()
            if Capability.BOOK_STREAM in one.capabilities and one.streams is not None
        }
        self._clock = clock
        self._wanted: dict[InstrumentId, int] = {}
        self._news = asyncio.Event()
        self.counts = FeedCounts()

    def want(self, instrument: InstrumentId) -> None:
        """Stream a book from now on; called when it had to be fetched."""
        exchange = exchange_of(instrument)
        if exchange not in self._exchanges:
            return
        if instrument not in self._wanted:
            if sum(exchange_of(each) == exchange for each in self._wanted) >= MAX_BOOKS:
                return
            self._news.set()
        self._wanted[instrument] = self._clock.now_ns()

    async def run(self, prices: PriceProvider) -> None:
        """Hand the books that are wanted to `prices` until cancelled."""
        running: dict[InstrumentId, asyncio.Task[None]] = {}
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                for instrument in [each for each in self._wanted if each not in running]:
                    task = running[instrument] = asyncio.create_task(self._keep(instrument, prices))
                    task.add_done_callback(lambda _done, gone=instrument: running.pop(gone, None))  # type: ignore[misc]
        finally:
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)

    async def _keep(self, instrument: InstrumentId, prices: PriceProvider) -> None:
        """Follow one stream, again after each failure, until nobody wants it."""
        try:
            while self._is_wanted(instrument):
                try:
                    await self._follow(instrument, prices)
                except Exception as error:  # whatever a plugin does, books can still be fetched
                    self.counts.broken += 1
                    _LOG.warning("%s: its book stream broke: %s: %s", instrument, type(error).__name__, error)
                await prices.drop(instrument)
                await self._clock.sleep_until(self._clock.now_ns() + _AGAIN_NS)
        finally:
            self._wanted.pop(instrument, None)

    async def _follow(self, instrument: InstrumentId, prices: PriceProvider) -> None:
        streams = self._exchanges[exchange_of(instrument)].streams
        assert streams is not None
        book, lateness, published_ns = LiveBook(instrument), Lateness(), 0
        told_whole = False
        updates = cast("AsyncGenerator[BookUpdate, None]", streams.watch_order_book(instrument))
        async with aclosing(updates):
            async for update in updates:
                if isinstance(update, BookGap):
                    self.counts.gaps += 1
                    book.lose()
                    told_whole = False
                    await prices.drop(instrument)
                    continue
                problem = book.apply(update)
                if problem:
                    self.counts.wrong += 1
                    _LOG.warning("%s: its book stream gave %s", instrument, problem)
                    return
                is_whole = isinstance(update, OrderBook)
                self.counts.snapshots += is_whole
                self.counts.deltas += not is_whole
                now_ns = self._clock.now_ns()
                # A snapshot that was asked for is dated by the book's last change, which may be long ago.
                is_asked_for, told_whole = is_whole and not told_whole, is_whole
                is_late = not is_asked_for and self._is_late(instrument, lateness, update)
                if not is_late and (is_whole or now_ns - published_ns >= PUBLISH_NS):
                    published_ns = now_ns
                    if not await self._publish(instrument, book, prices):
                        return
                if not self._is_wanted(instrument):
                    return

    def _is_late(self, instrument: InstrumentId, lateness: Lateness, update: OrderBook | BookDelta) -> bool:
        """Whether an update belongs to the past; what was served before grows old, and reads fetch."""
        late_ns = lateness.of(update.ts_event_ns, update.ts_init_ns)
        if late_ns <= LATE_NS:
            return False
        if self.counts.late % _TELL_EVERY == 0:
            _LOG.warning("%s: its book stream comes %.1f s late: not served", instrument, late_ns / SECOND_NS)
        self.counts.late += 1
        return True

    async def _publish(self, instrument: InstrumentId, book: LiveBook, prices: PriceProvider) -> bool:
        whole = book.book(_DEPTH)
        if whole is None or not whole.bids or not whole.asks:
            return True  # an empty side is no price, and no mistake either
        try:
            await prices.put_book(instrument, whole, _SOURCE)
        except ArbError as error:
            self.counts.wrong += 1
            _LOG.warning("%s: the book of its stream is not believed: %s", instrument, error)
            return False
        return True

    def _is_wanted(self, instrument: InstrumentId) -> bool:
        return self._clock.now_ns() - self._wanted.get(instrument, -IDLE_NS) < IDLE_NS
