"""Orders and fills: what is sent, and what the venue tells of them. Functions without I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.model import (
    ZERO,
    ClientOrderId,
    ExchangeOrderId,
    Fill,
    FillId,
    InstrumentId,
    Liquidity,
    Order,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
)
from arb.net import FOREIGN, Row, from_ms, maybe_number, maybe_positive, number, positive, text, whole

from ._fields import flag

CLIENT_ID: Final = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
CLIENT_ID_LENGTH: Final = 36
POST_ONLY: Final = "GTX"
SIDES: Final[Mapping[Side, str]] = MappingProxyType({Side.BUY: "BUY", Side.SELL: "SELL"})
FORCES: Final[Mapping[TimeInForce, str]] = MappingProxyType(
    {TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC", TimeInForce.FOK: "FOK"}
)
_SIDE_OF: Final[Mapping[str, Side]] = MappingProxyType({name: side for side, name in SIDES.items()})
_FORCE_OF: Final[Mapping[str, TimeInForce]] = MappingProxyType(
    {
        **{name: force for force, name in FORCES.items()},
        POST_ONLY: TimeInForce.GTC,
        "RPI": TimeInForce.GTC,
        "GTD": TimeInForce.GTC,
        "GTE_GTC": TimeInForce.GTC,
        "HIDDEN": TimeInForce.GTC,
    }
)
_PASSIVE: Final = frozenset({POST_ONLY, "RPI"})

STATUS_OF: Final[Mapping[str, OrderStatus]] = MappingProxyType(
    {
        "NEW": OrderStatus.OPEN,
        "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
        "FILLED": OrderStatus.FILLED,
        "CANCELED": OrderStatus.CANCELLED,
        "EXPIRED": OrderStatus.EXPIRED,
        "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
        "REJECTED": OrderStatus.REJECTED,
        "NEW_INSURANCE": OrderStatus.FILLED,
        "NEW_ADL": OrderStatus.FILLED,
    }
)
"""The last two are fills of a liquidation that the insurance fund or a deleveraged account takes."""

IN_MATCH: Final = "EXPIRED_IN_MATCH"
"""Self-trade prevention took the order, or the rest of it, back."""

_RESTING_TYPES: Final = frozenset({"LIMIT", "MARKET", "LIQUIDATION"})
"""Orders of any other type wait for a price before they are in the book."""

_VENUES_OWN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "autoclose-": "liquidation-",
        "adl_autoclose": "adl-",
        "settlement_autoclose-": "delisting-",
        "delivery_autoclose-": "delisting-",
    }
)
"""How client ids of the venue's own orders begin, and how ours of them do; one id may name many such orders."""


def fields_of(request: OrderRequest, symbol: str, extra: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of a new order; a false flag is left out."""
    fields = {
        "symbol": symbol,
        "side": SIDES[request.side],
        "type": "LIMIT",
        "timeInForce": POST_ONLY if request.post_only else FORCES[request.time_in_force],
        "quantity": f"{request.quantity:f}",
        "price": f"{request.price:f}",
        "newClientOrderId": str(request.client_order_id),
        "newOrderRespType": "RESULT",
        **extra,
    }
    if request.reduce_only:
        fields["reduceOnly"] = "true"
    return fields


def owner_of(client_id: Any, order_id: Any) -> ClientOrderId:
    """Return our id of an order by the two ids that the venue tells; raises ValueError for what are none."""
    number_ = whole(order_id)
    if client_id in (None, ""):
        return ClientOrderId(f"{FOREIGN}{number_}")
    name = text(client_id)
    own = next((ours for start, ours in _VENUES_OWN.items() if name.startswith(start)), None)
    return ClientOrderId(name if own is None else f"{own}{number_}")


def waits(row: Row) -> bool:
    """Whether an order waits for a price, and so does not rest in the book."""
    return str(row.get("type", "LIMIT")) not in _RESTING_TYPES and row.get("status") == "NEW"


def order_of(instrument: InstrumentId, row: Row) -> Order:
    """Read an order of the REST interface.

    The average price is None where the answer does not have it, although something was filled: answers to new
    orders may leave it out.

    Raises:
        ValueError: it has no size or price, or does not tell how much of it was filled.
    """
    filled = number(row["executedQty"])
    average = _average(row, filled)
    quantity = maybe_positive(row.get("origQty")) or filled
    return Order(
        request=_request(instrument, owner_of(row.get("clientOrderId"), row["orderId"]), row, quantity, average),
        status=_status(row["status"], filled, quantity),
        exchange_order_id=ExchangeOrderId(str(whole(row["orderId"]))),
        filled_quantity=filled,
        average_price=average,
        ts_event_ns=from_ms(row.get("updateTime") or row.get("time") or 0),
        reason=IN_MATCH if row["status"] == IN_MATCH else "",
    )


def _average(row: Row, filled: Decimal) -> Decimal | None:
    if not filled:
        return None
    average, spent = maybe_positive(row.get("avgPrice")), maybe_positive(row.get("cumQuote"))
    # The sum is exact where there is one; the average is rounded.
    return spent / filled if spent is not None else average


def _request(
    instrument: InstrumentId, name: ClientOrderId, row: Row, quantity: Decimal, average: Decimal | None
) -> OrderRequest:
    force = text(row["timeInForce"])
    # A market order has no price: then what it met stands for it.
    price = maybe_positive(row.get("price")) or average or maybe_positive(row.get("stopPrice"))
    is_passive = force in _PASSIVE
    return OrderRequest(
        client_order_id=name,
        instrument=instrument,
        side=_SIDE_OF[row["side"]],
        quantity=positive(quantity),
        price=positive(price),
        time_in_force=_FORCE_OF[force],
        post_only=is_passive,
        reduce_only=flag(row.get("reduceOnly", False)),
    )


def _status(word: Any, filled: Decimal, quantity: Decimal) -> OrderStatus:
    status = STATUS_OF[word]
    if filled > quantity or (status is OrderStatus.FILLED and word == "FILLED" and filled != quantity):
        raise ValueError(f"an order of {quantity} is {word} with {filled}")
    return status


def fill_of(instrument: InstrumentId, name: ClientOrderId, row: Row) -> Fill:
    """Read a row of `userTrades`; a commission is a cost where it is positive."""
    return Fill(
        fill_id=fill_id(row["symbol"], row["id"]),
        client_order_id=name,
        exchange_order_id=ExchangeOrderId(str(whole(row["orderId"]))),
        instrument=instrument,
        side=_SIDE_OF[row["side"]],
        price=positive(row["price"]),
        quantity=positive(row["qty"]),
        fee=number(row["commission"]),
        fee_currency=text(row["commissionAsset"]),
        liquidity=Liquidity.MAKER if flag(row["maker"]) else Liquidity.TAKER,
        ts_event_ns=from_ms(row["time"]),
        realized_pnl=maybe_number(row.get("realizedPnl")),
    )


def event_order(instrument: InstrumentId, data: Row) -> Order:
    """Read `o` of an `ORDER_TRADE_UPDATE` as the order it left."""
    row = {
        "orderId": data["i"],
        "clientOrderId": data.get("c"),
        "side": data["S"],
        "price": maybe_positive(data.get("p")) or data.get("L"),
        "stopPrice": data.get("sp"),
        "origQty": data["q"],
        "timeInForce": data["f"],
        "reduceOnly": data.get("R", False),
        "executedQty": data["z"],
        "avgPrice": data.get("ap"),
        "status": data["X"],
        "updateTime": data["T"],
    }
    return order_of(instrument, row)


def event_fill(instrument: InstrumentId, data: Row) -> Fill | None:
    """Read `o` of an `ORDER_TRADE_UPDATE` as a fill; None for one that is none, or has no number yet."""
    if data.get("x") not in ("TRADE", "CALCULATED") or not maybe_number(data.get("l")) or not whole(data["t"]):
        return None
    return Fill(
        fill_id=fill_id(data["s"], data["t"]),
        client_order_id=owner_of(data.get("c"), data["i"]),
        exchange_order_id=ExchangeOrderId(str(whole(data["i"]))),
        instrument=instrument,
        side=_SIDE_OF[data["S"]],
        price=positive(data["L"]),
        quantity=positive(data["l"]),
        # The two are left out of events without a commission.
        fee=maybe_number(data.get("n")) or ZERO,
        fee_currency=text(data.get("N") or "USDT"),
        liquidity=Liquidity.MAKER if flag(data["m"]) else Liquidity.TAKER,
        ts_event_ns=from_ms(data["T"]),
        realized_pnl=maybe_number(data.get("rp")),
    )


def fill_id(symbol: Any, number_: Any) -> FillId:
    """Return an id that list and stream agree on: numbers of trades repeat from symbol to symbol."""
    return FillId(f"{text(symbol)}-{whole(number_)}")
