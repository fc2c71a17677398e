"""Public data of Paradex."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from arb.api import Context
from arb.model import Bbo, FundingRate, Instrument, InstrumentId, MarketStats, OrderBook
from arb.net import Row, reading

from ._catalog import Catalog
from ._funding import AccruedFunding
from ._markets import Listing
from ._prices import ONE, bbo_of, book_of, predicted_of, stats_of, summaries_of
from ._rest import VenueRest

_LEAST_DEPTH: Final = 20
_MOST_DEPTH: Final = 100
"""The venue states a default of 20 and no limit; more than this is never asked for."""

_DOLLAR: Final = "USDC"


class ParadexMarketData:
    """Implements :class:`arb.api.MarketData`."""

    def __init__(self, context: Context, rest: VenueRest, catalog: Catalog) -> None:
        self._context = context
        self._clock = context.clock
        self._rest = rest
        self._catalog = catalog
        self._accrued = AccruedFunding(context, rest)

    async def fetch_instruments(self) -> Sequence[Instrument]:
        """Return every perpetual future, with the account's own fees where there is a key."""
        return [market.instrument for market in (await self._catalog.read()).markets]

    async def fetch_order_book(self, instrument: InstrumentId, depth: int) -> OrderBook:
        """Return a book of at least `depth` levels a side where it has them, of 100 at most."""
        listed = await self._catalog.instrument(instrument)
        wanted = max(_LEAST_DEPTH, min(depth, _MOST_DEPTH))
        answer = await self._rest.get(f"/orderbook/{quote(listed.symbol)}", {"depth": wanted})
        with self._reading(f"the book of {listed.symbol}"):
            _require(answer, listed.symbol)
            return book_of(listed.id, answer, self._clock.now_ns())

    async def fetch_bbo(self, instrument: InstrumentId) -> Bbo:
        """Return the top of the book."""
        listed = await self._catalog.instrument(instrument)
        answer = await self._rest.get(f"/bbo/{quote(listed.symbol)}")
        with self._reading(f"the top of the book of {listed.symbol}"):
            _require(answer, listed.symbol)
            return bbo_of(self._context.name, listed.id, answer, self._clock.now_ns())

    async def fetch_stats(self) -> Sequence[MarketStats]:
        """Return mark and index price, the day's turnover and the open interest of every instrument."""
        listing, summaries = await self._both()
        with self._reading("prices and activity"):
            return stats_of(listing, summaries, self._clock.now_ns())

    async def fetch_fx_rates(self) -> Mapping[str, Decimal]:
        """Return 1 for USDC: prices are in US dollars, and the venue publishes no price of USDC over REST."""
        return {_DOLLAR: ONE}

    async def fetch_funding_rates(self) -> Sequence[FundingRate]:
        """Return the rate that accrues now of every instrument.

        One beyond the limit that the venue states for the market cannot be in the unit it is read in: it is left
        out, and logged.
        """
        listing, summaries = await self._both()
        rates: list[FundingRate] = []
        with self._reading("funding rates"):
            for market in listing.markets:
                row = summaries.get(market.instrument.symbol)
                rate = None if row is None else predicted_of(market, row, self._clock.now_ns())
                if rate is None:
                    continue
                if market.most_rate is not None and abs(rate.raw) > market.most_rate:
                    self._context.log.warning("%s: its funding rate is above the venue's own limit", rate.instrument)
                    continue
                rates.append(rate)
        return rates

    async def fetch_funding_history(
        self, instrument: InstrumentId, start_ns: int, end_ns: int
    ) -> Sequence[FundingRate]:
        """Return what accrued in each step that ended in [start, end); see :class:`AccruedFunding`."""
        return await self._accrued.history(await self._catalog.market(instrument), start_ns, end_ns)

    async def _both(self) -> tuple[Listing, Mapping[str, Row]]:
        listing, answer = await asyncio.gather(
            self._catalog.listing(), self._rest.get("/markets/summary", {"market": "ALL"})
        )
        with self._reading("the markets"):
            return listing, summaries_of(answer)

    def _reading(self, what: str) -> Any:
        return reading(self._context.name, what)


def _require(answer: Any, symbol: str) -> None:
    if answer["market"] != symbol:
        raise ValueError("it is of another market")
