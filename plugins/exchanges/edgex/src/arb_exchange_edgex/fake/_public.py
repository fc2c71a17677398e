"""Public REST calls of the fake venue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from arb.model import DAY_NS, MILLISECOND_NS, MINUTE_NS, FundingRate, MarketStats

from . import _shapes as shapes
from ._books import BookTape
from ._floor import Floor
from ._paging import paged
from ._refusal import Refusal

_LEVELS: Final = ("15", "200")
_KEPT_NS: Final = 400 * DAY_NS
Query = Mapping[str, str]


class PublicCalls:
    """Answers what needs no key."""

    def __init__(self, floor: Floor, tape: BookTape) -> None:
        self._floor = floor
        self._tape = tape

    async def server_time(self, query: Query) -> Any:
        """Answer `getServerTime`."""
        return {"timeMillis": str(self._floor.now_ms)}

    async def meta(self, query: Query) -> Any:
        """Answer `getMetaData`."""
        listed = await self._floor.listing()
        chain = {
            "appName": "edgeX",
            "chainId": str(shapes.CHAIN_ID),
            "nativeChainId": str(shapes.CHAIN_ID),
            "contractAddress": shapes.CONTRACT,
        }
        contracts = [shapes.contract(number, each) for number, each in listed.items()]
        return {"global": chain, "coinList": shapes.coins(listed), "contractList": contracts, "multiChain": {}}

    async def ticker(self, query: Query) -> Any:
        """Answer `getTicker`: a list of one, and an empty one for a number that is not known, or for none."""
        return [row for row in await self.tickers() if row["contractId"] == query.get("contractId")]

    async def tickers(self) -> list[dict[str, Any]]:
        """Return the ticker of every contract."""
        stats, rates = await self._stats(), await self._rates()
        return [
            shapes.ticker(number, each.symbol, stats[number], rates.get(number), self._floor.now_ns)
            for number, each in (await self._floor.listed()).items()
            if number in stats
        ]

    async def depth(self, query: Query) -> Any:
        """Answer `getDepth`."""
        number, level = query.get("contractId", ""), query.get("level", "15")
        if level not in _LEVELS:
            raise Refusal("GATEWAY_PARAM_INVALID", status=400, param={"level": level})
        if number not in await self._floor.listed():
            return []
        instrument = await self._floor.instrument(number)
        book = await self._floor.exchange.market.fetch_order_book(instrument.id, int(level))
        version = self._tape.observe((number, int(level)), instrument.symbol, book)
        return [shapes.depth(number, instrument.symbol, int(level), book, version)]

    async def latest_funding(self, query: Query) -> Any:
        """Answer `getLatestFundingRate`: of the contracts that are named, and of none without names."""
        wanted, stats, rows = query.get("contractId", "").split(","), await self._stats(), []
        for number, forecast in (await self._rates()).items():
            if number in wanted and forecast.next_funding_ns is not None:
                last = await self._settled(number, 2 * forecast.interval_ns)
                settled = last[-1] if last else None
                rows.append(shapes.funding(number, settled, forecast, stats.get(number), self._floor.now_ns))
        return rows

    async def funding_page(self, query: Query) -> Any:
        """Answer `getFundingRatePage`: settlements, newest first; without the filter the running minute as well."""
        number = query.get("contractId", "")
        begin = int(query.get("filterBeginTimeInclusive", "0")) * MILLISECOND_NS
        end = query.get("filterEndTimeExclusive")
        if number not in await self._floor.listed():
            return {"dataList": [], "nextPageOffsetData": ""}
        rates = await self._settled(number, min(_KEPT_NS, max(0, self._floor.now_ns - begin)))
        rows = [shapes.settlement(number, rate) for rate in rates]
        if query.get("filterSettlementFundingRate") != "true":
            rows += await self.latest_funding({"contractId": number})
        rows = [
            row
            for row in rows
            if int(row["fundingTime"]) * MILLISECOND_NS >= begin and (end is None or int(row["fundingTime"]) < int(end))
        ]
        return paged(rows, query, most=100, place=lambda row: (int(row["fundingTime"]), int(row["fundingTimestamp"])))

    async def market_status(self, query: Query) -> Any:
        """Answer `getMarketStatus`: everything is open."""
        return [{"contractId": number, "marketOpen": True} for number in await self._floor.listed()]

    async def nothing(self, query: Query) -> Any:
        """Answer a list of which the ground has nothing: candles."""
        return {"dataList": [], "nextPageOffsetData": ""}

    async def _settled(self, number: str, back_ns: int) -> list[FundingRate]:
        instrument, now_ns = await self._floor.instrument(number), self._floor.now_ns
        begin_ns = max(0, now_ns - back_ns - MINUTE_NS)
        return list(await self._floor.exchange.market.fetch_funding_history(instrument.id, begin_ns, now_ns + 1))

    async def _stats(self) -> dict[str, MarketStats]:
        rows = await self._floor.exchange.market.fetch_stats()
        return {await self._floor.number_of(row.instrument): row for row in rows}

    async def _rates(self) -> dict[str, FundingRate]:
        rows = await self._floor.exchange.market.fetch_funding_rates()
        return {await self._floor.number_of(row.instrument): row for row in rows}
