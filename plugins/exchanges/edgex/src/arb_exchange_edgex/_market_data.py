"""Public data of EdgeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from arb.api import BadResponse, Context
from arb.model import MINUTE_NS, SECOND_NS, Bbo, FundingRate, Instrument, InstrumentId, MarketStats, OrderBook
from arb.net import reading, row_of, rows_of

from ._catalog import Catalog
from ._pages import next_offset
from ._prices import book_of, depth_level, depth_row, milliseconds, predicted_of, settled_of, stats_of
from ._rest import VenueRest
from ._tickers import Tickers

_ONE: Final = Decimal(1)
_BBO_DEPTH: Final = 1
_IDS: Final = 100
"""Contracts in one question for rates; 173 were answered."""

_PAGE: Final = "100"
_MOST_PAGES: Final = 200
"""Nine years of settlements each 4 hours: an answer that never ends is none."""

_LISTING_AGE_NS: Final = 4 * SECOND_NS
"""What is halted shows with the prices."""


class EdgexMarketData:
    """Implements :class:`arb.api.MarketData`."""

    def __init__(self, context: Context, rest: VenueRest, catalog: Catalog, tickers: Tickers) -> None:
        self._context = context
        self._clock = context.clock
        self._rest = rest
        self._catalog = catalog
        self._tickers = tickers

    async def fetch_instruments(self) -> Sequence[Instrument]:
        """Return every perpetual future, with the account's own fees where there is a key."""
        return [market.instrument for market in (await self._catalog.read()).markets]

    async def fetch_order_book(self, instrument: InstrumentId, depth: int) -> OrderBook:
        """Return a book of 15 levels a side, or of 200 where more are wanted."""
        market = await self._catalog.market(instrument)
        params = {"contractId": market.contract_id, "level": str(depth_level(depth))}
        answer = await self._rest.get("/api/v2/public/quote/getDepth", params)
        with self._reading(f"the book of {market.instrument.symbol}"):
            told_ns = self._rest.time.now_ns() if answer.told_ns is None else answer.told_ns
            return book_of(market, depth_row(answer.data, market), told_ns, self._clock.now_ns())

    async def fetch_bbo(self, instrument: InstrumentId) -> Bbo:
        """Return the top of the book."""
        bbo = (await self.fetch_order_book(instrument, _BBO_DEPTH)).bbo()
        if bbo is None:
            text = f"a side of the book of {instrument} is empty"
            raise BadResponse(text, exchange=self._context.name, code="empty_book")
        return bbo

    async def fetch_stats(self) -> Sequence[MarketStats]:
        """Return mark and index price, the day's turnover and the open interest of every instrument.

        REST tells a ticker of one contract at a time, the socket those of all in one message.
        """
        listing = await self._catalog.listing(_LISTING_AGE_NS)
        await self._rest.know_time()
        tickers = await self._tickers.read()
        with self._reading("the tickers"):
            return stats_of(listing, tickers, self._rest.time.now_ns(), self._clock.now_ns())

    async def fetch_fx_rates(self) -> Mapping[str, Decimal]:
        """Return 1 for each quote currency: the venue counts in it, and prices it against nothing."""
        return {market.instrument.quote: _ONE for market in (await self._catalog.listing()).markets}

    async def fetch_funding_rates(self) -> Sequence[FundingRate]:
        """Return the forecast for the coming settlement of every instrument.

        One outside the bounds that the venue states for the contract cannot be in the unit it is read in: it is
        left out, and logged. So is one without a forecast, silently.
        """
        listing, found = await self._catalog.listing(), []
        ids = [market.contract_id for market in listing.markets]
        for place in range(0, len(ids), _IDS):
            params = {"contractId": ",".join(ids[place : place + _IDS])}
            answer = await self._rest.get("/api/v2/public/funding/getLatestFundingRate", params)
            with self._reading("funding rates"):
                rows = rows_of(answer.data)
                if not rows:
                    raise ValueError("no rate of any contract")
                for row in rows:
                    market = listing.by_number(row["contractId"])
                    rate = None if market is None else predicted_of(market, row, self._clock.now_ns())
                    if market is None or rate is None:
                        continue
                    if market.may_pay(rate.raw):
                        found.append(rate)
                    else:
                        self._context.log.warning("%s: the rate %s is out of bounds", rate.instrument, rate.raw)
        return found

    async def fetch_funding_history(
        self, instrument: InstrumentId, start_ns: int, end_ns: int
    ) -> Sequence[FundingRate]:
        """Return settled rates in [start, end), oldest first; pages come newest first."""
        market = await self._catalog.market(instrument)
        found: dict[int, FundingRate] = {}
        if start_ns >= end_ns:
            return []
        params = {
            "contractId": market.contract_id,
            "size": _PAGE,
            "filterSettlementFundingRate": "true",
            "filterBeginTimeInclusive": milliseconds(max(0, start_ns)),
            "filterEndTimeExclusive": milliseconds(max(0, end_ns) + MINUTE_NS),
        }
        for _ in range(_MOST_PAGES):
            answer = await self._rest.get("/api/v2/public/funding/getFundingRatePage", params)
            with self._reading(f"the funding history of {market.instrument.symbol}"):
                page = row_of(answer.data)
                for row in rows_of(page["dataList"]):
                    if str(row["contractId"]) != market.contract_id:
                        raise ValueError(f"a rate of contract {row['contractId']!r}")
                    rate = settled_of(instrument, row, self._clock.now_ns())
                    if rate is not None and start_ns <= rate.ts_event_ns < end_ns:
                        found[rate.ts_event_ns] = rate
                offset = next_offset(page, params.get("offsetData", ""))
            if not offset:
                return [found[stamp] for stamp in sorted(found)]
            params = {**params, "offsetData": offset}
        text = f"the funding history of {market.instrument.symbol} has no end"
        raise BadResponse(text, exchange=self._context.name, code="endless")

    def _reading(self, what: str) -> Any:
        return reading(self._context.name, what)
