"""The scripted market of a MemoryExchange: instruments, books, rates; it changes only when a test says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from arb.api import BadResponse, Clock, ExchangeError
from arb.model import (
    BPS,
    HOUR_NS,
    BookLevel,
    FeeSchedule,
    FundingKind,
    FundingRate,
    Instrument,
    InstrumentId,
    MarginTier,
    MarketStats,
    OrderBook,
    RateUnit,
    ceil_to,
    floor_to,
    instrument_id,
)

Number = Decimal | int | str
"""What scripts may write for a decimal; never a float."""

Levels = Iterable[tuple[Number, Number]]
"""Pairs of price and size."""


def sample_instrument(exchange: str = "memory", base: str = "BTC", **changes: Any) -> Instrument:
    """Return a plain linear perpetual, `BTC-PERP.memory`, with any field of Instrument changed."""
    plain = Instrument(
        id=instrument_id(f"{base}-PERP", exchange),
        symbol=f"{base}USDC",
        base=base,
        quote="USDC",
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.001"),
        fees=FeeSchedule(maker=Decimal("0.0002"), taker=Decimal("0.0005")),
        margin_tiers=(MarginTier(max_notional=None, maintenance_rate=Decimal("0.01"), max_leverage=Decimal(20)),),
        funding_interval_ns=8 * HOUR_NS,
        min_quantity=Decimal("0.001"),
        min_notional=Decimal(10),
    )
    return replace(plain, **changes)


class MemoryMarket:
    """What the exchange lists and shows."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.clock = clock
        self.instruments: dict[InstrumentId, Instrument] = {}
        self.predicted: dict[InstrumentId, FundingRate] = {}
        self.settled: dict[InstrumentId, list[FundingRate]] = {}
        self.stats: dict[InstrumentId, MarketStats] = {}
        self.fx: dict[str, Decimal] = {"USDC": Decimal(1)}
        self._books: dict[InstrumentId, OrderBook] = {}
        self._sequence = 0

    def instrument(self, name: InstrumentId) -> Instrument:
        """Return an instrument; raises ExchangeError for one that is not listed."""
        try:
            return self.instruments[name]
        except KeyError:
            raise ExchangeError(f"no instrument {name}", exchange=self.name, code="unknown_instrument") from None

    def book(self, name: InstrumentId) -> OrderBook:
        """Return the book as it stands; raises BadResponse while there is none."""
        self.instrument(name)
        try:
            return replace(self._books[name], ts_init_ns=self.clock.now_ns())
        except KeyError:
            raise BadResponse(f"no book of {name}", exchange=self.name, code="no_book") from None

    def mark(self, name: InstrumentId) -> Decimal:
        """Return the mark price set in `stats`, else the book's mid price."""
        stats = self.stats.get(name)
        if stats is not None and stats.mark_price is not None:
            return stats.mark_price
        bbo = self.book(name).bbo()
        if bbo is None:
            raise BadResponse(f"{name} has no price: a side of its book is empty", exchange=self.name, code="no_price")
        return bbo.mid_price

    def set_book(self, name: InstrumentId, bids: Levels, asks: Levels) -> OrderBook:
        """Replace a book."""
        self.instrument(name)
        now_ns = self.clock.now_ns()
        self._sequence += 1
        book = OrderBook(
            instrument=name,
            bids=tuple(BookLevel(Decimal(price), Decimal(size)) for price, size in bids),
            asks=tuple(BookLevel(Decimal(price), Decimal(size)) for price, size in asks),
            sequence=self._sequence,
            ts_event_ns=now_ns,
            ts_init_ns=now_ns,
        )
        self._books[name] = book
        return book

    def set_price(
        self, name: InstrumentId, price: Number, *, spread_bps: Number = 2, size: Number = 10, levels: int = 5
    ) -> OrderBook:
        """Replace a book by `levels` equal levels a side around `price`, one half spread apart."""
        tick, mid = self.instrument(name).tick_size, Decimal(price)
        half = max(mid * Decimal(spread_bps) * BPS / 2, tick)
        steps = range(1, levels + 1)
        bids = [(floor_to(mid - half * step, tick), size) for step in steps]
        asks = [(ceil_to(mid + half * step, tick), size) for step in steps]
        return self.set_book(name, bids, asks)

    def current_stats(self, name: InstrumentId) -> MarketStats:
        """Return what was set, or stats that know the prices only."""
        if name in self.stats:
            return self.stats[name]
        bbo = self._books[name].bbo() if name in self._books else None
        price, now_ns = bbo.mid_price if bbo else None, self.clock.now_ns()
        return MarketStats(
            instrument=name,
            mark_price=price,
            index_price=price,
            volume_24h=None,
            open_interest=None,
            ts_event_ns=now_ns,
            ts_init_ns=now_ns,
        )

    def rate(self, name: InstrumentId, rate: Number, kind: FundingKind) -> FundingRate:
        """Return `rate`, a fraction of notional for one settlement, as a FundingRate of now."""
        interval_ns = self.instrument(name).funding_interval_ns or HOUR_NS
        now_ns = self.clock.now_ns()
        predicted = kind is FundingKind.PREDICTED
        return FundingRate(
            instrument=name,
            raw=Decimal(rate),
            unit=RateUnit(factor=Decimal(1), period_ns=interval_ns),
            interval_ns=interval_ns,
            kind=kind,
            ts_event_ns=now_ns,
            ts_init_ns=now_ns,
            next_funding_ns=(now_ns // interval_ns + 1) * interval_ns if predicted else None,
        )
