"""Live data of a simulated exchange, driven by the clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from arb.api import BadResponse
from arb.model import SECOND_NS, Fill, FundingPayment, InstrumentId, Order, OrderBook, Trade

from ._access import VenueAccess

_BUSY_POLL_NS: Final = SECOND_NS


class SimulatedStreams:
    """Streams of one exchange; each iterator runs until it is closed or its task is cancelled.

    Args:
        interval_ns: Between two book snapshots and between two looks for public trades.
    """

    def __init__(self, access: VenueAccess, interval_ns: int = SECOND_NS) -> None:
        if interval_ns <= 0:
            raise ValueError("the interval of a stream must be positive")
        self._access = access
        self._interval_ns = interval_ns

    async def watch_order_book(self, instrument: InstrumentId) -> AsyncIterator[OrderBook]:
        """Yield a snapshot whenever the book has changed; nothing while there is no book."""
        shown: tuple[int, int] | None = None
        self._require(instrument)
        while True:
            now_ns = self._access.clock.now_ns()
            book = self._access.venue.book(instrument, now_ns)
            if book is not None and shown != (book.sequence, book.ts_event_ns):
                shown = (book.sequence, book.ts_event_ns)
                yield book
            await self._access.clock.sleep_until(now_ns + self._interval_ns)

    async def watch_trades(self, instrument: InstrumentId) -> AsyncIterator[Trade]:
        """Yield others' trades from now on."""
        self._require(instrument)
        seen_ns = self._access.clock.now_ns()
        while True:
            await self._access.clock.sleep_until(seen_ns + self._interval_ns)
            now_ns = self._access.clock.now_ns()
            for trade in self._access.venue.market.trades(instrument, seen_ns, now_ns):
                yield trade
            seen_ns = now_ns

    async def watch_account(self) -> AsyncIterator[Order | Fill | FundingPayment]:
        """Yield working orders, then every change from now on.

        Changes by own calls come at once; those by time (funding, fills of resting orders) within
        a second while orders work and with the venue's next margin check otherwise, or with the next call.
        """
        venue = self._access.venue
        async with self._access.call("watch_account"):
            working, position = venue.open_orders(), venue.record_count()
        for order in working:
            yield order
        while True:
            changed = self._access.changed
            for record in venue.records(position, self._access.acknowledged):
                position += 1
                yield record
            if changed.is_set():
                continue
            await self._until(changed, self._next_look_ns())
            if not changed.is_set():
                async with self._access.call("watch_account"):
                    pass

    def _next_look_ns(self) -> int | None:
        """Return when to look at the account although nobody called; None for never."""
        soon_ns = self._access.clock.now_ns() + _BUSY_POLL_NS
        if self._access.venue.open_orders():
            return soon_ns
        check_ns = self._access.venue.next_check_ns
        return None if check_ns is None else max(check_ns, soon_ns)

    async def _until(self, changed: asyncio.Event, look_ns: int | None) -> None:
        """Return at a change of the account or when it is time to look."""
        if look_ns is None:
            await changed.wait()
            return
        waiting = {
            asyncio.ensure_future(changed.wait()),
            asyncio.ensure_future(self._access.clock.sleep_until(look_ns)),
        }
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    def _require(self, instrument: InstrumentId) -> None:
        venue = self._access.venue
        if instrument not in venue.instruments:
            raise BadResponse(f"{instrument} is not listed", exchange=venue.name, code="unknown_instrument")
