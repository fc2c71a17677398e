"""Orders and fills of Backpack: what is sent, and what the venue tells of them. Functions without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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
from arb.net import Row, from_us, maybe_number, number, positive, text, whole

from ._fields import created_at, from_text

SELF_TRADE: Final = "RejectTaker"
"""The newer of two own orders that would meet is refused: an account never trades with itself."""

SIDES: Final[Mapping[Side, str]] = MappingProxyType({Side.BUY: "Bid", Side.SELL: "Ask"})
_SIDE_OF: Final[Mapping[str, Side]] = MappingProxyType({name: side for side, name in SIDES.items()})
_FORCE: Final[Mapping[TimeInForce, str]] = MappingProxyType(
    {TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC", TimeInForce.FOK: "FOK"}
)
_FORCE_OF: Final[Mapping[str, TimeInForce]] = MappingProxyType({name: force for force, name in _FORCE.items()})

WAITING: Final = "TriggerPending"
"""An order that waits for a trigger price: it is not in the book."""

STATUS_OF: Final[Mapping[str, OrderStatus]] = MappingProxyType(
    {
        "New": OrderStatus.OPEN,
        "PartiallyFilled": OrderStatus.PARTIALLY_FILLED,
        "Filled": OrderStatus.FILLED,
        "Cancelled": OrderStatus.CANCELLED,
        "Expired": OrderStatus.EXPIRED,
        "Triggered": OrderStatus.OPEN,
        WAITING: OrderStatus.OPEN,
        "TriggerFailed": OrderStatus.REJECTED,
    }
)


def payload_of(request: OrderRequest, symbol: str, number_: int) -> dict[str, str | int | bool]:
    """Return the body of `POST /api/v1/order`; nothing that borrows or lends is ever asked for."""
    body: dict[str, str | int | bool] = {
        "clientId": number_,
        "orderType": "Limit",
        "price": f"{request.price:f}",
        "quantity": f"{request.quantity:f}",
        "selfTradePrevention": SELF_TRADE,
        "side": SIDES[request.side],
        "symbol": symbol,
        "timeInForce": _FORCE[request.time_in_force],
    }
    # A false flag is left out, as the venue's own client does.
    if request.post_only:
        body["postOnly"] = True
    if request.reduce_only:
        body["reduceOnly"] = True
    return body


def client_number(value: Any) -> int | None:
    """Return a client id: a number in orders, a text in fills; none, null and 0 are none."""
    return (whole(value) or None) if value not in (None, "") else None


def foreign_id(order_id: str, system: Any = None) -> ClientOrderId:
    """Return the id of an order that its sender gave none; `system` is the venue's word for an order of its own."""
    kind = "foreign"
    if isinstance(system, str) and system:
        word = system.lower()
        kind = "adl" if "adl" in word else "liquidation" if "liquidat" in word or "backstop" in word else "venue"
    return ClientOrderId(f"{kind}-{order_id}")


def order_of(instrument: InstrumentId, name: ClientOrderId, row: Row) -> Order:
    """Read an order of `/api/v1/order(s)` or of the history.

    Raises:
        ValueError: it has no size or price, or does not tell how much of it was filled.
    """
    executed, spent = maybe_number(row.get("executedQuantity")), maybe_number(row.get("executedQuoteQuantity"))
    if executed is None and row["status"] not in ("New", WAITING):
        raise ValueError("an order that was at work without executedQuantity")
    filled = executed or ZERO
    average = spent / filled if spent is not None and filled else None
    return Order(
        request=_request(instrument, name, row, average),
        status=STATUS_OF[row["status"]],
        exchange_order_id=ExchangeOrderId(text(row["id"])),
        filled_quantity=filled,
        average_price=average,
        ts_event_ns=created_at(row["createdAt"]),
        reason=str(row.get("expiryReason") or ""),
    )


def _request(instrument: InstrumentId, name: ClientOrderId, row: Row, average: Decimal | None) -> OrderRequest:
    # A market order has no price, one for a sum of money no quantity: then what it met stands for it.
    price = maybe_number(row.get("price")) or average
    quantity = maybe_number(row.get("quantity")) or maybe_number(row.get("executedQuantity"))
    post_only = bool(row.get("postOnly"))
    return OrderRequest(
        client_order_id=name,
        instrument=instrument,
        side=_SIDE_OF[row["side"]],
        quantity=positive(quantity),
        price=positive(price),
        time_in_force=TimeInForce.GTC if post_only else _FORCE_OF[row["timeInForce"]],
        post_only=post_only,
        reduce_only=bool(row.get("reduceOnly")),
    )


def fill_of(instrument: InstrumentId, name: ClientOrderId, row: Row) -> Fill:
    """Read a row of `GET /wapi/v1/history/fills`; the venue tells no profit of a fill."""
    order_id = text(row["orderId"])
    return Fill(
        fill_id=_fill_id(order_id, row.get("tradeId"), f"{row['timestamp']}-{row['price']}-{row['quantity']}"),
        client_order_id=name,
        exchange_order_id=ExchangeOrderId(order_id),
        instrument=instrument,
        side=_SIDE_OF[row["side"]],
        price=positive(row["price"]),
        quantity=positive(row["quantity"]),
        fee=number(row["fee"]),
        fee_currency=text(row["feeSymbol"]),
        liquidity=_liquidity(row["isMaker"]),
        ts_event_ns=from_text(row["timestamp"]),
    )


def event_order(instrument: InstrumentId, name: ClientOrderId, data: Row) -> Order:
    """Read an event of the stream `account.orderUpdate` as the order it left."""
    row = {
        "id": data["i"],
        "side": data["S"],
        "price": data.get("p") or data.get("L"),
        "quantity": data.get("q"),
        "timeInForce": data["f"],
        "postOnly": data.get("y"),
        "reduceOnly": data.get("r"),
        "executedQuantity": data["z"],
        "executedQuoteQuantity": data["Z"],
        "status": data["X"],
        "createdAt": 0,
        "expiryReason": data.get("R"),
    }
    return replace(order_of(instrument, name, row), ts_event_ns=from_us(data["T"]))


def event_fill(instrument: InstrumentId, name: ClientOrderId, data: Row) -> Fill | None:
    """Read an event of the stream as a fill; None for one that is none, or has no id by which it is known later."""
    if data.get("e") != "orderFill" or not data.get("t"):
        return None
    order_id = text(data["i"])
    return Fill(
        fill_id=_fill_id(order_id, data["t"], ""),
        client_order_id=name,
        exchange_order_id=ExchangeOrderId(order_id),
        instrument=instrument,
        side=_SIDE_OF[data["S"]],
        price=positive(data["L"]),
        quantity=positive(data["l"]),
        fee=number(data["n"]),
        fee_currency=text(data["N"]),
        liquidity=_liquidity(data["m"]),
        ts_event_ns=from_us(data["T"]),
    )


def _fill_id(order_id: str, trade: Any, otherwise: str) -> FillId:
    """Return an id that history and stream agree on: trade numbers repeat from market to market.

    Liquidations of before 2025-11-12 have the trade number 0 (changelog of the venue's API).
    """
    trade_number = whole(trade) if trade not in (None, "") else 0
    return FillId(f"{order_id}-{trade_number or otherwise}")


def _liquidity(is_maker: Any) -> Liquidity:
    if not isinstance(is_maker, bool):
        raise ValueError(f"isMaker is {is_maker!r}")
    return Liquidity.MAKER if is_maker else Liquidity.TAKER
