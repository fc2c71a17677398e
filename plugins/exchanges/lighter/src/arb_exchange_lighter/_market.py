"""Public data of Lighter: from the socket where that is current, else by requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from arb.api import BadResponse, Context
from arb.model import (
    HOUR_NS,
    SECOND_NS,
    Bbo,
    FundingRate,
    Instrument,
    InstrumentId,
    MarketStats,
    OrderBook,
    parse_utc,
)
from arb.net import Row, reading, whole

from ._books import Books
from ._fields import maybe_rows
from ._listing import Listing
from ._live_stats import LiveStats
from ._markets import QUOTE
from ._prices import (
    OWN_ROWS,
    listed_rate,
    live_rate,
    resting_orders,
    settled_rates,
    stats_of,
    usd_rates,
)
from ._rest import Api, Params

_MOST_ORDERS: Final = 250
_FEW_ORDERS: Final = 50
"""The venue lists single orders, several at one price: so many are asked for where the top of the book is wanted."""

_TOP: Final = 3

_PAGE_NS: Final = 99 * HOUR_NS
"""Of one request for settled rates: sources differ on whether a page has 100 rows or 750."""

_MOST_ROWS: Final = 100
_BEGAN_NS: Final = parse_utc("2024-01-01")
"""The venue is younger."""


class LighterMarket:
    """Implements :class:`arb.api.MarketData`."""

    def __init__(
        self, context: Context, api: Api, listing: Listing, books: Books, live: LiveStats, *, live_reads: bool
    ) -> None:
        """Ask for nothing yet.

        Args:
            context: The exchange plugin's.
            api: For requests.
            listing: The markets.
            books: Kept by the socket.
            live: Kept by the socket.
            live_reads: Whether what the socket keeps is used.
        """
        self._context = context
        self._clock = context.clock
        self._api = api
        self._listing = listing
        self._books = books
        self._live = live
        self._live_reads = live_reads

    async def fetch_instruments(self) -> Sequence[Instrument]:
        """Return every perpetual with the account's fees, or the published ones without a key."""
        return [market.instrument for market in await self._listing.refresh()]

    async def fetch_order_book(self, instrument: InstrumentId, depth: int) -> OrderBook:
        """Return the best levels of the kept book, which is kept from the first request on, else of a request."""
        market = await self._listing.of(instrument)
        if self._live_reads:
            kept = await self._books.of(market.market_id, instrument).current(depth)
            if kept is not None:
                return kept
        limit = _MOST_ORDERS if depth > _TOP else _FEW_ORDERS
        answer = await self._api.read("orderBookOrders", {"market_id": market.market_id, "limit": limit})
        with reading(self._context.name, "orderBookOrders"):
            return resting_orders(
                answer, instrument, limit, told_ns=self._api.time.now_ns(), now_ns=self._clock.now_ns()
            )

    async def fetch_bbo(self, instrument: InstrumentId) -> Bbo:
        """Return the top of the book; raises BadResponse when a side is empty."""
        bbo = (await self.fetch_order_book(instrument, 1)).bbo()
        if bbo is None:
            text = f"a side of the book of {instrument} is empty"
            raise BadResponse(text, exchange=self._context.name, code="empty_book")
        return bbo

    async def fetch_stats(self) -> Sequence[MarketStats]:
        """Return prices and activity of every perpetual."""
        markets = await self._listing.refresh()
        priced = all(market.details.get("mark_price") for market in markets)
        live = {} if priced else await self._rows() or {}
        now_ns = self._clock.now_ns()
        with reading(self._context.name, "orderBookDetails"):
            return [
                stats_of(market.details, live.get(market.market_id), market.instrument.id, now_ns) for market in markets
            ]

    async def fetch_fx_rates(self) -> Mapping[str, Decimal]:
        """Return the venue's own index price of its collateral, USDC."""
        answer = await self._api.read("assetDetails")
        with reading(self._context.name, "assetDetails"):
            return usd_rates(answer, [QUOTE])

    async def fetch_funding_rates(self) -> Sequence[FundingRate]:
        """Return the estimate of the coming hour's rate of every perpetual."""
        if not self._listing.known:
            await self._listing.refresh()
        live = await self._rows()
        return await self._listed_rates() if live is None else self._live_rates(live)

    async def fetch_funding_history(
        self, instrument: InstrumentId, start_ns: int, end_ns: int
    ) -> Sequence[FundingRate]:
        """Return settled rates in [start, end), oldest first."""
        market = await self._listing.of(instrument)
        found: dict[int, FundingRate] = {}
        begin_ns, end_ns = max(start_ns, _BEGAN_NS), min(end_ns, self._clock.now_ns() + 1)
        while begin_ns < end_ns:
            until_ns = min(begin_ns + _PAGE_NS, end_ns)
            for rate in await self._settled(market.market_id, instrument, begin_ns, until_ns):
                if start_ns <= rate.ts_event_ns < end_ns:
                    found[rate.ts_event_ns] = rate
            begin_ns = until_ns
        return [found[ts_ns] for ts_ns in sorted(found)]

    async def _rows(self) -> Mapping[int, Row] | None:
        return await self._live.rows() if self._live_reads else None

    async def _settled(
        self, market_id: int, instrument: InstrumentId, begin_ns: int, until_ns: int
    ) -> list[FundingRate]:
        params: Params = {
            "market_id": market_id,
            "resolution": "1h",
            "start_timestamp": begin_ns // SECOND_NS,
            "end_timestamp": -(-until_ns // SECOND_NS),
            "count_back": 0,
        }
        answer = await self._api.read("fundings", params)
        with reading(self._context.name, "fundings"):
            rates = settled_rates(answer, instrument, self._clock.now_ns())
        if len(rates) > _MOST_ROWS:
            text = f"fundings: {len(rates)} rows of {(until_ns - begin_ns) // HOUR_NS} hours"
            raise BadResponse(text, exchange=self._context.name, code="too_many_rows")
        return rates

    def _live_rates(self, live: Mapping[int, Row]) -> list[FundingRate]:
        now_ns, published_ns = self._clock.now_ns(), self._live.published_ns
        with reading(self._context.name, "market_stats"):
            rates = [
                live_rate(row, market.instrument.id, published_ns, now_ns)
                for market_id, row in sorted(live.items())
                if (market := self._listing.known.get(market_id)) is not None
            ]
        return [rate for rate in rates if rate is not None]

    async def _listed_rates(self) -> list[FundingRate]:
        answer = await self._api.read("funding-rates")
        now_ns = self._clock.now_ns()
        with reading(self._context.name, "funding-rates"):
            own = [row for row in maybe_rows(answer["funding_rates"]) if row.get("exchange") == OWN_ROWS]
            return [
                listed_rate(row, market.instrument.id, now_ns)
                for row in own
                if (market := self._listing.known.get(whole(row["market_id"]))) is not None
            ]
