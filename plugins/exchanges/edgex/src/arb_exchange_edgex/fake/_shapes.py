"""Objects of the ground in the venue's own shapes: nearly everything is text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.model import (
    MILLISECOND_NS,
    MINUTE_NS,
    ZERO,
    BookLevel,
    Fill,
    FundingPayment,
    FundingRate,
    Instrument,
    InstrumentStatus,
    Liquidity,
    MarketStats,
    Order,
    OrderBook,
    OrderStatus,
    Side,
    TimeInForce,
    Trade,
)

from ._floor import FILL_BASE, ORDER_BASE, order_id
from ._keys import ACCOUNT_ID

COIN_ID: Final = "1000"
USER_ID: Final = "700000000000000000"
RESOLUTION: Final = 10**12
COIN_RESOLUTION: Final = "0xf4240"
CHAIN_ID: Final = 3343
CONTRACT: Final = "0x1ae109ea449cfe0bed08bfe8911e968a49a919b1"
TAKER_FEE: Final = Decimal("0.0005")
MAKER_FEE: Final = Decimal("0.0002")
PRICE_RATIO: Final = Decimal("0.1")
LAST_BOUND: Final = "79228162514264337593543"
SIDES: Final = MappingProxyType({Side.BUY: "BUY", Side.SELL: "SELL"})
FORCES: Final = MappingProxyType(
    {
        TimeInForce.GTC: "GOOD_TIL_CANCEL",
        TimeInForce.IOC: "IMMEDIATE_OR_CANCEL",
        TimeInForce.FOK: "FILL_OR_KILL",
    }
)
_NO_REASON: Final = "UNKNOWN_ORDER_CANCEL_REASON"
_REASONS: Final = MappingProxyType(
    {"IOC:": "COULD_NOT_FILL", "FOK:": "COULD_NOT_FILL", "reduce-only:": "REDUCE_ONLY_CANCELED"}
)
_LIQUIDATED: Final = "liquidation-"
_DELEVERAGED: Final = "adl-"


def decimal(value: Decimal) -> str:
    """Return a decimal as text without an exponent."""
    return f"{value:f}"


def ms(ts_ns: int) -> str:
    """Return a time."""
    return str(ts_ns // MILLISECOND_NS)


def coin_id(instrument: Instrument, contract_id: str) -> str:
    """Return the number of the coin behind a contract."""
    return str(1000 + int(contract_id) % 1_000_000)


def contract(contract_id: str, instrument: Instrument) -> dict[str, Any]:
    """Return a row of `contractList`."""
    status, interval_ns = instrument.status, instrument.funding_interval_ns
    tiers = instrument.margin_tiers
    return {
        "contractId": contract_id,
        "contractName": instrument.symbol,
        "baseCoinId": coin_id(instrument, contract_id),
        "quoteCoinId": COIN_ID,
        "tickSize": decimal(instrument.tick_size),
        "stepSize": decimal(instrument.lot_size),
        "minOrderSize": decimal(instrument.min_quantity),
        "maxOrderSize": "" if instrument.max_quantity is None else decimal(instrument.max_quantity),
        "maxOrderBuyPriceRatio": decimal(PRICE_RATIO),
        "minOrderSellPriceRatio": decimal(PRICE_RATIO),
        "maxPositionSize": "1000000",
        "riskTierList": [
            {
                "tier": place + 1,
                "positionValueUpperBound": LAST_BOUND if tier.max_notional is None else decimal(tier.max_notional),
                "maxLeverage": decimal(tier.max_leverage),
                "maintenanceMarginRate": decimal(tier.maintenance_rate),
            }
            for place, tier in enumerate(tiers)
        ],
        "defaultTakerFeeRate": decimal(TAKER_FEE),
        "defaultMakerFeeRate": decimal(MAKER_FEE),
        "defaultLeverage": "5",
        "liquidateFeeRate": "0.01",
        "enableTrade": status in (InstrumentStatus.TRADING, InstrumentStatus.REDUCE_ONLY),
        "enableDisplay": status is not InstrumentStatus.DELISTED,
        "enableOpenPosition": status is InstrumentStatus.TRADING,
        "fundingInterestRate": "0.0003",
        "fundingMaxRate": "0.04",
        "fundingMinRate": "-0.04",
        "fundingRateIntervalMin": str((interval_ns or 0) // MINUTE_NS),
        "resolution": str(RESOLUTION),
        "isStock": instrument.asset_class == "stock",
        "isFx": instrument.asset_class == "fx",
    }


def coins(listed: Mapping[str, Instrument]) -> list[dict[str, Any]]:
    """Return `coinList`; a denominated contract has a coin of its own."""
    own = {
        "coinId": COIN_ID,
        "coinName": "USDC",
        "stepSize": "0.000001",
        "assetId": "0x1",
        "resolution": COIN_RESOLUTION,
    }
    return [own] + [
        {
            "coinId": coin_id(each, contract_id),
            "coinName": each.symbol.removesuffix("USDC"),
            "stepSize": decimal(each.lot_size),
            "assetId": None,
            "resolution": None,
        }
        for contract_id, each in listed.items()
    ]


def ticker(contract_id: str, symbol: str, stats: MarketStats, rate: FundingRate | None, now_ns: int) -> dict[str, Any]:
    """Return a ticker; open interest is in contracts, and the rate is the forecast."""
    mark = stats.mark_price
    contracts = (stats.open_interest / mark).quantize(Decimal("0.0001")) if stats.open_interest and mark else ZERO
    price = None if mark is None else decimal(mark)
    traded = (stats.volume_24h / mark).quantize(Decimal("0.0001")) if stats.volume_24h and mark else ZERO
    row: dict[str, Any] = {
        "contractId": contract_id,
        "contractName": symbol,
        "trades": "0",
        "size": decimal(traded),
        "value": None if stats.volume_24h is None else decimal(stats.volume_24h),
        "startTime": ms(now_ns - 86_400 * 10**9),
        "endTime": ms(now_ns),
        "lastPrice": price,
        "indexPrice": None if stats.index_price is None else decimal(stats.index_price),
        "oraclePrice": price,
        "markPrice": price,
        "openInterest": decimal(contracts),
        "marketOpen": True,
    }
    if rate is not None and rate.next_funding_ns is not None:
        row |= {
            "fundingRate": decimal(rate.rate),
            "fundingTime": ms(rate.next_funding_ns - rate.interval_ns),
            "nextFundingTime": ms(rate.next_funding_ns),
        }
    return row


def funding(
    contract_id: str, settled: FundingRate | None, forecast: FundingRate, stats: MarketStats | None, now_ns: int
) -> dict[str, Any]:
    """Return a row of `getLatestFundingRate`: what was settled last, and the forecast for what comes."""
    assert forecast.next_funding_ns is not None
    price = stats.mark_price if stats is not None and stats.mark_price is not None else ZERO
    return {
        "contractId": contract_id,
        "fundingTime": ms(forecast.next_funding_ns - forecast.interval_ns),
        "fundingTimestamp": ms(now_ns),
        "oraclePrice": decimal(price),
        "fundingRate": decimal(ZERO if settled is None else settled.rate),
        "isSettlement": False,
        "forecastFundingRate": decimal(forecast.rate),
        "interestRate": "0.0003",
        "predictedFundingRate": "0.0000125",
        "fundingRateIntervalMin": str(forecast.interval_ns // MINUTE_NS),
    }


def settlement(contract_id: str, rate: FundingRate) -> dict[str, Any]:
    """Return a row of `getFundingRatePage`."""
    return {
        "contractId": contract_id,
        "fundingTime": ms(rate.ts_event_ns),
        "fundingTimestamp": ms(rate.ts_event_ns),
        "fundingRate": decimal(rate.rate),
        "isSettlement": True,
        "forecastFundingRate": "",
        "interestRate": "0.0003",
        "predictedFundingRate": "0.0000125",
        "fundingRateIntervalMin": str(rate.interval_ns // MINUTE_NS),
    }


def levels(side: Sequence[BookLevel]) -> list[dict[str, str]]:
    """Return levels of a book."""
    return [{"price": decimal(level.price), "size": decimal(level.size)} for level in side]


def depth(contract_id: str, symbol: str, level: int, book: OrderBook, version: int) -> dict[str, Any]:
    """Return a whole book."""
    return {
        "startVersion": str(version - 1),
        "endVersion": str(version),
        "level": level,
        "contractId": contract_id,
        "contractName": symbol,
        "asks": levels(book.asks[:level]),
        "bids": levels(book.bids[:level]),
        "depthType": "SNAPSHOT",
    }


def trade(contract_id: str, one: Trade, ticket: int) -> dict[str, Any]:
    """Return a public trade; the buyer was the maker where the taker sold."""
    return {
        "ticketId": str(ticket),
        "time": ms(one.ts_event_ns),
        "price": decimal(one.price),
        "size": decimal(one.quantity),
        "value": decimal(one.price * one.quantity),
        "takerOrderId": str(2 * ticket),
        "makerOrderId": str(2 * ticket + 1),
        "contractId": contract_id,
        "isBuyerMaker": one.side is Side.SELL,
    }


def order(report: Order, contract_id: str, notes: Mapping[str, Any], *, pending: bool = False) -> dict[str, Any]:
    """Return an order; one that is pending has not been matched for whoever reads it."""
    request, name = report.request, report.request.client_order_id
    filled = ZERO if pending else report.filled_quantity
    spent = _spent(report) if filled else ZERO
    status, reason = ("PENDING", _NO_REASON) if pending else _state(report, notes)
    return _order_row(notes.get("body", {})) | {
        "id": order_id(report),
        "contractId": contract_id,
        "side": SIDES[request.side],
        "price": "0" if notes.get("body", {}).get("type") == "MARKET" else decimal(request.price),
        "size": decimal(request.quantity),
        "clientOrderId": notes.get("client_id", ""),
        "timeInForce": "POST_ONLY" if request.post_only else FORCES[request.time_in_force],
        "reduceOnly": request.reduce_only,
        "isLiquidate": name.startswith(_LIQUIDATED),
        "isDeleverage": name.startswith(_DELEVERAGED),
        "status": status,
        "cancelReason": reason,
        "cumFillSize": decimal(filled),
        "cumFillValue": decimal(spent),
        "cumMatchSize": decimal(filled),
        "cumMatchValue": decimal(spent),
        "cumFailSize": "0",
        "createdTime": ms(notes["created_ns"]),
        "updatedTime": ms(notes["created_ns"] if pending else report.ts_event_ns),
    }


def ghost(body: Mapping[str, Any], order_id_: str, reason: str, now_ns: int) -> dict[str, Any]:
    """Return an order that was taken and ended at once: post-only that crossed, reduce-only without a position."""
    return _order_row(body) | {
        "id": order_id_,
        "contractId": str(body["contractId"]),
        "side": body["side"],
        "price": str(body["price"]),
        "size": str(body["size"]),
        "clientOrderId": str(body["clientOrderId"]),
        "timeInForce": body["timeInForce"],
        "reduceOnly": bool(body.get("reduceOnly")),
        "isLiquidate": False,
        "isDeleverage": False,
        "status": "CANCELED",
        "cancelReason": reason,
        **dict.fromkeys(("cumFillSize", "cumFillValue", "cumMatchSize", "cumMatchValue", "cumFailSize"), "0"),
        "createdTime": ms(now_ns),
        "updatedTime": ms(now_ns),
    }


def _order_row(body: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"userId": USER_ID, "accountId": ACCOUNT_ID, "coinId": COIN_ID}
    row |= {"type": body.get("type", "MARKET"), "triggerPrice": "0", "expireTime": body.get("expireTime", "0")}
    return row | {name: str(body.get(name, "0")) for name in ("l2Nonce", "l2Value", "l2Size", "l2LimitFee")}


def _state(report: Order, notes: Mapping[str, Any]) -> tuple[str, str]:
    if report.status is OrderStatus.FILLED:
        return "FILLED", _NO_REASON
    if not report.status.is_final:
        return "OPEN", _NO_REASON
    found = next((reason for start, reason in _REASONS.items() if report.reason.startswith(start)), "USER_CANCELED")
    return "CANCELED", notes.get("reason", found)


def _spent(report: Order) -> Decimal:
    """Return what the filled part cost, rounded to the digits that an average of it needs."""
    if report.average_price is None:
        return ZERO
    return (report.filled_quantity * report.average_price).quantize(Decimal("1e-12")).normalize()


def fill(one: Fill, contract_id: str) -> dict[str, Any]:
    """Return an `orderFillTransaction`; the profit has the fee taken off."""
    profit = (one.realized_pnl or ZERO) - one.fee
    return {
        "id": str(FILL_BASE + int(one.fill_id)),
        "userId": USER_ID,
        "accountId": ACCOUNT_ID,
        "coinId": COIN_ID,
        "contractId": contract_id,
        "orderId": str(ORDER_BASE + int(str(one.exchange_order_id))),
        "orderSide": SIDES[one.side],
        "fillSize": decimal(one.quantity),
        "fillValue": decimal(one.quantity * one.price),
        "fillFee": decimal(one.fee),
        "fillPrice": decimal(one.price),
        "liquidateFee": "0",
        "realizePnl": decimal(profit),
        "direction": "MAKER" if one.liquidity is Liquidity.MAKER else "TAKER",
        "isLiquidate": one.client_order_id.startswith(_LIQUIDATED),
        "isDeleverage": one.client_order_id.startswith(_DELEVERAGED),
        "matchTime": ms(one.ts_event_ns),
        "createdTime": ms(one.ts_event_ns),
        "updatedTime": ms(one.ts_event_ns),
    }


def collateral(
    id_: str, kind: str, amount: Decimal, ts_ns: int, payment: FundingPayment | None = None, contract_id: str = "0"
) -> dict[str, Any]:
    """Return a `collateralTransaction`."""
    row: dict[str, Any] = {
        "id": id_,
        "userId": USER_ID,
        "accountId": ACCOUNT_ID,
        "coinId": COIN_ID,
        "type": kind,
        "deltaAmount": decimal(amount),
        "fundingTime": "0",
        "fundingRate": "",
        "fundingOraclePrice": "",
        "fundingPositionSize": "",
        "positionContractId": contract_id,
        "transferReason": "UNKNOWN_TRANSFER_REASON",
        "censorStatus": "L2_APPROVED",
        "createdTime": ms(ts_ns),
        "updatedTime": ms(ts_ns),
    }
    if payment is not None:
        row |= {
            "fundingTime": ms(payment.settled_ns),
            "fundingRate": "" if payment.rate is None else decimal(payment.rate),
            "fundingOraclePrice": "" if payment.price is None else decimal(payment.price),
            "fundingPositionSize": "" if payment.quantity is None else decimal(payment.quantity),
        }
    return row


def payment_id(payment: FundingPayment, contract_id: str) -> str:
    """Return the id of the booking of a payment."""
    return f"{ms(payment.settled_ns)}{int(contract_id) % 10_000:04d}"
