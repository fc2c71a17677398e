"""Brings another exchange's public data to a paper account before each of its calls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from arb.api import BadResponse, Capability, Clock, Exchange, ExchangeError, NotSent, Rejected
from arb.model import (
    DAY_NS,
    MINUTE_NS,
    SECOND_NS,
    Bbo,
    FundingRate,
    Instrument,
    InstrumentId,
    MarketStats,
    OrderBook,
    OrderRequest,
)

from ._paper_listing import PaperListing
from ._paper_market import LiveMarket
from ._venue import SimulatedVenue

_STATS_AGE_NS: Final = 10 * SECOND_NS
_BOOK_AGE_NS: Final = 2 * SECOND_NS
_RATES_RETRY_NS: Final = 5 * SECOND_NS
_HISTORY_RETRY_NS: Final = 30 * SECOND_NS
_SLOW_NS: Final = SECOND_NS
_FAILED_NS: Final = 2 * SECOND_NS
"""How long a read that took a second or more to fail is not tried again for the other calls of an account."""
_LAG_NS: Final = 10 * MINUTE_NS
"""How long after a settlement a venue may take to announce the next one."""
_DEPTH: Final = 100
_BLIND: Final = frozenset({"cancel_order", "cancel_all", "arm_dead_mans_switch"})
"""Operations that need no prices: they must work while the market cannot be read."""


class PaperFeed:
    """Reads `inner.market`, never `inner.trading`, and stands before the desk of a paper account.

    It implements `Faults`: what cannot be read now is an answer that certainly did nothing.
    """

    def __init__(
        self,
        inner: Exchange,
        live: LiveMarket,
        venue: SimulatedVenue,
        listing: PaperListing,
        clock: Clock,
        log: logging.Logger,
        *,
        timeout_ns: int,
    ) -> None:
        self.inner = inner
        self.live = live
        self.clock = clock
        self._venue = venue
        self._listing = listing
        self._log = log
        self._timeout_s = timeout_ns / SECOND_NS
        self._failed: tuple[int, NotSent] | None = None
        self._stats_ns: int | None = None
        self._rates_ns: int | None = None
        self._history_ns: dict[InstrumentId, int] = {}

    async def before(self, operation: str, subject: object = None) -> None:
        """Read what the operation needs.

        Raises:
            NotSent: the market could not be read; nothing happened.
            Rejected: an order opens a position whose funding schedule is not known.
        """
        request = subject if isinstance(subject, OrderRequest) else None
        if request is not None and request.instrument not in self.live.watched:
            self.live.watch(request.instrument, self.clock.now_ns())
            # What was read before was not remembered for it.
            self._stats_ns = self._rates_ns = None
        if request is None and operation not in _BLIND:
            self._fail_again()
        began_ns = self.clock.now_ns()
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._read_schedule()
                if operation not in _BLIND:
                    await self._read_stats()
                    await self._read_books(request)
                    self._require_belief(request)
        except Exception as error:  # a plugin that breaks while it reads has done nothing either
            failure = self._not_sent(operation, error)
            ended_ns = self.clock.now_ns()
            if request is None and (isinstance(error, TimeoutError) or ended_ns - began_ns >= _SLOW_NS):
                self._failed = (ended_ns, failure)
            raise failure from error
        await self._read_history()
        if request is not None and not request.reduce_only:
            self._require_schedule(request)
            if request.instrument in self._venue.instruments:
                await self._listing.keep(self._venue.instruments[request.instrument])

    async def after(self, operation: str, subject: object = None) -> None:
        """Let every answer through."""

    def _not_sent(self, operation: str, error: Exception) -> NotSent:
        return NotSent(
            f"{operation}: the market could not be read, so the paper account did nothing ({self._why(error)})",
            exchange=self.inner.name,
            code="no_market_data",
            retry_after_ns=error.retry_after_ns if isinstance(error, ExchangeError) else None,
        )

    def _why(self, error: Exception) -> str:
        if isinstance(error, ExchangeError):
            return str(error)
        if isinstance(error, TimeoutError):
            return f"no answer within {self._timeout_s:g} s"
        return f"{type(error).__name__}: {error}"

    def _fail_again(self) -> None:
        """Raise what failed slowly a moment ago: an account is read by several calls, and each would wait as long."""
        if self._failed is not None and self.clock.now_ns() - self._failed[0] < _FAILED_NS:
            raise self._failed[1]

    async def stats(self) -> Sequence[MarketStats]:
        """Read and remember prices."""
        rows = await self.inner.market.fetch_stats()
        self._stats_ns = self.clock.now_ns()
        self.live.add_stats(rows, self._stats_ns)
        return rows

    async def funding_rates(self) -> Sequence[FundingRate]:
        """Read and remember predicted rates."""
        rates = await self.inner.market.fetch_funding_rates()
        self._rates_ns = self.clock.now_ns()
        self.live.add_rates(rates, self._rates_ns)
        return rates

    async def funding_history(self, instrument: InstrumentId, start_ns: int, end_ns: int) -> Sequence[FundingRate]:
        """Read and remember settled rates."""
        rates = await self.inner.market.fetch_funding_history(instrument, start_ns, end_ns)
        self.live.add_rates(rates, self.clock.now_ns())
        return rates

    async def order_book(self, instrument: InstrumentId, depth: int) -> OrderBook:
        """Read a book, and remember it when it can be believed."""
        book = await self.inner.market.fetch_order_book(instrument, depth)
        self.live.add_book(book, self.clock.now_ns())
        return book

    async def _read_stats(self) -> None:
        if self._stats_ns is None or self.clock.now_ns() - self._stats_ns >= _STATS_AGE_NS:
            await self.stats()

    async def _read_schedule(self) -> None:
        """Learn the coming settlements before time may pass one of them."""
        now_ns = self.clock.now_ns()
        if self._rates_ns is not None and now_ns - self._rates_ns < _RATES_RETRY_NS:
            return
        if Capability.PREDICTED_FUNDING in self.inner.capabilities and any(
            (self.live.announced_ns(instrument) or 0) <= now_ns for instrument in self.live.watched
        ):
            await self.funding_rates()

    async def _read_books(self, request: OrderRequest | None) -> None:
        """Read the book an order will meet, and those that resting orders wait for."""
        if request is not None:
            await self._read_book_to_meet(request.instrument)
        for instrument in sorted({order.request.instrument for order in self._venue.open_orders()}):
            age_ns = self.live.book_age_ns(instrument, self.clock.now_ns())
            if age_ns is None or age_ns >= _BOOK_AGE_NS:
                await self.order_book(instrument, _DEPTH)

    async def _read_book_to_meet(self, instrument: InstrumentId) -> None:
        book = await self.inner.market.fetch_order_book(instrument, _DEPTH)
        if book.instrument != instrument:
            raise BadResponse(f"asked for the book of {instrument}, got that of {book.instrument}")
        problem = self.live.add_book(book, self.clock.now_ns())
        if problem is not None:
            raise BadResponse(f"{instrument} is not believed: {problem}")

    def _require_belief(self, request: OrderRequest | None) -> None:
        """Let nothing happen to the account while a price it depends on is taken for an error."""
        concerned = self._venue.involved() | ({request.instrument} if request is not None else set())
        doubts = [f"{each} is not believed: {why}" for each in sorted(concerned) if (why := self.live.doubt(each))]
        if doubts:
            raise BadResponse("; ".join(doubts))

    async def _read_history(self) -> None:
        """Look for rates of past settlements; what does not show stays unknown."""
        if Capability.FUNDING_HISTORY not in self.inner.capabilities:
            return
        for instrument in tuple(self.live.watched):
            now_ns = self.clock.now_ns()
            read_ns = self._history_ns.get(instrument)
            if read_ns is not None and now_ns - read_ns < _HISTORY_RETRY_NS:
                continue
            # What a venue has not shown within a day is asked for once more after a start, then left.
            oldest_ns = 0 if read_ns is None else now_ns - DAY_NS
            missing = [moment for moment in self.live.unsettled(instrument, now_ns) if moment >= oldest_ns]
            if not missing:
                continue
            self._history_ns[instrument] = now_ns
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self.funding_history(instrument, missing[0] - MINUTE_NS, now_ns + 1)
            except Exception as error:  # whatever broke, the account goes on without the rate
                text = "settled funding of %s could not be read, it stays unknown: %s"
                self._log.warning(text, instrument, self._why(error))

    def _require_schedule(self, request: OrderRequest) -> None:
        announced_ns = self.live.announced_ns(request.instrument)
        if announced_ns is None or announced_ns < self.clock.now_ns() - _LAG_NS:
            text = f"order {request.client_order_id}: {request.instrument} shows no coming funding settlement"
            raise Rejected(
                f"{text}, so paper trading cannot account for it", exchange=self.inner.name, code="no_schedule"
            )


class PaperMarketData:
    """The inner exchange's public data; what passes is remembered for the paper account."""

    def __init__(self, feed: PaperFeed) -> None:
        self._feed = feed

    async def fetch_instruments(self) -> Sequence[Instrument]:
        """Return the inner exchange's instruments."""
        instruments = await self._feed.inner.market.fetch_instruments()
        self._feed.live.add_instruments(instruments)
        return instruments

    async def fetch_order_book(self, instrument: InstrumentId, depth: int) -> OrderBook:
        """Return the inner exchange's book."""
        return await self._feed.order_book(instrument, depth)

    async def fetch_bbo(self, instrument: InstrumentId) -> Bbo:
        """Return the inner exchange's top of book."""
        return await self._feed.inner.market.fetch_bbo(instrument)

    async def fetch_stats(self) -> Sequence[MarketStats]:
        """Return the inner exchange's prices and activity."""
        return await self._feed.stats()

    async def fetch_fx_rates(self) -> Mapping[str, Decimal]:
        """Return the inner exchange's currency rates."""
        rates = await self._feed.inner.market.fetch_fx_rates()
        self._feed.live.add_fx_rates(rates)
        return rates

    async def fetch_funding_rates(self) -> Sequence[FundingRate]:
        """Return the inner exchange's predicted rates."""
        return await self._feed.funding_rates()

    async def fetch_funding_history(
        self, instrument: InstrumentId, start_ns: int, end_ns: int
    ) -> Sequence[FundingRate]:
        """Return the inner exchange's settled rates."""
        return await self._feed.funding_history(instrument, start_ns, end_ns)
