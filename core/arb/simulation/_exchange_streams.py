"""Live data of a simulated exchange, driven by the clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from arb.api import BadResponse
from arb.model import MINUTE_NS, SECOND_NS, Fill, FundingPayment, InstrumentId, Order, OrderBook, Trade

from ._desk import Desk

_BUSY_POLL_NS: Final = SECOND_NS
_IDLE_POLL_NS: Final = MINUTE_NS


class SimulatedStreams:
    """Streams of one exchange; each iterator runs until it is closed or its task is cancelled.

    Args:
        interval_ns: Between two book snapshots and between two looks for public trades.
    """

    def __init__(self, desk: Desk, interval_ns: int = SECOND_NS) -> None:
        if interval_ns <= 0:
            raise ValueError("the interval of a stream must be positive")
        self._desk = desk
        self._interval_ns = interval_ns

    async def watch_order_book(self, instrument: InstrumentId) -> AsyncIterator[OrderBook]:
        """Yield a snapshot whenever the book has changed; nothing while there is no book."""
        shown: tuple[int, int] | None = None
        self._require(instrument)
        while True:
            now_ns = self._desk.clock.now_ns()
            book = self._desk.venue.book(instrument, now_ns)
            if book is not None and shown != (book.sequence, book.ts_event_ns):
                shown = (book.sequence, book.ts_event_ns)
                yield book
            await self._desk.clock.sleep_until(now_ns + self._interval_ns)

    async def watch_trades(self, instrument: InstrumentId) -> AsyncIterator[Trade]:
        """Yield others' trades from now on."""
        self._require(instrument)
        seen_ns = self._desk.clock.now_ns()
        while True:
            await self._desk.clock.sleep_until(seen_ns + self._interval_ns)
            now_ns = self._desk.clock.now_ns()
            for trade in self._desk.venue.market.trades(instrument, seen_ns, now_ns):
                yield trade
            seen_ns = now_ns

    async def watch_account(self) -> AsyncIterator[Order | Fill | FundingPayment]:
        """Yield working orders, then every change from now on.

        Changes by own calls come at once; those by time (funding, fills of resting orders) within
        a second while orders work and within a minute otherwise, or with the next call.
        """
        venue = self._desk.venue
        async with self._desk.call("watch_account"):
            working, position = venue.open_orders(), venue.record_count()
        for order in working:
            yield order
        while True:
            changed = self._desk.changed
            for record in venue.records(position, self._desk.acknowledged):
                position += 1
                yield record
            if changed.is_set():
                continue
            await self._until(changed, _BUSY_POLL_NS if venue.open_orders() else _IDLE_POLL_NS)
            if not changed.is_set():
                async with self._desk.call("watch_account"):
                    pass

    async def _until(self, changed: asyncio.Event, wait_ns: int) -> None:
        """Return at a change of the account or when the time is over."""
        clock = self._desk.clock
        waiting = {
            asyncio.ensure_future(changed.wait()),
            asyncio.ensure_future(clock.sleep_until(clock.now_ns() + wait_ns)),
        }
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    def _require(self, instrument: InstrumentId) -> None:
        venue = self._desk.venue
        if instrument not in venue.instruments:
            raise BadResponse(f"{instrument} is not listed", exchange=venue.name, code="unknown_instrument")
