"""Markets and prices in the venue's rows, with every field that its own SDK insists on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from arb.model import (
    HOUR_NS,
    MILLISECOND_NS,
    SECOND_NS,
    BookLevel,
    FundingRate,
    Instrument,
    InstrumentStatus,
    MarketStats,
    OrderBook,
    Side,
    Trade,
)

Row = dict[str, Any]
DEFAULT_FRACTION: Final = 2_000
QUOTE_ASSET: Final = 3
FIRST_ORDER_INDEX: Final = 1 << 48
STRANGER: Final = 9_001
"""Account of everybody else."""

_DENOMINATIONS: Final[Mapping[Decimal, str]] = {Decimal(1): "", Decimal(1000): "1000", Decimal(1_000_000): "1000000"}
_STATUSES: Final = {
    InstrumentStatus.TRADING: "active",
    InstrumentStatus.REDUCE_ONLY: "active",
    InstrumentStatus.SUSPENDED: "inactive",
    InstrumentStatus.DELISTED: "settled",
}


def plain(value: Decimal, decimals: int | None = None) -> str:
    """Return a decimal without an exponent, with at least so many decimals."""
    if decimals is not None:
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or exponent > -decimals:
            value = value.quantize(Decimal(1).scaleb(-decimals))
    return f"{value:f}"


def decimals_of(step: Decimal) -> int:
    """Return how many decimals a step has."""
    exponent = step.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def symbol_of(instrument: Instrument) -> str:
    """Return the venue's name of an instrument."""
    return _DENOMINATIONS[instrument.multiplier] + instrument.base


def book_row(instrument: Instrument, market_id: int) -> Row:
    """Return a row of `orderBooks`."""
    size_decimals, price_decimals = decimals_of(instrument.lot_size), decimals_of(instrument.tick_size)
    return {
        "symbol": symbol_of(instrument),
        "market_id": market_id,
        "market_type": "perp",
        "base_asset_id": 0,
        "quote_asset_id": 0,
        "status": _STATUSES[instrument.status],
        "taker_fee": plain(instrument.fees.taker * 100, 4),
        "is_taker_fee_enabled": True,
        "maker_fee": plain(instrument.fees.maker * 100, 4),
        "is_maker_fee_enabled": True,
        "liquidation_fee": "1.0000",
        "min_base_amount": plain(instrument.min_quantity, size_decimals),
        "min_quote_amount": plain(instrument.min_notional, 6),
        "order_quote_limit": "281474976.710655",
        "supported_size_decimals": size_decimals,
        "supported_price_decimals": price_decimals,
        "supported_quote_decimals": 6,
        "created_at": "0",
        "multiplier": "1",
        "start_timestamp": 0,
        "end_timestamp": 0,
        "settlement_type": 0,
        "settlement_price": 0,
        "settlement_cap": 0,
        "outcome": 0,
        "default_price": 0,
        "operator_account_index": 0,
        "is_frozen": False,
        "open_interest": "0",
    }


def details_row(instrument: Instrument, market_id: int, stats: MarketStats | None) -> Row:
    """Return a row of `orderBookDetails`; volumes, open interest and last prices are numbers there."""
    mark = stats.mark_price if stats else None
    index = stats.index_price if stats else None
    volume = stats.volume_24h if stats else None
    interest = stats.open_interest if stats else None
    tier = instrument.margin_tiers[0]
    base = book_row(instrument, market_id)
    return {
        **base,
        "size_decimals": base["supported_size_decimals"],
        "price_decimals": base["supported_price_decimals"],
        "quote_multiplier": 1,
        "default_initial_margin_fraction": DEFAULT_FRACTION,
        "min_initial_margin_fraction": int(10_000 / tier.max_leverage),
        "maintenance_margin_fraction": int(tier.maintenance_rate * 10_000),
        "closeout_margin_fraction": int(tier.maintenance_rate * 10_000 * 2 / 3),
        "last_trade_price": float(mark or 0),
        "daily_trades_count": 0,
        "daily_base_token_volume": float(volume / mark) if volume and mark else 0,
        "daily_quote_token_volume": float(volume or 0),
        "daily_price_low": float(mark or 0),
        "daily_price_high": float(mark or 0),
        "daily_price_change": 0,
        "open_interest": float(interest / mark) if interest and mark else 0,
        "daily_chart": {},
        "market_config": {
            "market_margin_mode": 0,
            "insurance_fund_account_index": 281474976710655,
            "liquidation_mode": 0,
            "force_reduce_only": instrument.status is InstrumentStatus.REDUCE_ONLY,
            "trading_hours": "",
            "funding_fee_discounts_enabled": False,
            "hidden": False,
            "rfq_enabled": False,
        },
        "strategy_index": 0,
        "funding_clamp_small": "0.0500",
        "funding_clamp_big": "4.0000",
        "base_interest_rate": "0.0100",
        "mark_price": "" if mark is None else plain(mark),
        "index_price": "" if index is None else plain(index),
        "market_flags": 0,
        "funding_premium_multiplier": 0,
    }


def stats_row(instrument: Instrument, market_id: int, stats: MarketStats | None, rate: FundingRate | None) -> Row:
    """Return a row of the channel `market_stats`: rates in percent an hour, open interest in quote currency."""
    details = details_row(instrument, market_id, stats)
    percent = plain((rate.per_hour if rate else Decimal(0)) * 100, 4)
    return {
        "symbol": details["symbol"],
        "market_id": market_id,
        "index_price": details["index_price"],
        "mark_price": details["mark_price"],
        "open_interest": plain((stats and stats.open_interest) or Decimal(0), 6),
        "open_interest_limit": "72057594037927936.000000",
        "funding_clamp_small": "0.0500",
        "funding_clamp_big": "4.0000",
        "last_trade_price": details["mark_price"],
        "current_funding_rate": percent,
        "funding_rate": percent,
        "funding_timestamp": (rate.ts_event_ns if rate else 0) // HOUR_NS * HOUR_NS // MILLISECOND_NS,
        "daily_base_token_volume": details["daily_base_token_volume"],
        "daily_quote_token_volume": details["daily_quote_token_volume"],
        "daily_price_low": details["daily_price_low"],
        "daily_price_high": details["daily_price_high"],
        "daily_price_change": 0,
        "base_interest_rate": "0.0100",
    }


def rate_rows(rate: FundingRate, symbol: str, market_id: int) -> list[Row]:
    """Return the rows of `funding-rates`: Lighter's own among those of others, a fraction in 8 hours."""
    fraction = float(rate.per_hour * 8)
    return [
        {"market_id": market_id, "exchange": name, "symbol": symbol, "rate": value}
        for name, value in (("binance", 0.0001), ("lighter", fraction), ("hyperliquid", 0.0001))
    ]


def funding_row(rate: FundingRate, index_price: Decimal) -> Row:
    """Return a row of `fundings`: percent an hour without a sign, and who paid."""
    return {
        "timestamp": rate.ts_event_ns // SECOND_NS,
        "value": plain(abs(rate.per_hour) * index_price, 8),
        "rate": plain(abs(rate.per_hour) * 100, 4),
        "direction": "short" if rate.per_hour < 0 else "long",
    }


def single_orders(book: OrderBook, limit: int) -> Row:
    """Return `orderBookOrders`: every level of the book as two orders, where it has two lots."""
    sides = {}
    for name, levels in (("asks", book.asks), ("bids", book.bids)):
        rows = [row for level in levels for row in _orders_at(level)][:limit]
        sides[name] = [{**row, "order_index": FIRST_ORDER_INDEX + n} for n, row in enumerate(rows)]
    for rows in sides.values():
        for row in rows:
            row["order_id"] = str(row["order_index"])
    return {
        "total_asks": len(sides["asks"]),
        "asks": sides["asks"],
        "total_bids": len(sides["bids"]),
        "bids": sides["bids"],
    }


def levels(found: Sequence[BookLevel], instrument: Instrument) -> list[Row]:
    """Return levels of the channel `order_book`; a size of zero removes one."""
    size_decimals, price_decimals = decimals_of(instrument.lot_size), decimals_of(instrument.tick_size)
    return [{"price": plain(price, price_decimals), "size": plain(size, size_decimals)} for price, size in found]


def public_trade(trade: Trade, market_id: int, trade_id: int) -> Row:
    """Return a trade between others."""
    is_maker_ask = trade.side is Side.BUY
    return {
        "trade_id": trade_id,
        "trade_id_str": str(trade_id),
        "tx_hash": f"{trade_id:080x}",
        "type": "trade",
        "market_id": market_id,
        "size": plain(trade.quantity),
        "price": plain(trade.price),
        "usd_amount": plain(trade.quantity * trade.price, 6),
        "ask_id": FIRST_ORDER_INDEX,
        "bid_id": FIRST_ORDER_INDEX,
        "ask_client_id": 0,
        "bid_client_id": 0,
        "ask_account_id": STRANGER,
        "bid_account_id": STRANGER + 1,
        "is_maker_ask": is_maker_ask,
        "block_height": trade.ts_event_ns // SECOND_NS,
        "timestamp": trade.ts_event_ns // MILLISECOND_NS,
        "transaction_time": trade.ts_event_ns // 1_000,
    }


def _orders_at(level: BookLevel) -> list[Row]:
    """Return a level as two orders whose sizes add up to it."""
    decimals = decimals_of(level.size)
    lot = Decimal(1).scaleb(-decimals)
    first = (level.size / 2 // lot) * lot
    return [
        {
            "order_index": 0,
            "order_id": "",
            "owner_account_index": STRANGER,
            "initial_base_amount": plain(size),
            "remaining_base_amount": plain(size),
            "price": plain(level.price),
            "order_expiry": 0,
            "transaction_time": 0,
        }
        for size in (first, level.size - first)
        if size > 0
    ]
