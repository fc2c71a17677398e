"""Public data of Backpack as model objects: books, trades, prices, funding rates. Functions without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.model import (
    HOUR_NS,
    BookDelta,
    BookLevel,
    FundingKind,
    FundingRate,
    Instrument,
    InstrumentId,
    MarketStats,
    OrderBook,
    RateUnit,
    Side,
    Trade,
    parse_utc,
)
from arb.net import Row, from_ms, from_us, maybe_number, number, positive, rows_of, whole

from ._fields import from_text
from ._markets import Listing

DEPTHS: Final = (5, 10, 20, 50, 100, 500, 1000)
"""What `GET /api/v1/depth` takes as `limit`."""

_ONE: Final = Decimal(1)
HOURLY_SINCE_NS: Final = parse_utc("2025-08-20T08:00:00")
"""Until then, included, every market settled each 8 hours (learn.backpack.exchange, "Hourly funding")."""

_BEFORE_NS: Final = 8 * HOUR_NS


def book_of(instrument: InstrumentId, answer: Row, now_ns: int) -> OrderBook:
    """Read `GET /api/v1/depth`: both sides by rising price, so that the best bid is the last; microseconds."""
    return OrderBook(
        instrument=instrument,
        bids=tuple(sorted(_levels(answer["bids"]), reverse=True)),
        asks=tuple(sorted(_levels(answer["asks"]))),
        sequence=whole(answer["lastUpdateId"]),
        ts_event_ns=from_us(answer["timestamp"]),
        ts_init_ns=now_ns,
    )


def delta_of(instrument: InstrumentId, data: Row, now_ns: int) -> BookDelta:
    """Read a message of the stream `depth`: it continues the book that ended with `U` - 1."""
    first, last = whole(data["U"]), whole(data["u"])
    if last < first:
        raise ValueError(f"a change of a book from {first} to {last}")
    return BookDelta(
        instrument=instrument,
        bids=tuple(_changes(data["b"])),
        asks=tuple(_changes(data["a"])),
        previous=first - 1,
        sequence=last,
        ts_event_ns=from_us(data["T"]),
        ts_init_ns=now_ns,
    )


def trade_of(instrument: InstrumentId, data: Row, now_ns: int) -> Trade:
    """Read a message of the stream `trade`; where the buyer was the maker, the taker sold."""
    return Trade(
        instrument=instrument,
        side=Side.SELL if data["m"] else Side.BUY,
        price=positive(data["p"]),
        quantity=positive(data["q"]),
        ts_event_ns=from_us(data["T"]),
        ts_init_ns=now_ns,
    )


def depth_limit(depth: int) -> int:
    """Return the smallest limit the venue takes that gives `depth` levels; its largest where none does."""
    return next((limit for limit in DEPTHS if limit >= depth), DEPTHS[-1])


def stats_of(listing: Listing, marks: Any, tickers: Any, interests: Any, now_ns: int) -> list[MarketStats]:
    """Join mark prices, the day's turnover and open interest; the venue counts the latter in contracts."""
    by_mark, by_ticker, by_interest = _by_symbol(marks), _by_symbol(tickers), _by_symbol(interests)
    rows = []
    for market in listing.markets:
        instrument = market.instrument
        prices = by_mark.get(instrument.symbol, {})
        mark = _price(prices.get("markPrice"))
        contracts = maybe_number(by_interest.get(instrument.symbol, {}).get("openInterest"))
        rows.append(
            MarketStats(
                instrument=instrument.id,
                mark_price=mark,
                index_price=_price(prices.get("indexPrice")),
                volume_24h=maybe_number(by_ticker.get(instrument.symbol, {}).get("quoteVolume")),
                open_interest=None if contracts is None or mark is None else contracts * mark,
                ts_event_ns=now_ns,
                ts_init_ns=now_ns,
            )
        )
    return rows


def predicted_of(instrument: Instrument, row: Row, now_ns: int) -> FundingRate | None:
    """Read a row of `GET /api/v1/markPrices`: the estimate for the interval that runs, a fraction of it."""
    rate, interval_ns = maybe_number(row.get("fundingRate")), instrument.funding_interval_ns
    if rate is None or interval_ns is None:
        return None
    return FundingRate(
        instrument=instrument.id,
        raw=rate,
        unit=RateUnit(factor=_ONE, period_ns=interval_ns),
        interval_ns=interval_ns,
        kind=FundingKind.PREDICTED,
        ts_event_ns=now_ns,
        ts_init_ns=now_ns,
        next_funding_ns=from_ms(row["nextFundingTimestamp"]),
    )


def settled_of(instrument: Instrument, row: Row, now_ns: int) -> FundingRate:
    """Read a row of `GET /api/v1/fundingRates`: a fraction of the interval that ended then."""
    ended_ns = from_text(row["intervalEndTimestamp"])
    interval_ns = _BEFORE_NS if ended_ns <= HOURLY_SINCE_NS else instrument.funding_interval_ns or HOUR_NS
    return FundingRate(
        instrument=instrument.id,
        raw=number(row["fundingRate"]),
        unit=RateUnit(factor=_ONE, period_ns=interval_ns),
        interval_ns=interval_ns,
        kind=FundingKind.SETTLED,
        ts_event_ns=ended_ns,
        ts_init_ns=now_ns,
    )


def _levels(rows: Iterable[Any]) -> Iterable[BookLevel]:
    return (level for level in _changes(rows) if level.size > 0)


def _changes(rows: Iterable[Any]) -> Iterable[BookLevel]:
    for price, size in rows:
        level = BookLevel(positive(price), number(size))
        if level.size < 0:
            raise ValueError(f"a level of the size {size}")
        yield level


def _by_symbol(answer: Any) -> Mapping[str, Row]:
    return MappingProxyType({row["symbol"]: row for row in rows_of(answer)})


def _price(value: Any) -> Decimal | None:
    price = maybe_number(value)
    return price if price is not None and price > 0 else None
