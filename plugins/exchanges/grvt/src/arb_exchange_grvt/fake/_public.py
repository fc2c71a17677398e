"""Public REST calls of the fake venue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from arb.api import BadResponse
from arb.model import MILLISECOND_NS, ZERO, FundingRate, Instrument, MarketStats, OrderBook
from arb_exchange_grvt._markets import QUOTE

from ._books import BookTape
from ._floor import Floor
from ._paging import page, window
from ._refusal import Refusal
from ._shapes import book_row, funding_row, instrument_row, margin_rules, mini, ticker

_DEPTHS: Final = (10, 50, 100, 500)
Body = Mapping[str, Any]


class PublicCalls:
    """Answers what needs no key."""

    def __init__(self, floor: Floor, tape: BookTape) -> None:
        self._floor = floor
        self._tape = tape

    def time(self) -> Any:
        """Answer `GET /time`."""
        return {"server_time": self._floor.now_ns // MILLISECOND_NS}

    async def all_instruments(self, body: Body) -> Any:
        """Answer `all_instruments`."""
        return {"result": [instrument_row(each) for each in (await self._floor.listing()).values()]}

    async def instruments(self, body: Body) -> Any:
        """Answer `instruments`: all that the filters let through."""
        rows = [instrument_row(each) for each in (await self._floor.listing()).values()]
        for name in ("kind", "base", "quote"):
            wanted = body.get(name)
            rows = [row for row in rows if not wanted or row[name] in wanted]
        return {"result": rows[: int(body.get("limit") or 500)]}

    async def instrument(self, body: Body) -> Any:
        """Answer `instrument`."""
        return {"result": instrument_row(await self._floor.instrument(body.get("instrument")))}

    async def currency(self, body: Body) -> Any:
        """Answer `currency`: the one in which everything is quoted."""
        return {"result": [{"id": 3, "symbol": QUOTE, "balance_decimals": 6, "quantity_multiplier": "1"}]}

    async def margin_rules(self, body: Body) -> Any:
        """Answer `margin_rules`."""
        return margin_rules(await self._floor.instrument(body.get("instrument")))

    async def book(self, body: Body) -> Any:
        """Answer `book`."""
        instrument = await self._floor.instrument(body.get("instrument"))
        depth = body.get("depth", 10)
        if depth not in _DEPTHS:
            raise Refusal(3031)
        book = await self._floor.exchange.market.fetch_order_book(instrument.id, depth)
        self._tape.observe(instrument.symbol, book)
        return {"result": book_row(instrument, book, depth)}

    async def mini(self, body: Body) -> Any:
        """Answer `mini`."""
        instrument = await self._floor.instrument(body.get("instrument"))
        stats, book, _ = await self.prices(instrument)
        return {"result": mini(instrument, stats, book, self._floor.now_ns)}

    async def ticker(self, body: Body) -> Any:
        """Answer `ticker`."""
        instrument = await self._floor.instrument(body.get("instrument"))
        return {"result": ticker(instrument, *await self.prices(instrument), self._floor.now_ns)}

    async def prices(self, instrument: Instrument) -> tuple[MarketStats, OrderBook | None, FundingRate | None]:
        """Return what a ticker tells."""
        market = self._floor.exchange.market
        stats = next((row for row in await market.fetch_stats() if row.instrument == instrument.id), None)
        if stats is None:
            raise BadResponse("no prices", code="no_prices")
        rates = {rate.instrument: rate for rate in await market.fetch_funding_rates()}
        book = await market.fetch_order_book(instrument.id, 1)
        return stats, book, rates.get(instrument.id)

    async def funding(self, body: Body) -> Any:
        """Answer `funding`: newest first."""
        instrument = await self._floor.instrument(body.get("instrument"))
        begin_ns, end_ns = window(body, self._floor.now_ns)
        market = self._floor.exchange.market
        rates = await market.fetch_funding_history(instrument.id, begin_ns, end_ns + 1)
        stats = await market.fetch_stats()
        mark = next((row.mark_price for row in stats if row.instrument == instrument.id), None) or ZERO
        return page([funding_row(instrument, rate, mark) for rate in reversed(rates)], body)

    async def nothing(self, body: Body) -> Any:
        """Answer a list of which the ground has nothing: candles and past trades."""
        await self._floor.instrument(body.get("instrument"))
        return {"result": [], "next": ""}
