"""Public REST calls of a fake venue."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from arb.model import DAY_NS, MILLISECOND_NS, Instrument, MarketStats

from ._books import BookTape
from ._floor import Floor
from ._forms import Query
from ._refusal import Refusal, illegal
from ._rules import FakeRules
from ._shapes import decimal, levels, ms, symbol_row

_DEPTHS: Final = ("5", "10", "20", "50", "100", "500", "1000")
_KEPT_NS: Final = 399 * DAY_NS


class PublicCalls:
    """Answers what needs no key."""

    def __init__(self, floor: Floor, tape: BookTape, rules: FakeRules) -> None:
        self._floor = floor
        self._tape = tape
        self._rules = rules

    async def ping(self, query: Query) -> Any:
        """Answer `ping`."""
        return {}

    async def time(self, query: Query) -> Any:
        """Answer `time`."""
        return {"serverTime": self._floor.now_ms}

    async def exchange_info(self, query: Query) -> Any:
        """Answer `exchangeInfo`: with contracts that an adapter has to leave out."""
        listed = list((await self._floor.listing()).values())
        return {
            "timezone": "UTC",
            "serverTime": self._floor.now_ms,
            "futuresType": "U_MARGINED",
            "rateLimits": [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
                {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
                {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
            ],
            "exchangeFilters": [],
            "assets": [
                {"asset": quote, "marginAvailable": True, "autoAssetExchange": "-10000"}
                for quote in sorted({each.quote for each in listed})
            ],
            "symbols": [*(symbol_row(each) for each in listed), *self._rules.decoys],
        }

    async def depth(self, query: Query) -> Any:
        """Answer `depth`: the best levels, best first."""
        instrument, limit = await self._floor.instrument(query.get("symbol")), query.get("limit", "500")
        if limit not in _DEPTHS:
            raise Refusal(-4021, f"{limit} is not valid depth limit.")
        book = await self._floor.exchange.market.fetch_order_book(instrument.id, int(limit))
        number = self._tape.observe(instrument.symbol, book, self._floor.now_ns)
        return {
            "lastUpdateId": number,
            "E": self._floor.now_ms,
            "T": ms(book.ts_event_ns),
            "bids": levels(book.bids[: int(limit)]),
            "asks": levels(book.asks[: int(limit)]),
        }

    async def book_ticker(self, query: Query) -> Any:
        """Answer `ticker/bookTicker`, of one symbol or of all."""
        rows = []
        for instrument in await self._floor.chosen(query.get("symbol")):
            bbo = await self._floor.exchange.market.fetch_bbo(instrument.id)
            rows.append(
                {
                    "symbol": instrument.symbol,
                    "bidPrice": decimal(bbo.bid),
                    "bidQty": decimal(bbo.bid_size),
                    "askPrice": decimal(bbo.ask),
                    "askQty": decimal(bbo.ask_size),
                    "time": self._floor.now_ms,
                    "lastUpdateId": bbo.sequence,
                }
            )
        return rows[0] if query.get("symbol") else rows

    async def premium_index(self, query: Query) -> Any:
        """Answer `premiumIndex`: prices and the running estimate, of one symbol or of all."""
        rates = {rate.instrument: rate for rate in await self._floor.exchange.market.fetch_funding_rates()}
        stats = await self._stats()
        rows = []
        for instrument in await self._floor.chosen(query.get("symbol")):
            rate, row = rates.get(instrument.id), stats.get(instrument.symbol)
            if row is None:
                continue
            rows.append(
                {
                    "symbol": instrument.symbol,
                    "markPrice": decimal(row.mark_price or Decimal(0)),
                    "indexPrice": decimal(row.index_price or Decimal(0)),
                    "estimatedSettlePrice": decimal(row.index_price or Decimal(0)),
                    "lastFundingRate": "" if rate is None else decimal(rate.rate),
                    "interestRate": "0.00010000",
                    "nextFundingTime": 0 if rate is None else ms(rate.next_funding_ns or 0),
                    "time": self._floor.now_ms,
                }
            )
        return rows[0] if query.get("symbol") else rows

    async def ticker_24h(self, query: Query) -> Any:
        """Answer `ticker/24hr`: all that the ground knows of the day."""
        stats = await self._stats()
        rows = [
            _day_row(instrument, stats[instrument.symbol], self._floor.now_ms)
            for instrument in await self._floor.chosen(query.get("symbol"))
            if instrument.symbol in stats
        ]
        return rows[0] if query.get("symbol") else rows

    async def open_interest(self, query: Query) -> Any:
        """Answer `openInterest`: contracts, of one symbol."""
        instrument = await self._floor.instrument(query.get("symbol"))
        row = (await self._stats()).get(instrument.symbol)
        contracts = Decimal(0)
        if row is not None and row.open_interest is not None and row.mark_price:
            contracts = (row.open_interest / row.mark_price).quantize(Decimal("0.00001"))
        return {"openInterest": decimal(contracts), "symbol": instrument.symbol, "time": self._floor.now_ms}

    async def funding_info(self, query: Query) -> Any:
        """Answer `fundingInfo`."""
        listed = (await self._floor.listed()).values()
        usual_ns = self._rules.dialect.interval_ns
        return [
            self._rules.funding_row(each, self._floor.now_ns)
            for each in listed
            if self._rules.lists_usual_intervals or each.funding_interval_ns != usual_ns
        ]

    async def funding_rate(self, query: Query) -> Any:
        """Answer `fundingRate`: from `startTime` on oldest first, without one the newest."""
        instrument = await self._floor.instrument(query.get("symbol"))
        limit = count(query, "limit", 100, 1_000)
        now_ns = self._floor.now_ns
        begin_ns, end_ns = moment(query, "startTime"), moment(query, "endTime")
        market = self._floor.exchange.market
        from_ns = max(now_ns - _KEPT_NS, 0 if begin_ns is None else begin_ns)
        to_ns = now_ns + 1 if end_ns is None else min(now_ns, end_ns) + 1
        rates = await market.fetch_funding_history(instrument.id, from_ns, to_ns) if from_ns < to_ns else []
        chosen = rates[:limit] if begin_ns is not None else rates[-limit:]
        return [
            {
                "symbol": instrument.symbol,
                "fundingRate": decimal(rate.rate),
                "fundingTime": ms(rate.ts_event_ns),
                "markPrice": "",
            }
            for rate in chosen
        ]

    async def asset_index(self, query: Query) -> Any:
        """Answer `assetIndex`."""
        prices = await self._floor.exchange.market.fetch_fx_rates()
        rows = [
            {
                "symbol": f"{currency}USD",
                "time": self._floor.now_ms,
                "index": decimal(price),
                "bidBuffer": "0.00050000",
                "askBuffer": "0.00050000",
                "bidRate": decimal(price),
                "askRate": decimal(price),
                "autoExchangeBidBuffer": "0.00050000",
                "autoExchangeAskBuffer": "0.00050000",
                "autoExchangeBidRate": decimal(price),
                "autoExchangeAskRate": decimal(price),
            }
            for currency, price in prices.items()
        ]
        chosen = [row for row in rows if query.get("symbol") in (None, row["symbol"])]
        return chosen[0] if query.get("symbol") and chosen else chosen

    async def nothing(self, query: Query) -> Any:
        """Answer a list of which the ground has nothing: candles and past trades."""
        await self._floor.instrument(query.get("symbol"))
        return []

    async def _stats(self) -> dict[str, MarketStats]:
        by_id = {each.id: symbol for symbol, each in (await self._floor.listed()).items()}
        return {by_id[row.instrument]: row for row in await self._floor.exchange.market.fetch_stats()}


def _day_row(instrument: Instrument, stats: MarketStats, now_ms: int) -> dict[str, Any]:
    price, turnover = stats.mark_price or Decimal(0), stats.volume_24h or Decimal(0)
    contracts = (turnover / price).quantize(Decimal("0.0001")) if price else Decimal(0)
    text = decimal(price)
    return {
        "symbol": instrument.symbol,
        "priceChange": "0",
        "priceChangePercent": "0",
        "weightedAvgPrice": text,
        "lastPrice": text,
        "lastQty": "0",
        "openPrice": text,
        "highPrice": text,
        "lowPrice": text,
        "volume": decimal(contracts),
        "quoteVolume": decimal(turnover),
        "openTime": now_ms - DAY_NS // MILLISECOND_NS,
        "closeTime": now_ms,
        "firstId": 0,
        "lastId": 0,
        "count": 0,
    }


def count(query: Query, name: str, usual: int, most: int) -> int:
    """Return a number of rows; raises Refusal."""
    value = query.get(name, str(usual))
    if not (value.isascii() and value.isdigit()) or not int(value):
        raise illegal(name)
    return min(int(value), most)


def moment(query: Query, name: str) -> int | None:
    """Return a time as nanoseconds, None without one; raises Refusal."""
    value = query.get(name)
    if value in (None, ""):
        return None
    if not (value.isascii() and value.isdigit()):
        raise illegal(name)
    return int(value) * MILLISECOND_NS
