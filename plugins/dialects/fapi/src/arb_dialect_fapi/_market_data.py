"""Public data of the venue."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any, Final

from arb.api import BadResponse, Context
from arb.model import (
    MILLISECOND_NS,
    Bbo,
    FundingRate,
    Instrument,
    InstrumentId,
    InstrumentStatus,
    MarketStats,
    OrderBook,
)
from arb.net import Row, reading, row_of, rows_of

from ._catalog import Catalog
from ._dialect import Dialect
from ._interest import OpenInterest
from ._listing import Listing
from ._prices import (
    LONGEST_INTERVAL_NS,
    book_of,
    depth_limit,
    dollars_of,
    predicted_of,
    settled_of,
    settlements_of,
    stats_of,
    turnover_of,
)
from ._rest import VenueRest

_BBO_DEPTH: Final = 5
_PAGE: Final = 1_000
_MOST_PAGES: Final = 200
"""Twenty years of hourly settlements: an answer that never ends is none."""


class FapiMarketData:
    """Implements :class:`arb.api.MarketData`."""

    def __init__(self, context: Context, dialect: Dialect, rest: VenueRest, catalog: Catalog) -> None:
        self._context = context
        self._clock = context.clock
        self._dialect = dialect
        self._rest = rest
        self._catalog = catalog
        self._interest = OpenInterest(context, dialect, rest)

    async def fetch_instruments(self) -> Sequence[Instrument]:
        """Return every perpetual future; with a key with the account's brackets and fees."""
        return (await self._catalog.read()).instruments

    async def fetch_order_book(self, instrument: InstrumentId, depth: int) -> OrderBook:
        """Return a book of at least `depth` levels a side where it has them, of 1000 at most."""
        listed = await self._catalog.instrument(instrument)
        return self._book(listed, await self._rest.book(listed.symbol, depth_limit(self._dialect.depth_weights, depth)))

    async def snapshot(self, instrument: InstrumentId, *, mends: bool) -> OrderBook:
        """Return the deepest book, in its turn among all that are asked for by streams; see `VenueRest.snapshot`."""
        listed = await self._catalog.instrument(instrument)
        deepest = max(self._dialect.depth_weights)
        return self._book(listed, await self._rest.snapshot(listed.symbol, deepest, mends=mends))

    async def fetch_bbo(self, instrument: InstrumentId) -> Bbo:
        """Return the top of the book, with its number: `bookTicker` has the same weight and none."""
        bbo = (await self.fetch_order_book(instrument, _BBO_DEPTH)).bbo()
        if bbo is None:
            text = f"a side of the book of {instrument} is empty"
            raise BadResponse(text, exchange=self._context.name, code="empty_book")
        return bbo

    async def fetch_stats(self) -> Sequence[MarketStats]:
        """Return mark and index price, the day's turnover and, as far as it is known, the open interest."""
        listing = await self._catalog.listing()
        marks, tickers = await asyncio.gather(self._marks(), self._rest.get(self._dialect.endpoints.ticker_24h))
        with self._reading("the day's turnover"):
            told = turnover_of(tickers)
        traded = (each.symbol for each in listing.instruments if each.status is InstrumentStatus.TRADING)
        turnover = {symbol: told[symbol] for symbol in traded if symbol in told}
        interests = await self._interest.read(turnover)
        with self._reading("prices and activity"):
            return stats_of(listing, marks, tickers, interests, self._clock.now_ns())

    async def fetch_fx_rates(self) -> Mapping[str, Decimal]:
        """Return at what the venue values collateral; nothing where it does not tell that."""
        endpoint = self._dialect.endpoints.asset_index
        if endpoint is None:
            return {}
        answer = await self._rest.get(endpoint)
        with self._reading("the prices of collateral"):
            return dollars_of(answer)

    async def fetch_funding_rates(self) -> Sequence[FundingRate]:
        """Return the running estimate of every instrument, over the interval that holds now."""
        listing, now_ns = await self._catalog.listing(), self._clock.now_ns()
        answer, intervals = await asyncio.gather(self._marks(), self._catalog.intervals())
        with self._reading("funding rates"):
            rates = [self._predicted(listing, row, intervals, now_ns) for row in rows_of(answer)]
        return [rate for rate in rates if rate is not None]

    async def fetch_funding_history(
        self, instrument: InstrumentId, start_ns: int, end_ns: int
    ) -> Sequence[FundingRate]:
        """Return settled rates in [start, end), oldest first.

        It is read from one interval before, so that the distance to the settlement before the first is known.
        """
        if start_ns >= end_ns:
            return []
        listed = await self._catalog.instrument(instrument)
        found: dict[int, Decimal] = {}
        from_ms = max(0, start_ns - LONGEST_INTERVAL_NS - LONGEST_INTERVAL_NS // 8) // MILLISECOND_NS
        to_ms = -(-end_ns // MILLISECOND_NS)
        for _ in range(_MOST_PAGES):
            params = {
                "symbol": listed.symbol,
                "startTime": str(from_ms),
                "endTime": str(to_ms),
                "limit": str(_PAGE),
            }
            answer = await self._rest.funding(self._dialect.endpoints.funding_rate, params)
            with self._reading(f"the funding history of {listed.symbol}"):
                rows = settlements_of(answer)
            found.update(rows)
            if len(rows) < _PAGE:
                rates = settled_of(listed, sorted(found.items()), self._clock.now_ns())
                return [rate for rate in rates if start_ns <= rate.ts_event_ns < end_ns]
            from_ms = max(ts_ns for ts_ns, _ in rows) // MILLISECOND_NS + 1
        raise BadResponse(
            f"the funding history of {listed.symbol} has no end", exchange=self._context.name, code="endless"
        )

    def _book(self, listed: Instrument, answer: Any) -> OrderBook:
        with self._reading(f"the book of {listed.symbol}"):
            return book_of(listed.id, row_of(answer), self._clock.now_ns())

    async def _marks(self) -> Any:
        return await self._rest.get(self._dialect.endpoints.premium_index)

    def _predicted(self, listing: Listing, row: Row, intervals: Mapping[str, int], now_ns: int) -> FundingRate | None:
        instrument = listing.of_symbol(row["symbol"])
        if instrument is None:
            return None
        return predicted_of(instrument, row, intervals.get(instrument.symbol, self._dialect.interval_ns), now_ns)

    def _reading(self, what: str) -> AbstractContextManager[None]:
        return reading(self._context.name, what)
