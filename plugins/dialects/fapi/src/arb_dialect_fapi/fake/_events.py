"""Messages of a fake venue's streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from arb.model import (
    ZERO,
    Balance,
    Fill,
    FundingRate,
    Liquidity,
    MarginMode,
    MarketStats,
    Order,
    OrderBook,
    OrderStatus,
    Position,
    Side,
    Trade,
)

from ._shapes import SIDES, average, cents, decimal, force, levels, ms, status

_QUIET = (OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED)
"""What the event of the fill has told already."""


def partial_book(event: Mapping[str, Any], book: OrderBook, depth: int) -> dict[str, Any]:
    """Return a change of a book as an event of `depth5` and others: the whole top."""
    return {**event, "b": levels(book.bids[:depth]), "a": levels(book.asks[:depth])}


def book_ticker(symbol: str, book: OrderBook, number: int, now_ns: int) -> dict[str, Any] | None:
    """Return an event of `bookTicker`; None while a side is empty."""
    bbo = book.bbo()
    if bbo is None:
        return None
    return {
        "e": "bookTicker",
        "u": number,
        "s": symbol,
        "b": decimal(bbo.bid),
        "B": decimal(bbo.bid_size),
        "a": decimal(bbo.ask),
        "A": decimal(bbo.ask_size),
        "T": ms(book.ts_event_ns),
        "E": ms(now_ns),
        "st": 1,
    }


def trade(symbol: str, one: Trade, number: int, now_ns: int, kind: str) -> dict[str, Any]:
    """Return an event of `aggTrade` or `trade`; the buyer was the maker where the taker sold."""
    event = {
        "e": kind,
        "E": ms(now_ns),
        "s": symbol,
        "p": decimal(one.price),
        "q": decimal(one.quantity),
        "T": ms(one.ts_event_ns),
        "m": one.side is Side.SELL,
        "st": 1,
    }
    numbers = {"a": number, "f": number, "l": number} if kind == "aggTrade" else {"t": number, "X": "MARKET"}
    return {**event, **numbers}


def mark_price(symbol: str, stats: MarketStats, rate: FundingRate | None, now_ns: int) -> dict[str, Any]:
    """Return an event of `markPrice`."""
    return {
        "e": "markPriceUpdate",
        "E": ms(now_ns),
        "s": symbol,
        "p": decimal(stats.mark_price or ZERO),
        "i": decimal(stats.index_price or ZERO),
        "P": decimal(stats.index_price or ZERO),
        "r": "" if rate is None else decimal(rate.rate),
        "T": 0 if rate is None else ms(rate.next_funding_ns or 0),
        "st": 1,
    }


def order_changed(report: Order, symbol: str, notes: Mapping[str, Any], now_ns: int) -> dict[str, Any] | None:
    """Return the event of a change that is no fill; None where there is none."""
    if report.status in _QUIET:
        return None
    word = status(report)
    data = _order(report, symbol, notes)
    data |= {"x": word, "X": word, "z": decimal(report.filled_quantity), "ap": average(report)}
    return _wrapped(data, report.ts_event_ns, now_ns)


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
    data = _order(report, symbol, notes)
    data |= {
        "x": "CALCULATED" if str(notes["clientOrderId"]).startswith(("autoclose-", "adl_autoclose")) else "TRADE",
        "X": "FILLED" if done[0] >= report.request.quantity else "PARTIALLY_FILLED",
        "z": decimal(done[0]),
        "ap": decimal((done[1] / done[0]).quantize(Decimal("1e-8")).normalize()),
        "l": decimal(one.quantity),
        "L": decimal(one.price),
        "n": decimal(one.fee),
        "N": one.fee_currency,
        "T": ms(one.ts_event_ns),
        "t": int(one.fill_id),
        "m": one.liquidity is Liquidity.MAKER,
        "rp": decimal(one.realized_pnl or ZERO),
    }
    return _wrapped(data, one.ts_event_ns, now_ns)


def account_changed(
    reason: str, balances: Sequence[Balance], held: Sequence[tuple[str, Position | None]], now_ns: int
) -> dict[str, Any]:
    """Return an `ACCOUNT_UPDATE`: the wallets, and positions by symbol."""
    return {
        "e": "ACCOUNT_UPDATE",
        "E": ms(now_ns),
        "T": ms(now_ns),
        "a": {
            "m": reason,
            "B": [{"a": each.currency, "wb": cents(each.cash), "cw": cents(each.cash), "bc": "0"} for each in balances],
            "P": [_position(symbol, position) for symbol, position in held],
        },
    }


def _position(symbol: str, held: Position | None) -> dict[str, Any]:
    return {
        "s": symbol,
        "pa": "0" if held is None else decimal(held.quantity),
        "ep": "0" if held is None else decimal(held.entry_price),
        "bep": "0" if held is None else decimal(held.entry_price),
        "cr": "0",
        "up": "0" if held is None else cents(held.unrealized_pnl),
        "mt": "isolated" if held is not None and held.margin_mode is MarginMode.ISOLATED else "cross",
        "iw": "0",
        "ps": "BOTH",
    }


def _wrapped(data: dict[str, Any], ts_ns: int, now_ns: int) -> dict[str, Any]:
    return {"e": "ORDER_TRADE_UPDATE", "E": ms(now_ns), "T": ms(ts_ns), "o": data}


def _order(report: Order, symbol: str, notes: Mapping[str, Any]) -> dict[str, Any]:
    request = report.request
    return {
        "s": symbol,
        "c": notes["clientOrderId"],
        "S": SIDES[request.side],
        "o": notes["type"],
        "f": force(request),
        "q": decimal(request.quantity),
        "p": decimal(request.price) if notes["type"] == "LIMIT" else "0",
        "sp": "0",
        "i": int(str(report.exchange_order_id)),
        "l": "0",
        "L": "0",
        "n": "0",
        "N": None,
        "T": ms(report.ts_event_ns),
        "t": 0,
        "b": "0",
        "a": "0",
        "m": False,
        "R": request.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": notes["type"],
        "ps": "BOTH",
        "cp": False,
        "rp": "0",
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": notes.get("selfTradePreventionMode", "EXPIRE_MAKER"),
        "pm": "NONE",
        "gtd": 0,
    }
