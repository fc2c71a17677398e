"""Public data as model objects: books, trades, prices, funding rates. Functions without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from arb.model import (
    HOUR_NS,
    MINUTE_NS,
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
from arb.net import Row, from_ms, maybe_number, maybe_positive, number, positive, rows_of, text, whole

from ._fields import flag
from ._listing import Listing

_ONE: Final = Decimal(1)
_LEVEL: Final = partial(tuple.__new__, BookLevel)
"""Makes a level of a pair, in half the time that `BookLevel` takes."""

_LONGEST_USUAL: Final = 24
INTERVALS_NS: Final = frozenset({HOUR_NS, 2 * HOUR_NS, 4 * HOUR_NS, 8 * HOUR_NS})
"""What lies between two settlements of one symbol, by the venues' notices."""

LONGEST_INTERVAL_NS: Final = max(INTERVALS_NS)


def book_of(instrument: InstrumentId, answer: Row, now_ns: int) -> OrderBook:
    """Read `depth`."""
    return OrderBook(
        instrument=instrument,
        bids=tuple(sorted(_levels(answer["bids"]), reverse=True)),
        asks=tuple(sorted(_levels(answer["asks"]))),
        sequence=whole(answer["lastUpdateId"]),
        ts_event_ns=from_ms(answer["E"]),
        ts_init_ns=now_ns,
    )


def delta_of(instrument: InstrumentId, data: Row, now_ns: int) -> BookDelta:
    """Read a `depthUpdate`: it continues the event that ended with `pu`; sizes are absolute.

    On futures the numbers of one book have holes, so `U` says nothing about the event before.
    """
    first, last, previous = whole(data["U"]), whole(data["u"]), whole(data["pu"])
    if not previous <= first <= last or previous == last:
        raise ValueError(f"a change of a book from {first} to {last} after {previous}")
    return BookDelta(
        instrument=instrument,
        bids=tuple(_changes(data["b"])),
        asks=tuple(_changes(data["a"])),
        previous=previous,
        sequence=last,
        ts_event_ns=from_ms(data["E"]),
        ts_init_ns=now_ns,
    )


def trade_of(instrument: InstrumentId, data: Row, now_ns: int) -> Trade:
    """Read an `aggTrade`: one taker's trades at one price; where the buyer was the maker, the taker sold."""
    return Trade(
        instrument=instrument,
        side=Side.SELL if flag(data["m"]) else Side.BUY,
        price=positive(data["p"]),
        quantity=positive(data["q"]),
        ts_event_ns=from_ms(data["T"]),
        ts_init_ns=now_ns,
    )


def depth_limit(limits: Iterable[int], depth: int) -> int:
    """Return the smallest limit the venue takes that gives `depth` levels; its largest where none does."""
    ordered = sorted(limits)
    return next((limit for limit in ordered if limit >= depth), ordered[-1])


def stats_of(
    listing: Listing, marks: Any, tickers: Any, interests: Mapping[str, Decimal], now_ns: int
) -> list[MarketStats]:
    """Join mark prices, the day's turnover and open interest, which the venue counts in contracts."""
    by_mark, by_ticker = _by_symbol(marks), _by_symbol(tickers)
    rows = []
    for instrument in listing.instruments:
        prices = by_mark.get(instrument.symbol, {})
        mark = maybe_positive(prices.get("markPrice"))
        contracts = interests.get(instrument.symbol)
        rows.append(
            MarketStats(
                instrument=instrument.id,
                mark_price=mark,
                index_price=maybe_positive(prices.get("indexPrice")),
                volume_24h=maybe_number(by_ticker.get(instrument.symbol, {}).get("quoteVolume")),
                open_interest=None if contracts is None or mark is None else contracts * mark,
                ts_event_ns=from_ms(prices["time"]) if prices.get("time") else now_ns,
                ts_init_ns=now_ns,
            )
        )
    return rows


def turnover_of(tickers: Any) -> dict[str, Decimal]:
    """Read the day's turnover by symbol, in quote currency."""
    return {row["symbol"]: maybe_number(row.get("quoteVolume")) or Decimal(0) for row in rows_of(tickers)}


def interest_of(answer: Row) -> Decimal:
    """Read `openInterest`: contracts."""
    return number(answer["openInterest"])


def predicted_of(instrument: Instrument, row: Row, interval_ns: int, now_ns: int) -> FundingRate | None:
    """Read a row of `premiumIndex`; None for a market without a coming settlement.

    `lastFundingRate` is, whatever its name says, the running estimate of the rate that is charged at
    `nextFundingTime`: a fraction of one interval.
    """
    rate, next_ns = maybe_number(row.get("lastFundingRate")), from_ms(row.get("nextFundingTime") or 0)
    if rate is None or not next_ns:
        return None
    return FundingRate(
        instrument=instrument.id,
        raw=rate,
        unit=RateUnit(factor=_ONE, period_ns=interval_ns),
        interval_ns=interval_ns,
        kind=FundingKind.PREDICTED,
        ts_event_ns=from_ms(row["time"]),
        ts_init_ns=now_ns,
        next_funding_ns=next_ns,
    )


def settlements_of(answer: Any) -> list[tuple[int, Decimal]]:
    """Read `fundingRate`: when, and the fraction of the interval that ended then."""
    return [(from_ms(row["fundingTime"]), number(row["fundingRate"])) for row in rows_of(answer)]


def settled_of(instrument: Instrument, settlements: Sequence[tuple[int, Decimal]], now_ns: int) -> list[FundingRate]:
    """Return settlements, oldest first, as rates.

    A rate is of the interval that ended with it. It is the distance to the settlement before where that is one of
    the intervals there are, since a symbol changes its own; else the one of now.
    """
    now_interval_ns = instrument.funding_interval_ns or LONGEST_INTERVAL_NS
    rates = []
    before_ns = 0
    for ts_ns, rate in settlements:
        # Stamps are some milliseconds late.
        distance_ns = round((ts_ns - before_ns) / MINUTE_NS) * MINUTE_NS
        interval_ns = distance_ns if distance_ns in INTERVALS_NS else now_interval_ns
        before_ns = ts_ns
        rates.append(
            FundingRate(
                instrument=instrument.id,
                raw=rate,
                unit=RateUnit(factor=_ONE, period_ns=interval_ns),
                interval_ns=interval_ns,
                kind=FundingKind.SETTLED,
                ts_event_ns=ts_ns,
                ts_init_ns=now_ns,
            )
        )
    return rates


def dollars_of(answer: Any) -> dict[str, Decimal]:
    """Read `assetIndex` (`BTCUSD`): US dollars per unit of each collateral currency."""
    found = {}
    for row in rows_of(answer):
        currency, price = text(row["symbol"]).removesuffix("USD"), maybe_positive(row.get("index"))
        if currency and price is not None:
            found[currency] = price
    return found


def _levels(rows: Iterable[Any]) -> Iterable[BookLevel]:
    return (level for level in _changes(rows) if level.size > 0)


def _changes(rows: Any) -> list[BookLevel]:
    """Read levels: some hundred thousand a minute, so those in the usual form are looked at all together.

    Up to 24 digits and a point are a number that can be computed with, or none at all.
    """
    if not rows:
        return []
    if set(map(len, rows)) != {2}:
        raise ValueError("a level is a price and a size")
    prices, sizes = zip(*rows, strict=True)
    if not _is_usual(prices + sizes):
        return [BookLevel(positive(price), _not_negative(size)) for price, size in rows]
    exact = list(map(Decimal, prices))
    if not all(exact):
        raise ValueError("a price of zero")
    return list(map(_LEVEL, zip(exact, map(Decimal, sizes), strict=True)))


def _is_usual(texts: tuple[Any, ...]) -> bool:
    """Whether all are texts of up to 24 digits and points, as the venue writes prices and sizes."""
    try:
        digits = "".join(texts).replace(".", "")
    except TypeError:
        return False
    return digits.isascii() and digits.isdecimal() and max(map(len, texts)) <= _LONGEST_USUAL


def _not_negative(value: Any) -> Decimal:
    size = number(value)
    if size < 0:
        raise ValueError(f"a size of {value}")
    return size


def _by_symbol(answer: Any) -> Mapping[str, Row]:
    return MappingProxyType({row["symbol"]: row for row in rows_of(answer)})
