"""Public data of EdgeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final

from arb.api import BadResponse, Context, ExchangeError
from arb.model import MINUTE_NS, SECOND_NS, Bbo, FundingRate, Instrument, InstrumentId, MarketStats, OrderBook
from arb.net import LeftOut, Row, reading, row_of, rows_of

from ._catalog import Catalog
from ._listing import Listing
from ._markets import while_closed
from ._pages import next_offset
from ._prices import book_of, depth_level, depth_row, milliseconds, predicted_of, settled_of, stats_of
from ._rest import VenueRest
from ._tickers import Tickers

_ONE: Final = Decimal(1)
_ALWAYS_OPEN: Final = "crypto"
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
        self._rates = LeftOut(context, "funding rates")
        self._stats = LeftOut(context, "tickers")

    async def fetch_instruments(self) -> Sequence[Instrument]:
        """Return every perpetual future, with the account's own fees where there is a key.

        One whose market is closed is suspended, by the tickers that were heard last.
        """
        markets = (await self._catalog.read()).markets
        if any(market.instrument.asset_class != _ALWAYS_OPEN for market in markets):
            await self._hear_tickers()
        closed = self._tickers.closed
        return [
            while_closed(market.instrument) if market.contract_id in closed else market.instrument for market in markets
        ]

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
        await self._rest.time.ready()
        tickers = await self._tickers.read()
        told_ns, now_ns = self._rest.time.now_ns(), self._clock.now_ns()
        return self._stats.read(
            (market.instrument.id, partial(stats_of, market, tickers.get(market.contract_id, {}), told_ns, now_ns))
            for market in listing.markets
        )

    async def fetch_fx_rates(self) -> Mapping[str, Decimal]:
        """Return 1 for each quote currency: the venue counts in it, and prices it against nothing."""
        return {market.instrument.quote: _ONE for market in (await self._catalog.listing()).markets}

    async def fetch_funding_rates(self) -> Sequence[FundingRate]:
        """Return the forecast for the coming settlement of every instrument.

        One outside the bounds that the venue states for the contract cannot be in the unit it is read in: it is
        left out, and logged. So is one that cannot be read. One without a forecast is left out silently.

        Raises:
            BadResponse: there is no rate, or none can be read.
        """
        listing, rows = await self._catalog.listing(), list[Row]()
        ids = [market.contract_id for market in listing.markets]
        for place in range(0, len(ids), _IDS):
            params = {"contractId": ",".join(ids[place : place + _IDS])}
            answer = await self._rest.get("/api/v2/public/funding/getLatestFundingRate", params)
            with self._reading("funding rates"):
                rows.extend(rows_of(answer.data))
        if not rows:
            raise BadResponse("no funding rate of any contract", exchange=self._context.name, code="no_rates")
        rates = self._rates.read(
            (f"contract {row.get('contractId')}", partial(self._predicted, listing, row)) for row in rows
        )
        return [rate for rate in rates if rate is not None]

    def _predicted(self, listing: Listing, row: Row) -> FundingRate | None:
        market = listing.by_number(row["contractId"])
        rate = None if market is None else predicted_of(market, row, self._clock.now_ns())
        if market is None or rate is None or market.may_pay(rate.raw):
            return rate
        self._context.log.warning("%s: the rate %s is out of bounds", rate.instrument, rate.raw)
        return None

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

    async def _hear_tickers(self) -> None:
        """Hear which markets are open; where that fails, what was heard before still holds."""
        try:
            await self._tickers.read()
        except ExchangeError as error:
            self._context.log.warning("which markets are open could not be learnt: %s", error)

    def _reading(self, what: str) -> Any:
        return reading(self._context.name, what)
