"""Public data of Paradex as model objects: books, trades, prices, funding rates. Functions without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.api import BadResponse
from arb.model import (
    Bbo,
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
from arb.net import Row, from_ms, maybe_number, maybe_positive, number, positive, whole

from ._fields import results
from ._markets import Listing, Market

ONE: Final = Decimal(1)
SIDE_OF: Final[Mapping[str, Side]] = MappingProxyType({"BUY": Side.BUY, "SELL": Side.SELL})
TAPE: Final = frozenset({"FILL", "LIQUIDATION", "RPI"})
"""Kinds of public trades that met the book; the others are transfers of positions and agreed blocks."""


def book_of(instrument: InstrumentId, answer: Row, now_ns: int) -> OrderBook:
    """Read `GET /orderbook/{market}`: what orders of the API see, without those for retail alone."""
    return OrderBook(
        instrument=instrument,
        bids=tuple(sorted(_levels(answer["bids"]), reverse=True)),
        asks=tuple(sorted(_levels(answer["asks"]))),
        sequence=whole(answer["seq_no"]),
        ts_event_ns=from_ms(answer["last_updated_at"]),
        ts_init_ns=now_ns,
    )


def bbo_of(exchange: str, instrument: InstrumentId, answer: Row, now_ns: int) -> Bbo:
    """Read `GET /bbo/{market}`; raises BadResponse where a side is empty."""
    bid, ask = maybe_positive(answer["bid"]), maybe_positive(answer["ask"])
    if bid is None or ask is None:
        raise BadResponse(f"a side of the book of {instrument} is empty", exchange=exchange, code="empty_book")
    return Bbo(
        instrument=instrument,
        bid=bid,
        ask=ask,
        bid_size=positive(answer["bid_size"]),
        ask_size=positive(answer["ask_size"]),
        sequence=whole(answer["seq_no"]),
        ts_event_ns=from_ms(answer["last_updated_at"]),
        ts_init_ns=now_ns,
    )


def streamed_book(instrument: InstrumentId, data: Row, now_ns: int) -> OrderBook:
    """Read a snapshot out of a frame: see :mod:`._frames`."""
    return OrderBook(
        instrument=instrument,
        bids=tuple(BookLevel(price, size) for price, size in sorted(data["bids"], reverse=True) if size > 0),
        asks=tuple(BookLevel(price, size) for price, size in sorted(data["asks"]) if size > 0),
        sequence=data["seq_no"],
        ts_event_ns=data["ts_ns"],
        ts_init_ns=now_ns,
    )


def trade_of(instrument: InstrumentId, data: Row, now_ns: int) -> Trade | None:
    """Read a public trade of a frame; None for what did not meet the book."""
    if data["trade_type"] not in TAPE:
        return None
    return Trade(
        instrument=instrument,
        side=SIDE_OF[data["side"]],
        price=positive(data["price"]),
        quantity=positive(data["size"]),
        ts_event_ns=data["created_ns"],
        ts_init_ns=now_ns,
    )


def summaries_of(answer: Any) -> Mapping[str, Row]:
    """Return the rows of `GET /markets/summary` by symbol; thousands of them are options."""
    return MappingProxyType({row["symbol"]: row for row in results(answer)})


def stats_of(listing: Listing, summaries: Mapping[str, Row], now_ns: int) -> list[MarketStats]:
    """Read prices and activity of every perpetual future; open interest is in contracts."""
    rows = []
    for market in listing.markets:
        row = summaries.get(market.instrument.symbol)
        if row is None:
            continue
        mark, contracts = maybe_positive(row.get("mark_price")), maybe_number(row.get("open_interest"))
        rows.append(
            MarketStats(
                instrument=market.instrument.id,
                mark_price=mark,
                index_price=maybe_positive(row.get("underlying_price")),
                volume_24h=maybe_number(row.get("volume_24h")),
                open_interest=None if contracts is None or mark is None else contracts * mark,
                ts_event_ns=from_ms(row["created_at"]),
                ts_init_ns=now_ns,
            )
        )
    return rows


def predicted_of(market: Market, row: Row, now_ns: int) -> FundingRate | None:
    """Read the running rate of a row of `GET /markets/summary`: a fraction of the market's own period.

    It accrues at every moment, so there is no settlement that it would be paid at.
    """
    rate = maybe_number(row.get("funding_rate"))
    if rate is None:
        return None
    return FundingRate(
        instrument=market.instrument.id,
        raw=rate,
        unit=RateUnit(factor=ONE, period_ns=market.period_ns),
        interval_ns=0,
        kind=FundingKind.PREDICTED,
        ts_event_ns=from_ms(row["created_at"]),
        ts_init_ns=now_ns,
    )


def _levels(rows: Iterable[Any]) -> Iterable[BookLevel]:
    for price, size in rows:
        level = BookLevel(positive(price), number(size))
        if level.size < 0:
            raise ValueError(f"a level of the size {size}")
        if level.size:
            yield level
