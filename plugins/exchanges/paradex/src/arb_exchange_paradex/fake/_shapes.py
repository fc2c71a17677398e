"""Objects of the ground in the venue's own shapes."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.model import (
    HOUR_NS,
    MILLISECOND_NS,
    ZERO,
    BookLevel,
    Fill,
    FundingPayment,
    FundingRate,
    Instrument,
    InstrumentStatus,
    MarketStats,
    Order,
    OrderStatus,
    Position,
    Side,
    to_cash,
)

from ._fit import MARGIN
from ._keys import account

SIDES: Final = MappingProxyType({Side.BUY: "BUY", Side.SELL: "SELL"})
_LIVE: Final = (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED)
_REASONS: Final = MappingProxyType(
    {"IOC:": "EXPIRED", "FOK:": "EXPIRED", "reduce-only:": "REDUCE_ONLY_WOULD_INCREASE_POSITION"}
)
_SYSTEM: Final = MappingProxyType({"liquidation-": "LIQUIDATION", "adl-": "UNWIND_TRANSFER"})
_HOURS: Final = Decimal(HOUR_NS)


def decimal(value: Decimal) -> str:
    """Return a decimal as text without an exponent."""
    return f"{value:f}"


def ms(ts_ns: int) -> int:
    """Return milliseconds since 1970."""
    return ts_ns // MILLISECOND_NS


def market(instrument: Instrument, period_ns: int) -> dict[str, Any]:
    """Return a row of `/markets`."""
    base, quote, _ = instrument.symbol.split("-")
    most = instrument.max_quantity
    fees = {
        "maker_fee": {"fee": decimal(instrument.fees.maker), "fee_cap": "0", "fee_floor": "0"},
        "taker_fee": {"fee": decimal(instrument.fees.taker), "fee_cap": "0", "fee_floor": "0"},
    }
    return {
        "symbol": instrument.symbol,
        "base_currency": base,
        "quote_currency": quote,
        "settlement_currency": instrument.quote,
        "order_size_increment": decimal(instrument.lot_size),
        "price_tick_size": decimal(instrument.tick_size),
        "min_notional": decimal(instrument.min_notional),
        "open_at": 0,
        "expiry_at": 0 if instrument.status is not InstrumentStatus.DELISTED else 1_600_000_000_000,
        "asset_kind": "PERP",
        "market_kind": "cross",
        "trading_mode": "STANDARD" if instrument.status is InstrumentStatus.TRADING else "RFQ_ONLY",
        "position_limit": "1000000000",
        "price_bands_width": "0.05",
        "max_slippage": "0.05",
        "max_open_orders": 100,
        "max_funding_rate": "0.05",
        "delta1_cross_margin_params": dict(MARGIN),
        "price_feed_id": "",
        "oracle_ewma_factor": "0.2",
        "max_order_size": "0" if most is None else decimal(most),
        "max_funding_rate_change": "0.0005",
        "max_tob_spread": "0.2",
        "interest_rate": "0.0001",
        "clamp_rate": "0.0005",
        "funding_multiplier": 1,
        "funding_period_hours": float(Decimal(period_ns) / _HOURS),
        "tags": [],
        "fee_config": {"api_fee": fees, "interactive_fee": fees, "rpi_fee": fees},
    }


def option(instrument: Instrument) -> dict[str, Any]:
    """Return the row of an option on the same asset: the venue lists thousands of them among the futures."""
    base = instrument.symbol.split("-")[0]
    return {
        "symbol": f"{base}-USD-96000-C",
        "base_currency": base,
        "quote_currency": "USD",
        "settlement_currency": instrument.quote,
        "order_size_increment": "0.001",
        "price_tick_size": "0.01",
        "min_notional": "100",
        "open_at": 0,
        "expiry_at": 0,
        "asset_kind": "PERP_OPTION",
        "market_kind": "cross",
        "option_type": "CALL",
        "strike_price": "96000",
        "funding_period_hours": 24,
        "option_cross_margin_params": {},
    }


def summary(symbol: str, stats: MarketStats, rate: FundingRate | None, top: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of `/markets/summary`: open interest counts contracts."""
    contracts = ZERO
    if stats.open_interest is not None and stats.mark_price:
        contracts = (stats.open_interest / stats.mark_price).quantize(Decimal("0.00001"))
    return {
        "symbol": symbol,
        "mark_price": _text(stats.mark_price),
        "underlying_price": _text(stats.index_price),
        "external_fair_price": _text(stats.index_price),
        "last_traded_price": _text(stats.mark_price),
        "volume_24h": _text(stats.volume_24h),
        "total_volume": _text(stats.volume_24h),
        "open_interest": decimal(contracts),
        "funding_rate": "" if rate is None else decimal(rate.raw),
        "price_change_rate_24h": "0",
        "created_at": ms(stats.ts_event_ns),
        **top,
    }


def levels(side: Sequence[BookLevel]) -> list[list[str]]:
    """Return levels as pairs of texts, the best one first."""
    return [[decimal(level.price), decimal(level.size)] for level in side]


def order(report: Order, symbol: str, notes: Mapping[str, Any], *, is_new: bool = False) -> dict[str, Any]:
    """Return an order; one that the venue has not looked at yet shows nothing of what becomes of it."""
    request = report.request
    is_live = report.status in _LIVE
    filled = ZERO if is_new else report.filled_quantity
    average = report.average_price if filled and report.average_price is not None else None
    return {
        "id": str(report.exchange_order_id),
        "account": account(),
        "market": symbol,
        "side": SIDES[request.side],
        "type": notes["type"],
        "size": decimal(request.quantity),
        "remaining_size": decimal(request.quantity - filled),
        "price": decimal(request.price) if notes["type"] == "LIMIT" else "0",
        "avg_fill_price": "" if average is None else decimal(average.quantize(Decimal("1e-12"))),
        "status": "NEW" if is_new else "OPEN" if is_live else "CLOSED",
        "cancel_reason": "" if is_new or is_live or filled == request.quantity else cancel_reason(report),
        "client_id": notes["client_id"],
        "instruction": notes["instruction"],
        "flags": ["REDUCE_ONLY"] if request.reduce_only else [],
        "stp": "EXPIRE_TAKER",
        "trigger_price": "0",
        "created_at": ms(notes["created_ns"]),
        "received_at": ms(notes["created_ns"]),
        "published_at": ms(report.ts_event_ns),
        "last_updated_at": ms(notes["created_ns"] if is_new else report.ts_event_ns),
        "timestamp": notes["signed_ms"],
        "seq_no": report.ts_event_ns,
        "request_info": None,
    }


def cancel_reason(report: Order) -> str:
    """Return why an order ended unfilled."""
    found = next((reason for start, reason in _REASONS.items() if report.reason.startswith(start)), None)
    return found or "USER_CANCELED"


def fill(one: Fill, symbol: str, client_id: str, number: int) -> dict[str, Any]:
    """Return a row of `/fills`."""
    name = one.client_order_id
    kind = next((kind for start, kind in _SYSTEM.items() if name.startswith(start)), "FILL")
    return {
        "id": f"{one.exchange_order_id}-{one.fill_id}",
        "account": account(),
        "market": symbol,
        "order_id": str(one.exchange_order_id),
        "client_id": client_id,
        "trade_id": str(one.fill_id),
        "side": SIDES[one.side],
        "liquidity": one.liquidity.value.upper(),
        "price": decimal(one.price),
        "size": decimal(one.quantity),
        "remaining_size": "0",
        "fee": decimal(one.fee),
        "fee_currency": one.fee_currency,
        "realized_pnl": "" if one.realized_pnl is None else decimal(one.realized_pnl),
        "realized_funding": "0",
        "underlying_price": decimal(one.price),
        "fill_type": kind,
        "flags": [],
        "created_at": ms(one.ts_event_ns),
        "orderbook_seq_no": number,
    }


def position(held: Position, symbol: str, index: Decimal, unpaid: Decimal) -> dict[str, Any]:
    """Return a row of `/positions`; USDC is worth a dollar here, so both entry prices are one.

    Args:
        held: As on the ground, with its profit before funding.
        symbol: Of its market.
        index: Of funding, now.
        unpaid: What has accrued and was not paid.
    """
    entry = held.entry_price.quantize(Decimal("1e-12"))
    text = decimal(entry)
    cost = decimal(to_cash(held.quantity * entry))
    return {
        "id": f"{account()}-{symbol}",
        "account": account(),
        "market": symbol,
        "status": "OPEN",
        "side": "LONG" if held.quantity > 0 else "SHORT",
        "size": decimal(held.quantity),
        "average_entry_price": text,
        "average_entry_price_usd": text,
        "average_exit_price": "",
        "unrealized_pnl": decimal(held.unrealized_pnl + unpaid),
        "unrealized_funding_pnl": decimal(unpaid),
        "realized_positional_pnl": "0",
        "realized_positional_funding_pnl": "0",
        "cost": cost,
        "cost_usd": cost,
        "cached_funding_index": decimal(index),
        "leverage": "" if held.leverage is None else decimal(held.leverage),
        "liquidation_price": "" if held.liquidation_price is None else decimal(held.liquidation_price),
        "last_fill_id": "",
        "last_updated_at": ms(held.ts_event_ns),
        "seq_no": held.ts_event_ns,
    }


def payment(one: FundingPayment, symbol: str, index: Decimal) -> dict[str, Any]:
    """Return a row of `/funding/payments`."""
    return {
        "id": f"{ms(one.settled_ns)}{zlib.crc32(symbol.encode()):010d}",
        "account": account(),
        "market": symbol,
        "payment": decimal(one.amount),
        "index": decimal(index),
        "fill_id": "",
        "created_at": ms(one.settled_ns),
    }


def _text(value: Decimal | None) -> str:
    return "" if value is None else decimal(value)
