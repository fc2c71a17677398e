"""The market of a hedge's legs, as the next step needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal

from arb.marketdata import PriceProvider
from arb.model import Fresh, Hedge, Instrument, InstrumentId, OrderBook, Stale

from ._steps import LegQuote, Quotes


class Quoting:
    """Reads books through the price provider.

    Attributes:
        instruments: By their rules of now.
    """

    def __init__(
        self,
        prices: PriceProvider,
        instruments: Mapping[InstrumentId, Instrument],
        usd_rate: Callable[[str], Decimal | None],
        *,
        max_age_ns: int,
    ) -> None:
        self._prices = prices
        self.instruments = instruments
        self._usd_rate = usd_rate
        self._max_age_ns = max_age_ns

    async def of(self, hedge: Hedge) -> Quotes:
        """Return the quotes of all legs that have a book with two sides.

        A book that is too old to open on still bounds a reduction: a bound that the market has left
        fills nothing, or better.
        """
        names = [leg.instrument for leg in hedge.legs]
        readings = await asyncio.gather(*(self._prices.read_book(name, self._max_age_ns) for name in names))
        quotes = {}
        for index, (name, reading) in enumerate(zip(names, readings, strict=True)):
            if isinstance(reading, Fresh | Stale):
                quote = self.quote(self.instruments[name], reading.value, is_fresh=isinstance(reading, Fresh))
                if quote is not None:
                    quotes[index] = quote
        return quotes

    def quote(self, instrument: Instrument, book: OrderBook, *, is_fresh: bool) -> LegQuote | None:
        """Return the quote of a book; None when a side is empty."""
        bbo = book.bbo()
        if bbo is None:
            return None
        rate = self._usd_rate(instrument.quote)
        mid = bbo.mid_price
        return LegQuote(
            instrument=instrument,
            book=book,
            mid_price=mid,
            mid_usd=None if rate is None else mid * rate,
            fee=instrument.fees.taker,
            is_fresh=is_fresh,
        )

    async def traded(self, instruments: list[InstrumentId]) -> None:
        """Forget books that own orders may have changed."""
        for instrument in instruments:
            await self._prices.drop(instrument)
