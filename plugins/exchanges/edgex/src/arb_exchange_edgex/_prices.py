"""Public data of EdgeX as model objects: books, trades, prices, funding rates. Functions without I/O."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from arb.model import (
    MILLISECOND_NS,
    MINUTE_NS,
    BookDelta,
    BookLevel,
    FundingKind,
    FundingRate,
    InstrumentId,
    MarketStats,
    OrderBook,
    RateUnit,
    Side,
    Trade,
)
from arb.net import Row, flag, from_ms, maybe_number, maybe_positive, number, positive, rows_of, text, whole

from ._markets import Market

LEVELS: Final = (15, 200)
"""Of a side, that the venue gives."""

_ONE: Final = Decimal(1)


def depth_row(data: Any, market: Market) -> Row:
    """Return the book out of an answer or a message, which holds a list of one; raises ValueError."""
    (row,) = rows_of(data)
    if str(row["contractId"]) != market.contract_id:
        raise ValueError(f"the book of contract {row['contractId']!r}")
    return row


def book_of(market: Market, row: Row, told_ns: int, now_ns: int) -> OrderBook:
    """Read a whole book; the venue writes no time in it."""
    return OrderBook(
        instrument=market.instrument.id,
        bids=tuple(sorted(_levels(row["bids"]), reverse=True)),
        asks=tuple(sorted(_levels(row["asks"]))),
        sequence=whole(row["endVersion"]),
        ts_event_ns=told_ns,
        ts_init_ns=now_ns,
    )


def delta_of(market: Market, row: Row, told_ns: int, now_ns: int) -> BookDelta:
    """Read a change of a book: it continues the version `startVersion`, and sizes are new sizes."""
    first, last = whole(row["startVersion"]), whole(row["endVersion"])
    if last < first:
        raise ValueError(f"a change of a book from {first} to {last}")
    return BookDelta(
        instrument=market.instrument.id,
        bids=tuple(_changes(row["bids"])),
        asks=tuple(_changes(row["asks"])),
        previous=first,
        sequence=last,
        ts_event_ns=told_ns,
        ts_init_ns=now_ns,
    )


def trade_of(market: Market, row: Row, now_ns: int) -> tuple[str, Trade]:
    """Read a row of the channel `trades`, with its id; where the buyer was the maker, the taker sold."""
    if str(row["contractId"]) != market.contract_id:
        raise ValueError(f"a trade of contract {row['contractId']!r}")
    trade = Trade(
        instrument=market.instrument.id,
        side=Side.SELL if flag(row["isBuyerMaker"]) else Side.BUY,
        price=positive(row["price"]),
        quantity=positive(row["size"]),
        ts_event_ns=from_ms(row["time"]),
        ts_init_ns=now_ns,
    )
    return text(str(row["ticketId"])), trade


def depth_level(depth: int) -> int:
    """Return the smallest level the venue has that gives `depth` levels; its largest where none does."""
    return next((level for level in LEVELS if level >= depth), LEVELS[-1])


def stats_of(market: Market, row: Row, told_ns: int, now_ns: int) -> MarketStats:
    """Read a ticker; turnover is in quote currency, open interest in contracts. Raises ValueError."""
    mark, contracts = maybe_positive(row.get("markPrice")), maybe_number(row.get("openInterest"))
    return MarketStats(
        instrument=market.instrument.id,
        mark_price=mark,
        index_price=maybe_positive(row.get("indexPrice")),
        volume_24h=maybe_number(row.get("value")),
        open_interest=None if contracts is None or mark is None else contracts * mark,
        ts_event_ns=told_ns,
        ts_init_ns=now_ns,
    )


def predicted_of(market: Market, row: Row, now_ns: int) -> FundingRate | None:
    """Read a row of `getLatestFundingRate`: `forecastFundingRate` is what the coming settlement will pay.

    `fundingRate` beside it is that of the settlement before, at `fundingTime`. In the minute of a settlement the
    venue has no forecast yet, and there is None.
    """
    rate = maybe_number(row.get("forecastFundingRate"))
    if rate is None:
        return None
    interval_ns = interval_of(row)
    return FundingRate(
        instrument=market.instrument.id,
        raw=rate,
        unit=RateUnit(factor=_ONE, period_ns=interval_ns),
        interval_ns=interval_ns,
        kind=FundingKind.PREDICTED,
        ts_event_ns=from_ms(row["fundingTimestamp"]),
        ts_init_ns=now_ns,
        next_funding_ns=from_ms(row["fundingTime"]) + interval_ns,
    )


def settled_of(instrument: InstrumentId, row: Row, now_ns: int) -> FundingRate | None:
    """Read a row of `getFundingRatePage`: a fraction of its own interval, paid at `fundingTime`.

    None for one that is no settlement: without a filter the venue lists a row for each minute.
    """
    if not flag(row["isSettlement"]):
        return None
    interval_ns = interval_of(row)
    return FundingRate(
        instrument=instrument,
        raw=number(row["fundingRate"]),
        unit=RateUnit(factor=_ONE, period_ns=interval_ns),
        interval_ns=interval_ns,
        kind=FundingKind.SETTLED,
        ts_event_ns=from_ms(row["fundingTime"]),
        ts_init_ns=now_ns,
    )


def interval_of(row: Row) -> int:
    """Return the interval that a rate is of: each row has its own, since the venue may change it. Raises ValueError."""
    minutes = whole(row["fundingRateIntervalMin"])
    if minutes <= 0:
        raise ValueError(f"funding interval {minutes}")
    return minutes * MINUTE_NS


def milliseconds(ts_ns: int) -> str:
    """Return a time as the venue's parameters have it."""
    return str(ts_ns // MILLISECOND_NS)


def _levels(rows: Any) -> Iterable[BookLevel]:
    return (level for level in _changes(rows) if level.size > 0)


def _changes(rows: Any) -> Iterable[BookLevel]:
    for row in rows_of(rows):
        level = BookLevel(positive(row["price"]), number(row["size"]))
        if level.size < 0:
            raise ValueError(f"a level of the size {level.size}")
        yield level
