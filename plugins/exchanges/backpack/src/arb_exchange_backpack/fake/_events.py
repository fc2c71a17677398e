"""Messages of the fake venue's streams."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from arb.model import (
    MILLISECOND_NS,
    ZERO,
    Fill,
    FundingRate,
    Liquidity,
    MarketStats,
    Order,
    OrderBook,
    OrderStatus,
    Side,
    Trade,
)

from ._shapes import FORCES, SIDES, decimal, expiry_reason, microseconds, spent, status, system_type

_QUIET = (OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED)
"""What the event of the fill has told already."""


def book_ticker(symbol: str, book: OrderBook, number: int, now_ns: int) -> dict[str, Any]:
    """Return an event of `bookTicker`; an empty side is null."""
    bid = book.bids[0] if book.bids else None
    ask = book.asks[0] if book.asks else None
    return {
        "e": "bookTicker",
        "E": microseconds(now_ns),
        "s": symbol,
        "a": None if ask is None else decimal(ask.price),
        "A": None if ask is None else decimal(ask.size),
        "b": None if bid is None else decimal(bid.price),
        "B": None if bid is None else decimal(bid.size),
        "u": str(number),
        "T": microseconds(book.ts_event_ns),
    }


def trade(symbol: str, one: Trade, number: int, now_ns: int) -> dict[str, Any]:
    """Return an event of `trade`; the buyer was the maker where the taker sold."""
    return {
        "e": "trade",
        "E": microseconds(now_ns),
        "s": symbol,
        "p": decimal(one.price),
        "q": decimal(one.quantity),
        "b": str(2 * number),
        "a": str(2 * number + 1),
        "t": number,
        "T": microseconds(one.ts_event_ns),
        "m": one.side is Side.SELL,
    }


def mark_price(symbol: str, stats: MarketStats, rate: FundingRate | None, now_ns: int) -> dict[str, Any]:
    """Return an event of `markPrice`: the next settlement in milliseconds, the rest in microseconds."""
    next_ns = None if rate is None else rate.next_funding_ns
    return {
        "e": "markPrice",
        "E": microseconds(now_ns),
        "s": symbol,
        "p": _text(stats.mark_price),
        "f": None if rate is None else decimal(rate.rate),
        "i": _text(stats.index_price),
        "n": None if next_ns is None else next_ns // MILLISECOND_NS,
        "T": microseconds(stats.ts_event_ns),
    }


def day(symbol: str, stats: MarketStats, now_ns: int) -> dict[str, Any]:
    """Return an event of `ticker`."""
    price = _text(stats.mark_price)
    return {
        "e": "ticker",
        "E": microseconds(now_ns),
        "s": symbol,
        "o": price,
        "c": price,
        "h": price,
        "l": price,
        "v": "0",
        "V": _text(stats.volume_24h),
        "n": 0,
    }


def open_interest(symbol: str, stats: MarketStats, now_ns: int) -> dict[str, Any]:
    """Return an event of `openInterest`, in contracts."""
    contracts = ZERO
    if stats.open_interest is not None and stats.mark_price:
        contracts = (stats.open_interest / stats.mark_price).quantize(Decimal("0.00001"))
    return {"e": "openInterest", "E": microseconds(now_ns), "s": symbol, "o": decimal(contracts)}


def order_changed(report: Order, symbol: str, notes: Mapping[str, Any], now_ns: int) -> dict[str, Any] | None:
    """Return the event of a change that is no fill; None where there is none."""
    if report.status in _QUIET:
        return None
    reason = expiry_reason(report)
    kind = "orderAccepted" if report.status is OrderStatus.OPEN else "orderExpired" if reason else "orderCancelled"
    event = _order(report, symbol, notes, kind, now_ns)
    event |= {"X": status(report), "z": decimal(report.filled_quantity), "Z": decimal(spent(report)), "t": None}
    return event | ({"R": reason} if reason else {})


def order_filled(
    one: Fill, report: Order, done: tuple[Decimal, Decimal], symbol: str, notes: Mapping[str, Any], now_ns: int
) -> dict[str, Any]:
    """Return the event of a fill.

    Args:
        one: The fill.
        report: Its order, as it is now.
        done: Quantity and cost of the order's fills up to this one.
        symbol: Of the market.
        notes: What the venue knows of the order beyond the ground.
        now_ns: When the event leaves.
    """
    event = _order(report, symbol, notes, "orderFill", now_ns)
    return event | {
        "X": "Filled" if done[0] >= report.request.quantity else "PartiallyFilled",
        "z": decimal(done[0]),
        "Z": decimal(done[1]),
        "t": int(one.fill_id),
        "l": decimal(one.quantity),
        "L": decimal(one.price),
        "m": one.liquidity is Liquidity.MAKER,
        "n": decimal(one.fee),
        "N": one.fee_currency,
        "T": microseconds(one.ts_event_ns),
    }


def position(row: Mapping[str, Any], kind: str | None, now_ns: int) -> dict[str, Any]:
    """Return an event of `account.positionUpdate` of a row of `/api/v1/position`; the first one has no kind."""
    names = {
        "s": "symbol",
        "b": "breakEvenPrice",
        "B": "entryPrice",
        "f": "imf",
        "M": "markPrice",
        "m": "mmf",
        "q": "netQuantity",
        "Q": "netExposureQuantity",
        "n": "netExposureNotional",
        "p": "pnlRealized",
        "P": "pnlUnrealized",
    }
    event = {short: row[name] for short, name in names.items()}
    times = {"E": microseconds(now_ns), "T": microseconds(now_ns), "i": int(row["positionId"]), "l": "0"}
    return {**({} if kind is None else {"e": kind}), **event, **times}


def _order(report: Order, symbol: str, notes: Mapping[str, Any], kind: str, now_ns: int) -> dict[str, Any]:
    request = report.request
    event: dict[str, Any] = {
        "e": kind,
        "E": microseconds(now_ns),
        "s": symbol,
        "S": SIDES[request.side],
        "o": notes["orderType"].upper(),
        "f": FORCES[request.time_in_force],
        "q": decimal(request.quantity),
        "i": str(report.exchange_order_id),
        "V": notes.get("selfTradePrevention", "RejectTaker"),
        "T": microseconds(report.ts_event_ns),
        "O": _origin(request.client_order_id),
        "r": request.reduce_only,
        "y": request.post_only,
    }
    if notes["clientId"] is not None:
        event["c"] = notes["clientId"]
    if notes["orderType"] == "Limit":
        event["p"] = decimal(request.price)
    return event


def _origin(name: str) -> str:
    kind = system_type(name)
    if kind is None:
        return "USER"
    return "ADL_AUTOCLOSE" if kind.endswith("Adl") else "LIQUIDATION_AUTOCLOSE"


def _text(value: Decimal | None) -> str | None:
    return None if value is None else decimal(value)
