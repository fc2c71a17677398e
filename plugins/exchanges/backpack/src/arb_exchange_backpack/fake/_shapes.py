"""Objects of the ground in the venue's own shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.model import (
    BPS,
    MILLISECOND_NS,
    ZERO,
    BookLevel,
    Fill,
    FundingPayment,
    Instrument,
    InstrumentStatus,
    Liquidity,
    MarketStats,
    Order,
    OrderStatus,
    Side,
    TimeInForce,
)

from ._fit import INITIAL, MAINTENANCE

SIDES: Final = MappingProxyType({Side.BUY: "Bid", Side.SELL: "Ask"})
FORCES: Final = MappingProxyType({TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC", TimeInForce.FOK: "FOK"})
USER_ID: Final = 1
_SYSTEM: Final = MappingProxyType({"liquidation-": "LiquidatePositionOnBook", "adl-": "LiquidatePositionOnAdl"})
_EXPIRED: Final = MappingProxyType(
    {"IOC:": "ImmediateOrCancel", "FOK:": "FillOrKill", "reduce-only:": "ReduceOnlyNotReduced"}
)
_STATES: Final[Mapping[InstrumentStatus, str]] = MappingProxyType(
    {
        InstrumentStatus.TRADING: "Open",
        InstrumentStatus.REDUCE_ONLY: "CancelOnly",
        InstrumentStatus.SUSPENDED: "Closed",
        InstrumentStatus.DELISTED: "Closed",
    }
)
_STATUS: Final = MappingProxyType(
    {
        OrderStatus.OPEN: "New",
        OrderStatus.PARTIALLY_FILLED: "PartiallyFilled",
        OrderStatus.FILLED: "Filled",
        OrderStatus.EXPIRED: "Expired",
    }
)
_TRIGGERS: Final = (
    "stopLossTriggerPrice",
    "stopLossLimitPrice",
    "stopLossTriggerBy",
    "takeProfitTriggerPrice",
    "takeProfitLimitPrice",
    "takeProfitTriggerBy",
    "triggerBy",
    "triggerPrice",
    "triggerQuantity",
    "strategyId",
)


def decimal(value: Decimal) -> str:
    """Return a decimal as text without an exponent."""
    return f"{value:f}"


def naive(ts_ns: int) -> str:
    """Return a time as ISO text of UTC that does not say so, with milliseconds."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=ts_ns // 1000)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds")


def interval_end(ts_ns: int) -> str:
    """Return the time of a settlement, to the second."""
    return naive(ts_ns).partition(".")[0]


def microseconds(ts_ns: int) -> int:
    """Return microseconds since 1970."""
    return ts_ns // 1000


def market(instrument: Instrument) -> dict[str, Any]:
    """Return a row of `/api/v1/markets`."""
    interval_ns = instrument.funding_interval_ns
    price_filter = {
        "borrowEntryFeeMaxMultiplier": None,
        "borrowEntryFeeMinMultiplier": None,
        "maxImpactMultiplier": "1.05",
        "maxMultiplier": "1.25",
        "maxPrice": None,
        "meanMarkPriceBand": {"maxMultiplier": "1.1", "minMultiplier": "0.9"},
        "meanPremiumBand": {"tolerancePct": "0.05"},
        "minImpactMultiplier": "0.95",
        "minMultiplier": "0.75",
        "minPrice": decimal(instrument.tick_size),
        "tickSize": decimal(instrument.tick_size),
    }
    quantity_filter = {
        "maxQuantity": None if instrument.max_quantity is None else decimal(instrument.max_quantity),
        "minQuantity": decimal(instrument.min_quantity),
        "stepSize": decimal(instrument.lot_size),
    }
    return {
        "symbol": instrument.symbol,
        "baseSymbol": instrument.symbol.partition("_")[0],
        "quoteSymbol": instrument.quote,
        "marketType": "PERP",
        "rwaMarketType": None,
        "filters": {"price": price_filter, "quantity": quantity_filter},
        "imfFunction": function(INITIAL),
        "mmfFunction": function(MAINTENANCE),
        "fundingInterval": None if not interval_ns else interval_ns // MILLISECOND_NS,
        "fundingRateUpperBound": "400",
        "fundingRateLowerBound": "-400",
        "openInterestLimit": "4000000",
        "orderBookState": _STATES[instrument.status],
        "createdAt": "2025-01-21T06:34:54.691858",
        "visible": instrument.status is not InstrumentStatus.DELISTED,
        "positionLimitWeight": "1",
    }


def function(values: tuple[Decimal, Decimal]) -> dict[str, str]:
    """Return a margin function."""
    return {"type": "sqrt", "base": decimal(values[0]), "factor": decimal(values[1])}


def levels(side: Sequence[BookLevel]) -> list[list[str]]:
    """Return levels as pairs of texts."""
    return [[decimal(level.price), decimal(level.size)] for level in side]


def ticker(symbol: str, stats: MarketStats) -> dict[str, Any]:
    """Return a row of `/api/v1/tickers`: all that the ground knows of the day."""
    price, volume = stats.mark_price or ZERO, stats.volume_24h or ZERO
    contracts = (volume / price).quantize(Decimal("0.0001")) if price else ZERO
    text = decimal(price)
    return {
        "symbol": symbol,
        "firstPrice": text,
        "lastPrice": text,
        "priceChange": "0",
        "priceChangePercent": "0",
        "high": text,
        "low": text,
        "volume": decimal(contracts),
        "quoteVolume": decimal(volume),
        "trades": "0",
    }


def order(report: Order, symbol: str, notes: Mapping[str, Any]) -> dict[str, Any]:
    """Return an order as `/api/v1/order(s)` does: the time is milliseconds, no reason of its end."""
    request = report.request
    row: dict[str, Any] = {
        "id": str(report.exchange_order_id),
        "clientId": notes["clientId"],
        "symbol": symbol,
        "side": SIDES[request.side],
        "orderType": notes["orderType"],
        "quantity": decimal(request.quantity),
        "executedQuantity": decimal(report.filled_quantity),
        "executedQuoteQuantity": decimal(spent(report)),
        "reduceOnly": request.reduce_only or None,
        "timeInForce": FORCES[request.time_in_force],
        "selfTradePrevention": notes.get("selfTradePrevention", "RejectTaker"),
        "status": status(report),
        "createdAt": notes["created_ns"] // MILLISECOND_NS,
        "relatedOrderId": None,
        "triggeredAt": None,
        **dict.fromkeys(_TRIGGERS),
    }
    if notes["orderType"] == "Limit":
        row |= {"price": decimal(request.price), "postOnly": request.post_only}
    else:
        row |= {"quoteQuantity": notes.get("quoteQuantity")}
    return row


def past_order(report: Order, symbol: str, notes: Mapping[str, Any]) -> dict[str, Any]:
    """Return an order as the history does: the time is a text, and it tells why the order ended."""
    row = order(report, symbol, notes)
    del row["triggeredAt"], row["relatedOrderId"]
    return row | {
        "createdAt": naive(notes["created_ns"]),
        "expiryReason": expiry_reason(report),
        "quoteQuantity": row.get("quoteQuantity"),
        "systemOrderType": system_type(report.request.client_order_id),
    }


def status(report: Order) -> str:
    """Return the venue's word for an order's state."""
    return "Expired" if expiry_reason(report) else _STATUS.get(report.status, "Cancelled")


def expiry_reason(report: Order) -> str | None:
    """Return why an order ended by itself; None for one that did not."""
    if report.status not in (OrderStatus.CANCELLED, OrderStatus.EXPIRED):
        return None
    return next((reason for start, reason in _EXPIRED.items() if report.reason.startswith(start)), None)


def spent(report: Order) -> Decimal:
    """Return what the filled part cost, rounded to the digits that an average of it needs."""
    if report.average_price is None:
        return ZERO
    return (report.filled_quantity * report.average_price).quantize(Decimal("1e-12")).normalize()


def system_type(name: str) -> str | None:
    """Return the kind of an order of the venue's own."""
    return next((kind for start, kind in _SYSTEM.items() if name.startswith(start)), None)


def fill(one: Fill, symbol: str, client_id: int | None) -> dict[str, Any]:
    """Return a row of `/wapi/v1/history/fills`."""
    return {
        "tradeId": int(one.fill_id),
        "orderId": str(one.exchange_order_id),
        "clientId": None if client_id is None else str(client_id),
        "symbol": symbol,
        "side": SIDES[one.side],
        "price": decimal(one.price),
        "quantity": decimal(one.quantity),
        "fee": decimal(one.fee),
        "feeSymbol": one.fee_currency,
        "isMaker": one.liquidity is Liquidity.MAKER,
        "systemOrderType": system_type(one.client_order_id),
        "timestamp": naive(one.ts_event_ns),
    }


def payment(one: FundingPayment, symbol: str) -> dict[str, Any]:
    """Return a row of `/wapi/v1/history/funding`."""
    return {
        "userId": USER_ID,
        "subaccountId": 0,
        "symbol": symbol,
        "quantity": decimal(one.amount),
        "intervalEndTimestamp": interval_end(one.settled_ns),
        "fundingRate": decimal(one.rate or ZERO),
    }


def fee_bps(rate: Decimal) -> str:
    """Return a fee in basis points."""
    return decimal((rate / BPS).normalize())
