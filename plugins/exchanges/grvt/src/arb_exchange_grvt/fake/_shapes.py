"""Objects of the ground in the venue's own shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.model import (
    HOUR_NS,
    ZERO,
    BookLevel,
    Fill,
    FundingPayment,
    FundingRate,
    Instrument,
    Liquidity,
    MarginMode,
    MarketStats,
    Order,
    OrderBook,
    OrderStatus,
    Position,
    Side,
    TimeInForce,
    Trade,
)

from ._fit import BASE_DECIMALS, asset_id, venue_base
from ._floor import NO_CLIENT
from ._keys import SUB_ACCOUNT

FORCES: Final = MappingProxyType(
    {
        TimeInForce.GTC: "GOOD_TILL_TIME",
        TimeInForce.IOC: "IMMEDIATE_OR_CANCEL",
        TimeInForce.FOK: "FILL_OR_KILL",
    }
)
CAP: Final = "3"
_NINE: Final = Decimal("0.000000001")
_PERCENT: Final = Decimal(100)
_NO_TRIGGER: Final = {
    "trigger_type": "UNSPECIFIED",
    "tpsl": {"trigger_by": "UNSPECIFIED", "trigger_price": "0.0", "close_position": False},
}
_REASONS: Final = (
    ("IOC:", "IOC_CANCEL"),
    ("FOK:", "FOK_CANCEL"),
    ("reduce-only:", "REDUCE_ONLY_LIMIT"),
    ("dead man", "CLIENT_CANCEL_ON_DISCONNECT_TRIGGERED"),
    ("self-trade", "SELF_TRADE_PROTECTION"),
    ("liquidation", "LIQUIDATION"),
)


def decimal(value: Decimal) -> str:
    """Return a decimal as text without an exponent, with one place at least."""
    text = f"{value:f}"
    return text if "." in text else f"{text}.0"


def nine(value: Decimal) -> str:
    """Return a decimal with nine places at most."""
    return decimal(value.quantize(_NINE).normalize() if value else ZERO)


def instrument_row(instrument: Instrument) -> dict[str, Any]:
    """Return a row of `all_instruments`."""
    interval_ns = instrument.funding_interval_ns or 0
    return {
        "instrument": instrument.symbol,
        "instrument_hash": asset_id(instrument),
        "base": venue_base(instrument),
        "quote": instrument.quote,
        "kind": "PERPETUAL",
        "venues": ["ORDERBOOK", "RFQ"],
        "settlement_period": "PERPETUAL",
        "base_decimals": BASE_DECIMALS,
        "quote_decimals": 6,
        "tick_size": decimal(instrument.tick_size),
        "min_size": decimal(instrument.min_quantity),
        "create_time": "1768040726362828205",
        "max_position_size": decimal(instrument.max_quantity or ZERO),
        "funding_interval_hours": interval_ns // HOUR_NS,
        "adjusted_funding_rate_cap": CAP,
        "adjusted_funding_rate_floor": f"-{CAP}",
        "min_notional": decimal(instrument.min_notional),
    }


def margin_rules(instrument: Instrument) -> dict[str, Any]:
    """Return the answer of `margin_rules`."""
    rows: list[dict[str, Any]] = []
    floor, owed, rate = ZERO, ZERO, ZERO
    for number, tier in enumerate(instrument.margin_tiers, 1):
        owed += floor * (tier.maintenance_rate - rate)
        row = {
            "tier": number,
            "notional_floor": decimal(floor),
            "maintenance_margin_rate": decimal(tier.maintenance_rate),
            "initial_margin_rate": decimal(1 / tier.max_leverage),
            "max_leverage": str(int(tier.max_leverage)),
            "cumulative_maintenance_amount": decimal(owed),
        }
        if tier.max_notional is not None:
            row["notional_cap"] = decimal(tier.max_notional)
            floor = tier.max_notional
        rate = tier.maintenance_rate
        rows.append(row)
    return {
        "instrument": instrument.symbol,
        "max_position_size": decimal(instrument.max_quantity or ZERO),
        "risk_brackets": rows,
    }


def book_row(instrument: Instrument, book: OrderBook, depth: int | None = None) -> dict[str, Any]:
    """Return a book."""
    return {
        "event_time": str(book.ts_event_ns),
        "instrument": instrument.symbol,
        "bids": levels(book.bids[:depth]),
        "asks": levels(book.asks[:depth]),
    }


def levels(side: Sequence[BookLevel]) -> list[dict[str, Any]]:
    """Return levels."""
    return [
        {"price": decimal(each.price), "size": decimal(each.size), "num_orders": 1 if each.size else 0} for each in side
    ]


def mini(instrument: Instrument, stats: MarketStats, book: OrderBook | None, now_ns: int) -> dict[str, Any]:
    """Return a mini ticker; a side without orders has the price 0.0."""
    bid = book.bids[0] if book is not None and book.bids else BookLevel(ZERO, ZERO)
    ask = book.asks[0] if book is not None and book.asks else BookLevel(ZERO, ZERO)
    mark = stats.mark_price or ZERO
    return {
        "event_time": str(now_ns),
        "instrument": instrument.symbol,
        "mark_price": nine(mark),
        "index_price": nine(stats.index_price or ZERO),
        "last_price": nine(mark),
        "last_size": decimal(instrument.lot_size),
        "mid_price": nine((bid.price + ask.price) / 2) if bid.price and ask.price else "0.0",
        "best_bid_price": decimal(bid.price),
        "best_bid_size": decimal(bid.size),
        "best_ask_price": decimal(ask.price),
        "best_ask_size": decimal(ask.size),
    }


def ticker(
    instrument: Instrument, stats: MarketStats, book: OrderBook | None, rate: FundingRate | None, now_ns: int
) -> dict[str, Any]:
    """Return a ticker: all that the ground knows of the day. Takers bought half of what was traded."""
    mark, half = stats.mark_price or ZERO, (stats.volume_24h or ZERO) / 2
    contracts = half / mark if mark else ZERO
    row = mini(instrument, stats, book, now_ns)
    percent = decimal(rate.rate * _PERCENT) if rate is not None else "0.0"
    return row | {
        "funding_rate_8h_curr": percent,
        "funding_rate_8h_avg": percent,
        "interest_rate": "0.0",
        "forward_price": "0.0",
        "buy_volume_24h_b": nine(contracts),
        "sell_volume_24h_b": nine(contracts),
        "buy_volume_24h_q": nine(half),
        "sell_volume_24h_q": nine(half),
        "high_price": nine(mark),
        "low_price": nine(mark),
        "open_price": nine(mark),
        "open_interest": nine((stats.open_interest or ZERO) / mark) if mark else "0.0",
        "long_short_ratio": "1.0",
        "funding_rate": percent,
        "funding_interval_hours": (instrument.funding_interval_ns or 0) // HOUR_NS,
        "next_funding_time": str(rate.next_funding_ns if rate is not None and rate.next_funding_ns else 0),
    }


def funding_row(instrument: Instrument, rate: FundingRate, mark: Decimal) -> dict[str, Any]:
    """Return a row of `funding`."""
    return {
        "instrument": instrument.symbol,
        "funding_rate": decimal(rate.rate * _PERCENT),
        "funding_time": str(rate.ts_event_ns),
        "mark_price": nine(mark),
        "funding_rate_8_h_avg": decimal(rate.rate * _PERCENT),
        "funding_interval_hours": str(rate.interval_ns // HOUR_NS),
    }


def trade_row(instrument: Instrument, trade: Trade, number: int) -> dict[str, Any]:
    """Return a public trade."""
    return {
        "event_time": str(trade.ts_event_ns),
        "instrument": instrument.symbol,
        "is_taker_buyer": trade.side is Side.BUY,
        "size": decimal(trade.quantity),
        "price": decimal(trade.price),
        "mark_price": decimal(trade.price),
        "index_price": decimal(trade.price),
        "interest_rate": "0.0",
        "forward_price": "0.0",
        "trade_id": f"{number}-1",
        "venue": "ORDERBOOK",
        "is_rpi": False,
    }


def order_row(report: Order, symbol: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return an order."""
    status = _status(report)
    average = report.average_price or ZERO
    done = report.status.is_final
    state = {
        "status": status,
        "reject_reason": facts.get("reason") or _reason(report),
        "book_size": [decimal(ZERO if done else report.remaining_quantity)],
        "traded_size": [decimal(report.filled_quantity)],
        "update_time": str(report.ts_event_ns),
        "avg_fill_price": [nine(average)],
    }
    return sent_row(report, symbol, facts, order_id(report.exchange_order_id), state)


def pending_row(report: Order, symbol: str, facts: Mapping[str, Any], now_ns: int) -> dict[str, Any]:
    """Return the answer to an order: taken for matching, without an id and an outcome."""
    state = {
        "status": "PENDING",
        "reject_reason": "UNSPECIFIED",
        "book_size": [decimal(report.request.quantity)],
        "traded_size": ["0.0"],
        "update_time": str(now_ns),
        "avg_fill_price": ["0.0"],
    }
    return sent_row(report, symbol, facts, "0x00", state)


def sent_row(
    report: Order, symbol: str, facts: Mapping[str, Any], identifier: str, state: Mapping[str, Any]
) -> dict[str, Any]:
    """Return an order with a state."""
    request, sent = report.request, facts["sent"]
    leg = {
        "instrument": symbol,
        "size": decimal(request.quantity),
        "limit_price": "0.0" if sent.get("is_market") else decimal(request.price),
        "is_buying_asset": request.side is Side.BUY,
    }
    return {
        "order_id": identifier,
        "sub_account_id": SUB_ACCOUNT,
        "is_market": bool(sent.get("is_market")),
        "time_in_force": sent.get("time_in_force") or FORCES[request.time_in_force],
        "post_only": request.post_only,
        "reduce_only": request.reduce_only,
        "legs": [leg],
        "signature": sent.get("signature") or {},
        "metadata": {
            "client_order_id": facts["client_id"],
            "create_time": str(facts["created_ns"]),
            "trigger": _NO_TRIGGER,
            "broker": "UNSPECIFIED",
            "is_position_transfer": False,
            "allow_crossing": False,
        },
        "state": dict(state),
        "builder": sent.get("builder") or "0x00",
        "builder_fee": str(sent.get("builder_fee") or "0.0"),
    }


def order_id(value: object) -> str:
    """Return the venue's id of an order."""
    return f"0x01010105{int(str(value)):024x}"


def fill_row(one: Fill, symbol: str, client_id: str, mark: Decimal) -> dict[str, Any]:
    """Return a fill; the fee is a cost, negative a rebate."""
    notional = one.price * one.quantity
    return {
        "event_time": str(one.ts_event_ns),
        "sub_account_id": SUB_ACCOUNT,
        "instrument": symbol,
        "is_buyer": one.side is Side.BUY,
        "is_taker": one.liquidity is Liquidity.TAKER,
        "size": decimal(one.quantity),
        "price": decimal(one.price),
        "mark_price": nine(mark),
        "index_price": nine(mark),
        "interest_rate": "0.0",
        "forward_price": "0.0",
        "realized_pnl": decimal(one.realized_pnl or ZERO),
        "fee": decimal(one.fee),
        "fee_rate": nine(one.fee / notional * _PERCENT),
        "trade_id": f"{one.fill_id}-1",
        "order_id": order_id(one.exchange_order_id),
        "venue": "ORDERBOOK",
        "is_liquidation": one.client_order_id.startswith("liquidation-"),
        "client_order_id": client_id,
        "signer": "0x" + "0" * 40 if client_id == NO_CLIENT else "",
        "broker": "UNSPECIFIED",
        "is_rpi": False,
        "builder": "0x00",
        "builder_fee_rate": "0.0",
        "builder_fee": "0",
        "fee_currency": one.fee_currency,
    }


def position_row(held: Position, symbol: str, now_ns: int) -> dict[str, Any]:
    """Return a position."""
    liquidation = held.liquidation_price
    return {
        "event_time": str(now_ns),
        "sub_account_id": SUB_ACCOUNT,
        "instrument": symbol,
        "size": decimal(held.quantity),
        "notional": decimal(held.quantity * held.mark_price),
        "entry_price": decimal(held.entry_price),
        "exit_price": "0.0",
        "mark_price": decimal(held.mark_price),
        "unrealized_pnl": decimal(held.unrealized_pnl),
        "realized_pnl": "0.0",
        "total_pnl": decimal(held.unrealized_pnl),
        "roi": "0.0",
        "quote_index_price": "1.0",
        "est_liquidation_price": "0.0" if liquidation is None else decimal(liquidation),
        "leverage": "0.0" if held.leverage is None else decimal(held.leverage),
        "cumulative_fee": "0.0",
        "cumulative_realized_funding_payment": "0.0",
        "margin_type": "CROSS" if held.margin_mode is MarginMode.CROSS else "ISOLATED",
    }


def payment_row(one: FundingPayment, symbol: str) -> dict[str, Any]:
    """Return a row of `funding_payment_history`: what was paid is positive."""
    return {
        "event_time": str(one.settled_ns),
        "sub_account_id": SUB_ACCOUNT,
        "instrument": symbol,
        "currency": one.currency,
        "amount": decimal(-one.amount),
        "tx_id": str(one.settled_ns // HOUR_NS),
    }


def _status(report: Order) -> str:
    if report.status is OrderStatus.FILLED:
        return "FILLED"
    return "CANCELLED" if report.status.is_final else "OPEN"


def _reason(report: Order) -> str:
    if not report.status.is_final or report.status is OrderStatus.FILLED:
        return "UNSPECIFIED"
    return next((word for start, word in _REASONS if report.reason.startswith(start)), "CLIENT_CANCEL")
