"""Public data of GRVT."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from arb.api import BadResponse, Context
from arb.model import Bbo, FundingRate, Instrument, InstrumentId, MarketStats, OrderBook
from arb.net import LeftOut, Row, reading, text

from ._account import dollars_of
from ._catalog import Catalog
from ._pages import pages
from ._prices import DEPTHS, book_of, depth_of, predicted_of, settled_of, stats_of
from ._rest import Pace, VenueRest
from ._tickers import Tickers

T = TypeVar("T")


class GrvtMarketData:
    """Implements :class:`arb.api.MarketData`."""

    def __init__(
        self, context: Context, rest: VenueRest, catalog: Catalog, tickers: Tickers, sub_account_id: str | None
    ) -> None:
        """Read nothing yet; without a sub-account there is no collateral to price."""
        self._context = context
        self._clock = context.clock
        self._rest = rest
        self._catalog = catalog
        self._tickers = tickers
        self._sub_account_id = sub_account_id
        self._without_stats = LeftOut(context, "statistics")
        self._without_rates = LeftOut(context, "funding rates")

    async def fetch_instruments(self) -> Sequence[Instrument]:
        """Return every perpetual future, with the account's own fees where the venue tells them."""
        return [market.instrument for market in (await self._catalog.read()).markets]

    async def fetch_order_book(self, instrument: InstrumentId, depth: int) -> OrderBook:
        """Return a book of at least `depth` levels a side where it has them, of 500 at most; it has no sequence."""
        listed = (await self._catalog.market(instrument)).instrument
        body = {"instrument": listed.symbol, "depth": depth_of(depth)}
        answer = await self._rest.market("/full/v1/book", body, pace=Pace.BOOKS)
        with reading(self._context.name, f"the book of {listed.symbol}"):
            row = answer["result"]
            if text(row["instrument"]) != listed.symbol:
                raise ValueError("it is of another market")
            return book_of(listed.id, row, 0, self._clock.now_ns())

    async def fetch_bbo(self, instrument: InstrumentId) -> Bbo:
        """Return the top of the book."""
        bbo = (await self.fetch_order_book(instrument, DEPTHS[0])).bbo()
        if bbo is None:
            why = f"a side of the book of {instrument} is empty"
            raise BadResponse(why, exchange=self._context.name, code="empty_book")
        return bbo

    async def fetch_stats(self) -> Sequence[MarketStats]:
        """Return mark and index price, the day's turnover and the open interest of every instrument.

        One that cannot be read is left out, and logged once.

        Raises:
            ExchangeError: none could be had.
        """

        def read(instrument: Instrument, row: Row) -> MarketStats:
            return stats_of(instrument.id, row, self._clock.now_ns())

        return await self._each(self._without_stats, read)

    async def fetch_fx_rates(self) -> Mapping[str, Decimal]:
        """Return what the venue values the account's currencies at; without an account it prices none."""
        if self._sub_account_id is None:
            return {}
        body = {"sub_account_id": self._sub_account_id}
        answer = await self._rest.read("/full/v1/account_summary", body, pace=Pace.ACCOUNT)
        with reading(self._context.name, "the account"):
            return dollars_of(answer["result"])

    async def fetch_funding_rates(self) -> Sequence[FundingRate]:
        """Return the estimate for the running interval of every instrument.

        One that cannot be read is left out, and logged once. So is one outside the bounds that the venue states for
        the market: it cannot be in the unit it is read in.

        Raises:
            ExchangeError: none could be had.
        """
        listing = await self._catalog.listing()

        def read(instrument: Instrument, row: Row) -> FundingRate | None:
            rate = predicted_of(instrument, row, self._clock.now_ns())
            if rate is not None and not listing.of(instrument.id).holds(rate.raw):
                raise ValueError(f"{rate.raw} is outside the bounds of its market")
            return rate

        return await self._each(self._without_rates, read)

    async def fetch_funding_history(
        self, instrument: InstrumentId, start_ns: int, end_ns: int
    ) -> Sequence[FundingRate]:
        """Return settled rates in [start, end), oldest first; pages come newest first."""
        listed = (await self._catalog.market(instrument)).instrument
        if start_ns >= end_ns:
            return []
        fixed = {
            "instrument": listed.symbol,
            "start_time": str(max(0, start_ns)),
            "end_time": str(end_ns),
            "agg_type": "FUNDING_INTERVAL",
        }

        async def ask(fields: Mapping[str, Any]) -> Any:
            return await self._rest.market("/full/v1/funding", {**fixed, **fields}, pace=Pace.BOOKS)

        found: dict[int, FundingRate] = {}
        async for rows in pages(self._context, f"the funding history of {listed.symbol}", ask):
            with reading(self._context.name, f"the funding history of {listed.symbol}"):
                for row in rows:
                    rate = settled_of(listed.id, row, self._clock.now_ns())
                    if rate is not None and start_ns <= rate.ts_event_ns < end_ns:
                        found[rate.ts_event_ns] = rate
        return [found[ts_ns] for ts_ns in sorted(found)]

    async def _each(self, left_out: LeftOut, read: Callable[[Instrument, Row], T | None]) -> list[T]:
        """Return what is read of each ticker; `read` returns None where the venue tells nothing."""
        instruments = [market.instrument for market in (await self._catalog.listing()).markets]
        rows = await self._tickers.rows([each.symbol for each in instruments])
        found = left_out.read(
            (each.symbol, partial(read, each, rows[each.symbol])) for each in instruments if each.symbol in rows
        )
        return [one for one in found if one is not None]
