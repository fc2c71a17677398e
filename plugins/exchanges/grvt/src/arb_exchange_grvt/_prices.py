"""Public data of GRVT as model objects: books, trades, prices, funding rates. Functions without I/O."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from arb.model import (
    ZERO,
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
)
from arb.net import Row, flag, from_ns, maybe_number, maybe_positive, number, positive, rows_of, whole

from ._markets import interval_ns

DEPTHS: Final = (10, 50, 100, 500)
"""What `book` takes as `depth`."""

PERCENT: Final = Decimal("0.01")
"""Rates are percent of one interval: `adjusted_funding_rate_cap` 0.3, and 0.01 where interest alone is paid."""


def depth_of(levels: int) -> int:
    """Return the smallest depth the venue takes that gives so many levels; its largest where none does."""
    return next((depth for depth in DEPTHS if depth >= levels), DEPTHS[-1])


def book_of(instrument: InstrumentId, row: Row, sequence: int, now_ns: int) -> OrderBook:
    """Read a book of `book`, which has no sequence (0), or a snapshot of the stream.

    Raises:
        ValueError: it is crossed, or of another instrument.
    """
    bids, asks = tuple(_levels(row["bids"], rising=False)), tuple(_levels(row["asks"], rising=True))
    if bids and asks and bids[0].price >= asks[0].price:
        raise ValueError("a crossed book")
    return OrderBook(
        instrument=instrument,
        bids=bids,
        asks=asks,
        sequence=sequence,
        ts_event_ns=from_ns(row["event_time"]),
        ts_init_ns=now_ns,
    )


def delta_of(instrument: InstrumentId, row: Row, previous: int, sequence: int, now_ns: int) -> BookDelta:
    """Read a change of a book; a size of 0 takes a level away, and a change without levels is a heartbeat."""
    return BookDelta(
        instrument=instrument,
        bids=tuple(_changes(row["bids"])),
        asks=tuple(_changes(row["asks"])),
        previous=previous,
        sequence=sequence,
        ts_event_ns=from_ns(row["event_time"]),
        ts_init_ns=now_ns,
    )


def trade_of(instrument: InstrumentId, row: Row, now_ns: int) -> Trade:
    """Read a public trade."""
    return Trade(
        instrument=instrument,
        side=Side.BUY if flag(row["is_taker_buyer"]) else Side.SELL,
        price=positive(row["price"]),
        quantity=positive(row["size"]),
        ts_event_ns=from_ns(row["event_time"]),
        ts_init_ns=now_ns,
    )


def stats_of(instrument: InstrumentId, row: Row, now_ns: int) -> MarketStats:
    """Read a ticker: the day's turnover is that of both takers, open interest counts contracts."""
    mark, contracts = maybe_positive(row.get("mark_price")), maybe_number(row.get("open_interest"))
    bought, sold = maybe_number(row.get("buy_volume_24h_q")), maybe_number(row.get("sell_volume_24h_q"))
    return MarketStats(
        instrument=instrument,
        mark_price=mark,
        index_price=maybe_positive(row.get("index_price")),
        volume_24h=None if bought is None or sold is None else bought + sold,
        open_interest=None if contracts is None or mark is None else contracts * mark,
        ts_event_ns=from_ns(row["event_time"]),
        ts_init_ns=now_ns,
    )


def predicted_of(instrument: Instrument, row: Row, now_ns: int) -> FundingRate | None:
    """Read the estimate for the running interval from a ticker; None where the venue gives none."""
    rate, next_ns = maybe_number(row.get("funding_rate")), whole(row.get("next_funding_time") or 0)
    told = row.get("funding_interval_hours")
    period_ns = interval_ns(told) if told not in (None, "") else instrument.funding_interval_ns
    if rate is None or not next_ns or not period_ns:
        return None
    return FundingRate(
        instrument=instrument.id,
        raw=rate,
        unit=RateUnit(factor=PERCENT, period_ns=period_ns),
        interval_ns=period_ns,
        kind=FundingKind.PREDICTED,
        ts_event_ns=from_ns(row["event_time"]),
        ts_init_ns=now_ns,
        next_funding_ns=from_ns(next_ns),
    )


def settled_of(instrument: InstrumentId, row: Row, now_ns: int) -> FundingRate | None:
    """Read a row of `funding`; None for one of before 2025-10, when funding accrued and its interval is 0."""
    period_ns = interval_ns(row["funding_interval_hours"])
    rate, paid_ns = number(row["funding_rate"]), from_ns(row["funding_time"])
    if period_ns is None:
        return None
    return FundingRate(
        instrument=instrument,
        raw=rate,
        unit=RateUnit(factor=PERCENT, period_ns=period_ns),
        interval_ns=period_ns,
        kind=FundingKind.SETTLED,
        ts_event_ns=paid_ns,
        ts_init_ns=now_ns,
    )


def _levels(rows: Any, *, rising: bool) -> Iterable[BookLevel]:
    levels = [level for level in _changes(rows) if level.size > ZERO]
    return sorted(levels, reverse=not rising)


def _changes(rows: Any) -> Iterable[BookLevel]:
    for row in rows_of(rows):
        level = BookLevel(positive(row["price"]), number(row["size"]))
        if level.size < 0:
            raise ValueError(f"a level of the size {row['size']}")
        yield level
