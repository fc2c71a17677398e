"""Public REST calls of the fake venue."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from arb.model import DAY_NS, MILLISECOND_NS, MarketStats

from ._books import BookTape
from ._fit import INITIAL, MAINTENANCE, QUOTE
from ._floor import Floor
from ._refusal import Refusal
from ._shapes import decimal, function, interval_end, levels, market, microseconds, ticker

_DEPTHS: Final = ("5", "10", "20", "50", "100", "500", "1000")
_LONGEST: Final = 10_000
_KEPT_NS: Final = 400 * DAY_NS
Query = Mapping[str, str]


class PublicCalls:
    """Answers what needs no key."""

    def __init__(self, floor: Floor, tape: BookTape) -> None:
        self._floor = floor
        self._tape = tape

    async def markets(self, query: Query) -> Any:
        """Answer `GET /api/v1/markets`."""
        wanted = query.get("marketType", query.get("marketType[]", "PERP"))
        return [market(each) for each in (await self._floor.listing()).values()] if wanted == "PERP" else []

    async def market(self, query: Query) -> Any:
        """Answer `GET /api/v1/market`."""
        return market(await self._floor.instrument(query.get("symbol")))

    async def depth(self, query: Query) -> Any:
        """Answer `GET /api/v1/depth`: the best levels, both sides by rising price."""
        instrument, limit = await self._floor.instrument(query.get("symbol")), query.get("limit", "1000")
        if limit not in _DEPTHS:
            raise Refusal(400, "INVALID_CLIENT_REQUEST", "Invalid limit")
        book = await self._floor.exchange.market.fetch_order_book(instrument.id, int(limit))
        number = self._tape.observe(instrument.symbol, book, self._floor.now_ns)
        return {
            "asks": levels(book.asks[: int(limit)]),
            "bids": levels(book.bids[: int(limit)][::-1]),
            "lastUpdateId": str(number),
            "timestamp": microseconds(book.ts_event_ns),
        }

    async def tickers(self, query: Query) -> Any:
        """Answer `GET /api/v1/tickers`."""
        return [ticker(symbol, stats) for symbol, stats in (await self._stats()).items()]

    async def ticker(self, query: Query) -> Any:
        """Answer `GET /api/v1/ticker`."""
        instrument = await self._floor.instrument(query.get("symbol"))
        return ticker(instrument.symbol, (await self._stats())[instrument.symbol])

    async def mark_prices(self, query: Query) -> Any:
        """Answer `GET /api/v1/markPrices`: prices and the running estimate of the funding rate."""
        rates = {rate.instrument: rate for rate in await self._floor.exchange.market.fetch_funding_rates()}
        rows = []
        for symbol, stats in (await self._stats()).items():
            rate = rates.get(stats.instrument)
            if query.get("symbol", symbol) == symbol and rate is not None and rate.next_funding_ns is not None:
                rows.append(
                    {
                        "symbol": symbol,
                        "fundingRate": decimal(rate.rate),
                        "indexPrice": _text(stats.index_price),
                        "markPrice": _text(stats.mark_price),
                        "nextFundingTimestamp": rate.next_funding_ns // MILLISECOND_NS,
                    }
                )
        return rows

    async def open_interest(self, query: Query) -> Any:
        """Answer `GET /api/v1/openInterest`: contracts."""
        rows = []
        for symbol, stats in (await self._stats()).items():
            if query.get("symbol", symbol) == symbol and stats.open_interest is not None and stats.mark_price:
                contracts = (stats.open_interest / stats.mark_price).quantize(Decimal("0.00001"))
                rows.append(
                    {
                        "symbol": symbol,
                        "openInterest": decimal(contracts),
                        "timestamp": self._floor.now_ns // MILLISECOND_NS,
                    }
                )
        return rows

    async def funding_rates(self, query: Query) -> Any:
        """Answer `GET /api/v1/fundingRates`: newest first; nothing for a symbol that is not known."""
        instrument = (await self._floor.listed()).get(query.get("symbol", ""))
        if instrument is None:
            return []
        now_ns = self._floor.now_ns
        begin_ns = now_ns - min(_KEPT_NS, _rows_to(query) * (instrument.funding_interval_ns or 0))
        rates = await self._floor.exchange.market.fetch_funding_history(instrument.id, begin_ns, now_ns + 1)
        rows = [
            {
                "symbol": instrument.symbol,
                "intervalEndTimestamp": interval_end(rate.ts_event_ns),
                "fundingRate": decimal(rate.rate),
            }
            for rate in reversed(rates)
        ]
        return page(rows, query, longest=_LONGEST)

    async def collateral(self, query: Query) -> Any:
        """Answer `GET /api/v1/collateral`: how collateral is weighed."""
        return [
            {
                "symbol": QUOTE,
                "imfFunction": function(INITIAL),
                "mmfFunction": function(MAINTENANCE),
                "haircutFunction": {"weight": "1", "kind": {"type": "identity"}},
            }
        ]

    async def assets(self, query: Query) -> Any:
        """Answer `GET /api/v1/assets`."""
        symbols = [QUOTE, *(each.base for each in (await self._floor.listed()).values())]
        return [{"symbol": each, "displayName": each, "coingeckoId": None, "tokens": []} for each in symbols]

    async def securities(self, query: Query) -> Any:
        """Answer `GET /api/v1/securities`: no stocks are listed."""
        return []

    async def nothing(self, query: Query) -> Any:
        """Answer a list of which the ground has nothing: candles and past trades."""
        await self._floor.instrument(query.get("symbol"))
        return []

    async def _stats(self) -> dict[str, MarketStats]:
        by_id = {each.id: symbol for symbol, each in (await self._floor.listed()).items()}
        return {by_id[row.instrument]: row for row in await self._floor.exchange.market.fetch_stats()}


def _rows_to(query: Query) -> int:
    """Return how many rows the end of a page is from the newest, and one to spare."""
    limit, offset = query.get("limit", "100"), query.get("offset", "0")
    return int(limit) + int(offset) + 1 if limit.isdigit() and offset.isdigit() else 0


def page(rows: list[dict[str, Any]], query: Query, *, longest: int = 1_000) -> list[dict[str, Any]]:
    """Return the page of a list that is asked for; raises Refusal."""
    limit, offset = query.get("limit", "100"), query.get("offset", "0")
    if not (limit.isdigit() and offset.isdigit() and 1 <= int(limit) <= longest):
        raise Refusal(400, "INVALID_CLIENT_REQUEST", "Invalid limit or offset")
    return rows[int(offset) : int(offset) + int(limit)]


def _text(value: Decimal | None) -> str | None:
    return None if value is None else decimal(value)
