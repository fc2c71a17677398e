"""The market of a hedge's legs, as the next step needs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from arb.api import Clock
from arb.marketdata import PriceProvider
from arb.model import SECOND_NS, Fresh, Hedge, Instrument, InstrumentId, OrderBook, Stale

from ._steps import LegQuote, Quotes

_UNREADABLE_NS: Final = 2 * SECOND_NS
"""How long a book that cannot be read is waited for: one side may be empty for a moment, after our own order too."""

_SAME_NS: Final = 15 * SECOND_NS
"""Two misses that are further apart do not make one stretch."""


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
        clock: Clock,
        *,
        max_age_ns: int,
    ) -> None:
        self._prices = prices
        self.instruments = instruments
        self._usd_rate = usd_rate
        self._clock = clock
        self._max_age_ns = max_age_ns
        self._last: dict[InstrumentId, OrderBook] = {}
        self._missed: dict[InstrumentId, tuple[int, int]] = {}

    async def of(self, hedge: Hedge) -> Quotes:
        """Return the quotes of all legs that have a book with two sides.

        A book that is too old to open on still bounds a reduction: a bound that the market has left
        fills nothing, or better. So does the last one there was, when none can be read for a while: a
        venue that takes orders may well give no book.
        """
        names = [leg.instrument for leg in hedge.legs]
        readings = await asyncio.gather(*(self._prices.read_book(name, self._max_age_ns) for name in names))
        quotes = {}
        for index, (name, reading) in enumerate(zip(names, readings, strict=True)):
            book = reading.value if isinstance(reading, Fresh | Stale) else None
            quote = None if book is None else self.quote(name, book, is_fresh=isinstance(reading, Fresh))
            quote = self._remembered(name) if quote is None else self._noted(name, quote)
            if quote is not None:
                quotes[index] = quote
        return quotes

    def _noted(self, name: InstrumentId, quote: LegQuote) -> LegQuote:
        self._last[name] = quote.book
        self._missed.pop(name, None)
        return quote

    def _remembered(self, name: InstrumentId) -> LegQuote | None:
        now_ns = self._clock.now_ns()
        since_ns, last_ns = self._missed.get(name, (now_ns, now_ns))
        if now_ns - last_ns > _SAME_NS:
            since_ns = now_ns  # nobody has read in between: it is another time
        self._missed[name] = since_ns, now_ns
        if name not in self._last or now_ns - since_ns < _UNREADABLE_NS:
            return None
        return self.quote(name, self._last[name], is_fresh=False, is_remembered=True)

    def quote(
        self, name: InstrumentId, book: OrderBook, *, is_fresh: bool, is_remembered: bool = False
    ) -> LegQuote | None:
        """Return the quote of a book; None when a side is empty."""
        bbo, instrument = book.bbo(), self.instruments[name]
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
            is_remembered=is_remembered,
        )

    async def traded(self, instruments: list[InstrumentId]) -> None:
        """Forget books that own orders may have changed."""
        for instrument in instruments:
            await self._prices.drop(instrument)
