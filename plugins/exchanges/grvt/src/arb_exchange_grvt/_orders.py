"""Orders and fills of GRVT: what is sent, and what the venue tells of them. Functions without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from arb.api import Rejected
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
from arb.net import Row, flag, from_ns, maybe_number, number, positive, rows_of, text

from ._errors import REASONS
from ._markets import QUOTE, Market
from ._signing import OrderTerms

PENDING: Final = "PENDING"
OPEN: Final = "OPEN"
NO_ID: Final = "0x00"
"""`order_id` of an order that is just being created: it has none yet."""

NONE: Final = "UNSPECIFIED"
FORCES: Final[Mapping[TimeInForce, str]] = MappingProxyType(
    {
        TimeInForce.GTC: "GOOD_TILL_TIME",
        TimeInForce.IOC: "IMMEDIATE_OR_CANCEL",
        TimeInForce.FOK: "FILL_OR_KILL",
    }
)
_FORCE_OF: Final[Mapping[str, TimeInForce]] = MappingProxyType(
    {
        **{word: force for force, word in FORCES.items()},
        "ALL_OR_NONE": TimeInForce.GTC,
        "RETAIL_PRICE_IMPROVEMENT": TimeInForce.GTC,
    }
)
_LIVE: Final = frozenset({PENDING, OPEN})
_ENDED: Final[Mapping[str, OrderStatus]] = MappingProxyType(
    {
        "FILLED": OrderStatus.FILLED,
        "CANCELLED": OrderStatus.CANCELLED,
        "REJECTED": OrderStatus.REJECTED,
    }
)


def terms_of(request: OrderRequest, market: Market) -> OrderTerms:
    """Return what of a rounded order is signed."""
    return OrderTerms(
        asset_id=market.asset_id,
        base_decimals=market.base_decimals,
        size=request.quantity,
        price=request.price,
        is_buy=request.side is Side.BUY,
        time_in_force=FORCES[request.time_in_force],
        post_only=request.post_only,
        reduce_only=request.reduce_only,
    )


def payload_of(
    terms: OrderTerms, symbol: str, sub_account_id: str, number_: int, signature: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the body of `create_order`. No broker and no builder: nobody else earns by it."""
    leg = {
        "instrument": symbol,
        "size": f"{terms.size:f}",
        "limit_price": f"{terms.price:f}",
        "is_buying_asset": terms.is_buy,
    }
    order = {
        "sub_account_id": sub_account_id,
        "is_market": terms.is_market,
        "time_in_force": terms.time_in_force,
        "post_only": terms.post_only,
        "reduce_only": terms.reduce_only,
        "legs": [leg],
        "signature": dict(signature),
        "metadata": {"client_order_id": str(number_)},
    }
    return {"order": order}


def client_id_of(row: Row) -> Any:
    """Return the client id that stands in an order."""
    return row["metadata"]["client_order_id"]


def symbol_of(row: Row) -> str:
    """Return the market of an order; raises ValueError for one of several legs."""
    (leg,) = rows_of(row["legs"])
    return text(leg["instrument"])


def is_readable(row: Row) -> bool:
    """Whether an order is one of the book: it waits for no trigger, and has a price of its own or that of a fill."""
    trigger = (row["metadata"].get("trigger") or {}).get("trigger_type") or NONE
    has_price = not row.get("is_market") or number(_only(row["state"]["traded_size"])) > ZERO
    return trigger == NONE and has_price


def order_of(instrument: InstrumentId, name: ClientOrderId, row: Row) -> Order:
    """Read an order.

    Raises:
        ValueError: it has no size or price, or does not tell how much of it was filled.
    """
    (leg,), state = rows_of(row["legs"]), row["state"]
    filled, average = number(_only(state["traded_size"])), maybe_number(_only(state["avg_fill_price"])) or None
    post_only = bool(row.get("post_only"))
    # A market order has no price: what it met stands for it.
    price = maybe_number(leg.get("limit_price")) or average
    request = OrderRequest(
        client_order_id=name,
        instrument=instrument,
        side=Side.BUY if flag(leg["is_buying_asset"]) else Side.SELL,
        quantity=positive(leg["size"]),
        price=positive(price),
        time_in_force=TimeInForce.GTC if post_only else _FORCE_OF[row["time_in_force"]],
        post_only=post_only,
        reduce_only=bool(row.get("reduce_only")),
    )
    if filled and average is None:
        raise ValueError("an order with fills and no average price")
    reason = state.get("reject_reason") or NONE
    return Order(
        request=request,
        status=status_of(text(state["status"]), reason, filled, request.quantity),
        exchange_order_id=exchange_id_of(row["order_id"]),
        filled_quantity=filled,
        average_price=average if filled else None,
        ts_event_ns=from_ns(state["update_time"]),
        reason="" if reason == NONE else reason,
    )


def status_of(status: str, reason: str, filled: Decimal, quantity: Decimal) -> OrderStatus:
    """Return where an order is in its life; raises ValueError for a word that is not known."""
    if status in _LIVE:
        return OrderStatus.PARTIALLY_FILLED if filled > ZERO else OrderStatus.OPEN
    ended = _ENDED.get(status)
    if ended is None:
        raise ValueError(f"an order that is {status!r}")
    if filled >= quantity:
        return OrderStatus.FILLED
    if ended is OrderStatus.FILLED:
        raise ValueError(f"an order that is filled with {filled} of {quantity}")
    if reason == "EXPIRED":
        return OrderStatus.EXPIRED
    # What was filled stays filled, whatever became of the rest.
    return OrderStatus.CANCELLED if filled > ZERO else ended


def exchange_id_of(value: Any) -> ExchangeOrderId | None:
    """Return the venue's id of an order; None while it has none."""
    return None if value in (None, "", NO_ID) else ExchangeOrderId(text(value))


def refusal_of(order: Order, exchange: str) -> Rejected | None:
    """Return the error for an order that was taken for matching and then refused; None for any other.

    A refusal for a reason that is not known is none: the order is asked for again.
    """
    if order.filled_quantity or order.status not in (OrderStatus.REJECTED, OrderStatus.CANCELLED):
        return None
    is_refused = order.status is OrderStatus.REJECTED or order.reason == "FAIL_POST_ONLY"
    kind = REASONS.get(order.reason) if is_refused else None
    if kind is None:
        return None
    name = order.request.client_order_id
    return kind(f"order {name}: the venue refused it: {order.reason}", exchange=exchange, code=order.reason)


def fill_of(instrument: InstrumentId, name: ClientOrderId, row: Row) -> Fill:
    """Read a fill of `fill_history` or of the stream `v1.fill`: a fee is a cost, negative a rebate."""
    side = Side.BUY if flag(row["is_buyer"]) else Side.SELL
    return Fill(
        # Both sides of a trade have its id: where both were ours they are two fills.
        fill_id=FillId(f"{text(row['trade_id'])}-{side}"),
        client_order_id=name,
        exchange_order_id=ExchangeOrderId(text(row["order_id"])),
        instrument=instrument,
        side=side,
        price=positive(row["price"]),
        quantity=positive(row["size"]),
        fee=number(row["fee"]) + (maybe_number(row.get("builder_fee")) or ZERO),
        fee_currency=row.get("fee_currency") or QUOTE,
        liquidity=Liquidity.TAKER if flag(row["is_taker"]) else Liquidity.MAKER,
        ts_event_ns=from_ns(row["event_time"]),
        realized_pnl=None,
    )


def _only(values: Any) -> Any:
    """Return what a list of one holds: the venue writes a list where an order could have several legs."""
    if not isinstance(values, list) or len(values) != 1:
        raise ValueError("not a list of one")
    return values[0]
