"""Public data of Backpack."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from arb.api import BadResponse, Context
from arb.model import Bbo, FundingRate, Instrument, InstrumentId, MarketStats, OrderBook
from arb.net import reading, rows_of

from ._account import dollars_of
from ._catalog import Catalog
from ._fields import from_text
from ._markets import QUOTE, Listing
from ._prices import book_of, depth_limit, predicted_of, settled_of, stats_of
from ._rest import Pace, VenueRest
from ._signing import Params

_ONE: Final = Decimal(1)
_BBO_DEPTH: Final = 5
_PAGE: Final = 1_000
"""Rows of funding history in one answer; the venue allows 10 000, its own clients ask for 1000."""

_MOST_PAGES: Final = 100
"""Eleven years of hourly settlements: an answer that never ends is none."""


class BackpackMarketData:
    """Implements :class:`arb.api.MarketData`."""

    def __init__(self, context: Context, rest: VenueRest, catalog: Catalog, *, has_key: bool) -> None:
        self._context = context
        self._clock = context.clock
        self._rest = rest
        self._catalog = catalog
        self._has_key = has_key

    async def fetch_instruments(self) -> Sequence[Instrument]:
        """Return every perpetual future, with the account's own fees where there is a key."""
        return [market.instrument for market in (await self._catalog.read()).markets]

    async def fetch_order_book(self, instrument: InstrumentId, depth: int) -> OrderBook:
        """Return a book of at least `depth` levels a side where it has them, of 1000 at most."""
        listed = await self._catalog.instrument(instrument)
        answer = await self._rest.get("/api/v1/depth", {"symbol": listed.symbol, "limit": str(depth_limit(depth))})
        with self._reading(f"the book of {listed.symbol}"):
            return book_of(listed.id, answer, self._clock.now_ns())

    async def fetch_bbo(self, instrument: InstrumentId) -> Bbo:
        """Return the top of the book: the venue has no call of its own for it."""
        bbo = (await self.fetch_order_book(instrument, _BBO_DEPTH)).bbo()
        if bbo is None:
            text = f"a side of the book of {instrument} is empty"
            raise BadResponse(text, exchange=self._context.name, code="empty_book")
        return bbo

    async def fetch_stats(self) -> Sequence[MarketStats]:
        """Return mark and index price, the day's turnover and the open interest of every instrument."""
        listing = await self._catalog.listing()
        marks, tickers, interests = await asyncio.gather(
            self._marks(), self._rest.get("/api/v1/tickers"), self._rest.get("/api/v1/openInterest")
        )
        with self._reading("prices and activity"):
            return stats_of(listing, marks, tickers, interests, self._clock.now_ns())

    async def fetch_fx_rates(self) -> Mapping[str, Decimal]:
        """Return what the venue values collateral at; without a key it tells of its own unit, USDC, alone."""
        rates = {QUOTE: _ONE}
        if self._has_key:
            answer = await self._rest.read("/api/v1/capital/collateral", "collateralQuery")
            with self._reading("the collateral"):
                rates |= dollars_of(answer)
        return rates

    async def fetch_funding_rates(self) -> Sequence[FundingRate]:
        """Return the estimate for the running interval of every instrument.

        One outside the bounds that the venue states for the market cannot be in the unit it is read in: it is
        left out, and logged.
        """
        listing, now_ns = await self._catalog.listing(), self._clock.now_ns()
        answer = await self._marks()
        with self._reading("funding rates"):
            rates = [self._predicted(listing, row, now_ns) for row in rows_of(answer)]
        return [rate for rate in rates if rate is not None]

    async def fetch_funding_history(
        self, instrument: InstrumentId, start_ns: int, end_ns: int
    ) -> Sequence[FundingRate]:
        """Return settled rates in [start, end), oldest first; pages come newest first."""
        listed = await self._catalog.instrument(instrument)
        found: dict[int, FundingRate] = {}
        if start_ns >= end_ns:
            return []
        for page in range(_MOST_PAGES):
            params: Params = {"symbol": listed.symbol, "limit": _PAGE, "offset": page * _PAGE}
            answer = await self._rest.get("/api/v1/fundingRates", params, pace=Pace.RANGE)
            with self._reading(f"the funding history of {listed.symbol}"):
                rows = rows_of(answer)
                stamps = [from_text(row["intervalEndTimestamp"]) for row in rows]
                for stamp, row in zip(stamps, rows, strict=True):
                    if start_ns <= stamp < end_ns:
                        # A settlement between two pages moves every row: the same one may come twice.
                        found[stamp] = settled_of(listed, row, self._clock.now_ns())
            if len(rows) < _PAGE or min(stamps) < start_ns:
                return [found[stamp] for stamp in sorted(found)]
        raise BadResponse(
            f"the funding history of {listed.symbol} has no end", exchange=self._context.name, code="endless"
        )

    async def _marks(self) -> Any:
        return await self._rest.get("/api/v1/markPrices")

    def _predicted(self, listing: Listing, row: Mapping[str, Any], now_ns: int) -> FundingRate | None:
        market = listing.market(row["symbol"])
        rate = None if market is None else predicted_of(market.instrument, row, now_ns)
        if market is None or rate is None:
            return None
        if not market.bounds.hold(rate.raw):
            self._context.log.warning("%s: a funding rate of %s is outside its bounds", rate.instrument, rate.raw)
            return None
        return rate

    def _reading(self, what: str) -> Any:
        return reading(self._context.name, what)
