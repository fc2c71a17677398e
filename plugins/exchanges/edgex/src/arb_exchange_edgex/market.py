"""Public data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from arb.api import BadResponse, Context, ExchangeError
from arb.model import (
    MILLISECOND_NS,
    SECOND_NS,
    Bbo,
    FundingKind,
    FundingRate,
    Instrument,
    InstrumentId,
    MarketStats,
    OrderBook,
    RateUnit,
)

from .parse import Parser, levels, optional
from .wire import VenueWire, each, taken


class VenueMarket:
    """Implements `arb.api.MarketData`."""

    def __init__(self, wire: VenueWire, context: Context) -> None:
        self._wire = wire
        self._context = context
        self._instruments: dict[InstrumentId, Instrument] = {}
        self.parser = Parser(context.name)

    async def fetch_instruments(self) -> Sequence[Instrument]:
        """Return every perpetual future."""
        answer = await self._wire.get("/markets")
        with self.parser.reading():
            listed = [self.parser.instrument(row) for row in each(answer, "markets")]
        self._instruments = {one.id: one for one in listed}
        self.parser.names = {one.symbol: one.id for one in listed}
        return listed

    async def fetch_order_book(self, instrument: InstrumentId, depth: int) -> OrderBook:
        """Return the book."""
        symbol = self.instrument(instrument).symbol
        answer = await self._wire.get("/book", symbol=symbol, depth=depth)
        with self.parser.reading():
            return OrderBook(
                instrument=instrument,
                bids=levels(answer["bids"]),
                asks=levels(answer["asks"]),
                sequence=answer["sequence"],
                ts_event_ns=answer["time"] * MILLISECOND_NS,
                ts_init_ns=self._context.clock.now_ns(),
            )

    async def fetch_bbo(self, instrument: InstrumentId) -> Bbo:
        """Return the top of the book."""
        bbo = (await self.fetch_order_book(instrument, 1)).bbo()
        if bbo is None:
            raise BadResponse(f"a side of {instrument} is empty", exchange=self._context.name, code="empty_book")
        return bbo

    async def fetch_stats(self) -> Sequence[MarketStats]:
        """Return prices and activity; what is not known is None."""
        answer = await self._wire.get("/stats")
        with self.parser.reading():
            return [self._stats(row) for row in each(answer, "stats")]

    async def fetch_fx_rates(self) -> Mapping[str, Decimal]:
        """Return US dollars per unit of each collateral currency."""
        answer = await self._wire.get("/currencies")
        with self.parser.reading():
            return {currency: Decimal(rate) for currency, rate in taken(answer, "usd", dict).items()}

    async def fetch_funding_rates(self) -> Sequence[FundingRate]:
        """Return the predicted rate of every instrument."""
        answer = await self._wire.get("/funding")
        with self.parser.reading():
            return [self._rate(row, FundingKind.PREDICTED) for row in each(answer, "funding")]

    async def fetch_funding_history(
        self, instrument: InstrumentId, start_ns: int, end_ns: int
    ) -> Sequence[FundingRate]:
        """Return settled rates in [start, end)."""
        symbol = self.instrument(instrument).symbol
        # The venue counts milliseconds: the window is widened to whole ones, then cut exactly.
        start_ms, end_ms = start_ns // MILLISECOND_NS, -(-end_ns // MILLISECOND_NS)
        rows = await self._wire.get_rows("/funding_history", symbol=symbol, start=start_ms, end=end_ms)
        with self.parser.reading():
            rates = [self._rate(row, FundingKind.SETTLED) for row in rows]
        return [rate for rate in rates if start_ns <= rate.ts_event_ns < end_ns]

    def instrument(self, name: InstrumentId) -> Instrument:
        """Return a listed instrument; raises ExchangeError for another."""
        if name not in self._instruments:
            raise ExchangeError(f"no instrument {name}", exchange=self._context.name, code="unknown_instrument")
        return self._instruments[name]

    def _stats(self, row: Mapping[str, Any]) -> MarketStats:
        return MarketStats(
            instrument=self.parser.name(row["symbol"]),
            mark_price=optional(row["mark"]),
            index_price=optional(row["index"]),
            volume_24h=optional(row["volume"]),
            open_interest=optional(row["open_interest"]),
            ts_event_ns=row["time"] * MILLISECOND_NS,
            ts_init_ns=self._context.clock.now_ns(),
        )

    def _rate(self, row: Mapping[str, Any], kind: FundingKind) -> FundingRate:
        interval_ns = row["interval"] * SECOND_NS
        return FundingRate(
            instrument=self.parser.name(row["symbol"]),
            raw=Decimal(row["percent"]),
            # This venue publishes percent for one settlement.
            unit=RateUnit(factor=Decimal("0.01"), period_ns=interval_ns),
            interval_ns=interval_ns,
            kind=kind,
            ts_event_ns=row["time"] * MILLISECOND_NS,
            ts_init_ns=self._context.clock.now_ns(),
            next_funding_ns=row["next"] * MILLISECOND_NS if kind is FundingKind.PREDICTED else None,
        )
