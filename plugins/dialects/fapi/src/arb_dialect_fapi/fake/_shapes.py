"""Objects of the ground in the dialect's own shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.model import (
    MILLISECOND_NS,
    ZERO,
    BookLevel,
    Fill,
    Instrument,
    InstrumentStatus,
    Liquidity,
    MarginMode,
    Order,
    OrderRequest,
    OrderStatus,
    Position,
    Side,
    TimeInForce,
)

SIDES: Final = MappingProxyType({Side.BUY: "BUY", Side.SELL: "SELL"})
FORCES: Final = MappingProxyType({TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC", TimeInForce.FOK: "FOK"})
_EXPIRED: Final = ("IOC:", "FOK:", "reduce-only:")
_STATES: Final[Mapping[InstrumentStatus, str]] = MappingProxyType(
    {
        InstrumentStatus.TRADING: "TRADING",
        InstrumentStatus.REDUCE_ONLY: "PRE_SETTLE",
        InstrumentStatus.SUSPENDED: "SETTLING",
        InstrumentStatus.DELISTED: "CLOSE",
    }
)
_STATUS: Final = MappingProxyType(
    {
        OrderStatus.OPEN: "NEW",
        OrderStatus.PARTIALLY_FILLED: "PARTIALLY_FILLED",
        OrderStatus.FILLED: "FILLED",
        OrderStatus.EXPIRED: "EXPIRED",
    }
)
_HUGE: Final = "9223372036854775807"
_CENTS: Final = Decimal("0.00000001")


def decimal(value: Decimal) -> str:
    """Return a decimal as text without an exponent."""
    return f"{value:f}"


def cents(value: Decimal) -> str:
    """Return an amount of money with the eight digits that the venue writes."""
    return decimal(value.quantize(_CENTS))


def ms(ts_ns: int) -> int:
    """Return milliseconds since 1970."""
    return ts_ns // MILLISECOND_NS


def levels(side: Sequence[BookLevel]) -> list[list[str]]:
    """Return levels as pairs of texts."""
    return [[decimal(level.price), decimal(level.size)] for level in side]


def symbol_row(instrument: Instrument) -> dict[str, Any]:
    """Return a row of `exchangeInfo`."""
    base = instrument.symbol.removesuffix(instrument.quote)
    most = decimal(instrument.max_quantity or Decimal(1_000_000))
    lot = {
        "minQty": decimal(instrument.min_quantity),
        "maxQty": most,
        "stepSize": decimal(instrument.lot_size),
    }
    return {
        "symbol": instrument.symbol,
        "pair": instrument.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": _STATES[instrument.status],
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": base,
        "quoteAsset": instrument.quote,
        "marginAsset": instrument.quote,
        "pricePrecision": max(0, -int(instrument.tick_size.as_tuple().exponent)),
        "quantityPrecision": max(0, -int(instrument.lot_size.as_tuple().exponent)),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": decimal(instrument.tick_size),
                "maxPrice": "4529764",
                "tickSize": decimal(instrument.tick_size),
            },
            {"filterType": "LOT_SIZE", **lot},
            {"filterType": "MARKET_LOT_SIZE", **lot},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MIN_NOTIONAL", "notional": decimal(instrument.min_notional)},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": "1.1000",
                "multiplierDown": "0.9000",
                "multiplierDecimal": "4",
            },
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def brackets_row(instrument: Instrument) -> dict[str, Any]:
    """Return a row of `leverageBracket`."""
    brackets = []
    floor = ZERO
    for number, tier in enumerate(instrument.margin_tiers, 1):
        cap = tier.max_notional if tier.max_notional is not None else Decimal(10) ** 12
        brackets.append(
            {
                "bracket": number,
                "initialLeverage": int(tier.max_leverage),
                "notionalCap": int(cap),
                "notionalFloor": int(floor),
                "maintMarginRatio": float(tier.maintenance_rate),
                "cum": 0.0,
            }
        )
        floor = cap
    return {"symbol": instrument.symbol, "notionalCoef": 1.0, "brackets": brackets}


def order_row(report: Order, symbol: str, notes: Mapping[str, Any]) -> dict[str, Any]:
    """Return an order as a query does."""
    request = report.request
    kind = notes["type"]
    return {
        "orderId": int(str(report.exchange_order_id)),
        "symbol": symbol,
        "status": status(report),
        "clientOrderId": notes["clientOrderId"],
        "price": decimal(request.price) if kind == "LIMIT" else "0",
        "avgPrice": average(report),
        "origQty": decimal(request.quantity),
        "executedQty": decimal(report.filled_quantity),
        "cumQuote": decimal(spent(report)),
        "timeInForce": force(request),
        "type": kind,
        "reduceOnly": request.reduce_only,
        "closePosition": False,
        "side": SIDES[request.side],
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": kind,
        "priceMatch": "NONE",
        "selfTradePreventionMode": notes.get("selfTradePreventionMode", "EXPIRE_MAKER"),
        "goodTillDate": 0,
        "time": ms(notes["created_ns"]),
        "updateTime": ms(report.ts_event_ns),
    }


def answer_row(report: Order, symbol: str, notes: Mapping[str, Any], *, with_average: bool) -> dict[str, Any]:
    """Return an order as the answer to a new one or to a cancellation does."""
    row = order_row(report, symbol, notes)
    del row["time"]
    row["cumQty"] = row["executedQty"]
    if not with_average:
        del row["avgPrice"], row["cumQuote"]
    return row


def force(request: OrderRequest) -> str:
    """Return how long an order rests, in the venue's word."""
    return "GTX" if request.post_only else FORCES[request.time_in_force]


def status(report: Order) -> str:
    """Return the venue's word for an order's state."""
    return "EXPIRED" if has_expired(report) else _STATUS.get(report.status, "CANCELED")


def has_expired(report: Order) -> bool:
    """Whether an order ended by itself."""
    if report.status is OrderStatus.EXPIRED:
        return True
    return report.status is OrderStatus.CANCELLED and report.reason.startswith(_EXPIRED)


def spent(report: Order) -> Decimal:
    """Return what the filled part cost, rounded to the digits that an average of it needs."""
    if report.average_price is None:
        return ZERO
    return (report.filled_quantity * report.average_price).quantize(Decimal("1e-12")).normalize()


def average(report: Order) -> str:
    """Return the average price, which the venue rounds."""
    return "0.00" if report.average_price is None else decimal(report.average_price.quantize(_CENTS).normalize())


def trade_row(one: Fill, symbol: str) -> dict[str, Any]:
    """Return a row of `userTrades`, which has no client id."""
    return {
        "symbol": symbol,
        "id": int(one.fill_id),
        "orderId": int(str(one.exchange_order_id)),
        "side": SIDES[one.side],
        "price": decimal(one.price),
        "qty": decimal(one.quantity),
        "realizedPnl": decimal(one.realized_pnl or ZERO),
        "quoteQty": decimal(one.price * one.quantity),
        "commission": decimal(one.fee),
        "commissionAsset": one.fee_currency,
        "time": ms(one.ts_event_ns),
        "positionSide": "BOTH",
        "buyer": one.side is Side.BUY,
        "maker": one.liquidity is Liquidity.MAKER,
    }


def position_row(held: Position | None, instrument: Instrument, *, update_ms: int) -> dict[str, Any]:
    """Return a row of `positionRisk` of version 3."""
    if held is None:
        held_quantity, entry, mark, profit, liquidation = ZERO, ZERO, ZERO, ZERO, None
    else:
        held_quantity, entry, mark = held.quantity, held.entry_price, held.mark_price
        profit, liquidation = held.unrealized_pnl, held.liquidation_price
    notional = held_quantity * mark
    leverage = Decimal(1) if held is None or held.leverage is None else held.leverage
    initial = abs(notional) / leverage
    is_isolated = held is not None and held.margin_mode is MarginMode.ISOLATED
    return {
        "symbol": instrument.symbol,
        "positionSide": "BOTH",
        "positionAmt": decimal(held_quantity),
        "entryPrice": decimal(entry),
        "breakEvenPrice": decimal(entry),
        "markPrice": decimal(mark),
        "unRealizedProfit": cents(profit),
        "liquidationPrice": "0" if liquidation is None else decimal(liquidation),
        "isolatedMargin": cents(initial + profit) if is_isolated else "0",
        "notional": cents(notional),
        "marginAsset": instrument.quote,
        "isolatedWallet": cents(initial) if is_isolated else "0",
        "initialMargin": cents(initial),
        "maintMargin": cents(abs(notional) * instrument.margin_tier(abs(notional)).maintenance_rate),
        "positionInitialMargin": cents(initial),
        "openOrderInitialMargin": "0",
        "adl": 1,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": update_ms,
    }


def settings_row(instrument: Instrument, leverage: Decimal, mode: MarginMode) -> dict[str, Any]:
    """Return a row of `symbolConfig`."""
    return {
        "symbol": instrument.symbol,
        "marginType": "ISOLATED" if mode is MarginMode.ISOLATED else "CROSSED",
        "isAutoAddMargin": False,
        "leverage": int(leverage),
        "maxNotionalValue": _HUGE,
    }
