"""Lighter's public data as records: books, trades, statistics and funding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from arb.model import (
    HOUR_NS,
    ZERO,
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
from arb.net import (
    Row,
    flag,
    from_ms,
    from_s,
    from_us,
    maybe_number,
    maybe_positive,
    number,
    positive,
    row_of,
    text,
    whole,
)

from ._fields import changed_at, maybe_rows

PERCENT_AN_HOUR: Final = RateUnit(factor=Decimal("0.01"), period_ns=HOUR_NS)
"""Of the socket's `market_stats` and of `fundings`."""

FRACTION_IN_8_HOURS: Final = RateUnit(factor=Decimal(1), period_ns=8 * HOUR_NS)
"""Of `funding-rates`, which lists other venues beside Lighter and puts all on 8 hours."""

OWN_ROWS: Final = "lighter"
_PAYS: Final[Mapping[str, int]] = {"long": 1, "short": -1}


def resting_orders(answer: Row, instrument: InstrumentId, limit: int, *, told_ns: int, now_ns: int) -> OrderBook:
    """Return the book of `orderBookOrders`, which lists single orders: those at one price are one level.

    Args:
        answer: The whole answer.
        instrument: Its id.
        limit: How many orders a side were asked for: where so many came, the last level may go on.
        told_ns: The venue's time, which the answer does not hold.
        now_ns: Ours.
    """
    return OrderBook(
        instrument=instrument,
        bids=_summed(maybe_rows(answer["bids"]), limit, descending=True),
        asks=_summed(maybe_rows(answer["asks"]), limit, descending=False),
        sequence=0,
        ts_event_ns=told_ns,
        ts_init_ns=now_ns,
    )


def book_message(message: Row, instrument: InstrumentId, now_ns: int) -> OrderBook | BookDelta:
    """Return a snapshot or a change of the channel `order_book`.

    A change continues the book whose `nonce` is its `begin_nonce`; the `offset` counts per server and is not used.
    """
    body = row_of(message["order_book"])
    times = {"ts_event_ns": _book_time(message, body), "ts_init_ns": now_ns}
    bids, asks = (_levels(maybe_rows(body.get(side))) for side in ("bids", "asks"))
    if text(message["type"]).startswith("subscribed/"):
        return OrderBook(
            instrument=instrument,
            bids=tuple(sorted((level for level in bids if level.size > 0), reverse=True)),
            asks=tuple(sorted(level for level in asks if level.size > 0)),
            sequence=whole(body["nonce"]),
            **times,
        )
    return BookDelta(
        instrument=instrument,
        bids=tuple(bids),
        asks=tuple(asks),
        previous=whole(body["begin_nonce"]),
        sequence=whole(body["nonce"]),
        **times,
    )


def trades_of(message: Row, instrument: InstrumentId, now_ns: int) -> list[tuple[int, Trade]]:
    """Return the trades of a message with their numbers, oldest first; liquidations are among them."""
    rows = [*maybe_rows(message.get("trades")), *maybe_rows(message.get("liquidation_trades"))]
    found = {whole(row["trade_id"]): row for row in rows}
    return [(trade_id, _trade(found[trade_id], instrument, now_ns)) for trade_id in sorted(found)]


def stats_of(details: Row, live: Row | None, instrument: InstrumentId, now_ns: int) -> MarketStats:
    """Return the figures of one market.

    Open interest is in base units in `orderBookDetails`; without a mark price it is not known in quote currency.

    Args:
        details: Of the market, from `orderBookDetails`.
        live: Of the market, from the socket, where it is there.
        instrument: Its id.
        now_ns: Now.
    """
    mark, index = (
        maybe_positive(details.get(name)) or maybe_positive((live or {}).get(name))
        for name in ("mark_price", "index_price")
    )
    interest = maybe_number(details.get("open_interest"))
    return MarketStats(
        instrument=instrument,
        mark_price=mark,
        index_price=index,
        volume_24h=maybe_number(details.get("daily_quote_token_volume")),
        open_interest=None if interest is None or mark is None else interest * mark,
        ts_event_ns=now_ns,
        ts_init_ns=now_ns,
    )


def live_rate(row: Row, instrument: InstrumentId, published_ns: int, now_ns: int) -> FundingRate | None:
    """Return the estimate of the coming payment that the socket gives; `funding_rate` beside it is the last one."""
    raw = maybe_number(row.get("current_funding_rate"))
    return None if raw is None else _predicted(raw, PERCENT_AN_HOUR, instrument, published_ns, now_ns)


def listed_rate(row: Row, instrument: InstrumentId, now_ns: int) -> FundingRate:
    """Return a row of `funding-rates`."""
    return _predicted(number(row["rate"]), FRACTION_IN_8_HOURS, instrument, now_ns, now_ns)


def settled_rates(answer: Row, instrument: InstrumentId, now_ns: int) -> list[FundingRate]:
    """Return the rows of `fundings`: percent an hour without a sign, and the side that paid."""
    return [
        FundingRate(
            instrument=instrument,
            raw=number(row["rate"]) * _PAYS[text(row["direction"])],
            unit=PERCENT_AN_HOUR,
            interval_ns=HOUR_NS,
            kind=FundingKind.SETTLED,
            ts_event_ns=from_s(row["timestamp"]),
            ts_init_ns=now_ns,
        )
        for row in maybe_rows(answer["fundings"])
    ]


def usd_rates(answer: Row, currencies: Iterable[str]) -> dict[str, Decimal]:
    """Return the venue's index prices, in US dollars, of the currencies asked for."""
    wanted = set(currencies)
    found = {text(row["symbol"]): maybe_positive(row.get("index_price")) for row in maybe_rows(answer["asset_details"])}
    return {symbol: price for symbol, price in found.items() if symbol in wanted and price is not None}


def next_hour(now_ns: int) -> int:
    """Return the next settlement: every full hour."""
    return (now_ns // HOUR_NS + 1) * HOUR_NS


def _predicted(raw: Decimal, unit: RateUnit, instrument: InstrumentId, published_ns: int, now_ns: int) -> FundingRate:
    return FundingRate(
        instrument=instrument,
        raw=raw,
        unit=unit,
        interval_ns=HOUR_NS,
        kind=FundingKind.PREDICTED,
        ts_event_ns=published_ns,
        ts_init_ns=now_ns,
        next_funding_ns=next_hour(now_ns),
    )


def _trade(row: Row, instrument: InstrumentId, now_ns: int) -> Trade:
    return Trade(
        instrument=instrument,
        side=Side.BUY if flag(row["is_maker_ask"]) else Side.SELL,
        price=positive(row["price"]),
        quantity=positive(row["size"]),
        ts_event_ns=changed_at(row),
        ts_init_ns=now_ns,
    )


def _levels(rows: Sequence[Mapping[str, Any]]) -> list[BookLevel]:
    levels = [BookLevel(positive(row["price"]), number(row["size"])) for row in rows]
    if any(level.size < 0 for level in levels):
        raise ValueError("a level below zero")
    return levels


def _summed(rows: Sequence[Row], limit: int, *, descending: bool) -> tuple[BookLevel, ...]:
    sizes: dict[Decimal, Decimal] = {}
    for row in rows:
        price = positive(row["price"])
        sizes[price] = sizes.get(price, ZERO) + number(row["remaining_base_amount"])
    found = sorted((BookLevel(price, size) for price, size in sizes.items() if size > 0), reverse=descending)
    # A level that was cut off would understate; where it is the only one, that is better than no book.
    is_cut = len(rows) >= limit and len(found) > 1
    return tuple(found[:-1] if is_cut else found)


def _book_time(message: Row, body: Row) -> int:
    changed = body.get("last_updated_at") or message.get("last_updated_at")
    return from_us(changed) if changed else from_ms(message["timestamp"])
