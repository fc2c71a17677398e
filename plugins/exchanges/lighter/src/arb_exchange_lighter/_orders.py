"""Orders of Lighter, in both directions: what is sent in whole numbers, and what the venue reports."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from arb.api import InsufficientMargin, Rejected, WouldCross
from arb.model import (
    DAY_NS,
    MILLISECOND_NS,
    ZERO,
    ClientOrderId,
    ExchangeOrderId,
    InstrumentId,
    InstrumentStatus,
    Order,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
)
from arb.net import Row, flag, from_ms, from_us, number, rounded_order, text, whole

from ._markets import MAX_PRICE, Market
from ._signing import GOOD_TILL_TIME, IMMEDIATE_OR_CANCEL, POST_ONLY, OrderFields

_RESTS_NS: Final = 28 * DAY_NS
"""The venue takes 5 minutes to 30 days (elliottech/lighter-go, types/txtypes/constants.go)."""

_FORCES: Final[Mapping[str, tuple[TimeInForce, bool]]] = MappingProxyType(
    {
        "good-till-time": (TimeInForce.GTC, False),
        "post-only": (TimeInForce.GTC, True),
        "immediate-or-cancel": (TimeInForce.IOC, False),
    }
)
_REFUSED: Final[Mapping[str, type[Rejected]]] = MappingProxyType(
    {
        "canceled-post-only": WouldCross,
        "canceled-position-not-allowed": Rejected,
        "canceled-margin-not-allowed": InsufficientMargin,
        "canceled-invalid-balance": InsufficientMargin,
    }
)
"""Ends of orders that are refusals while nothing of them is filled."""

_TRIGGERS: Final = ("stop-loss", "take-profit")
"""How the types of orders begin that wait for a price."""

_ENDED: Final = frozenset(
    {
        *_REFUSED,
        "canceled",
        "canceled-reduce-only",
        "canceled-too-much-slippage",
        "canceled-not-enough-liquidity",
        "canceled-self-trade",
        "canceled-expired",
        "canceled-oco",
        "canceled-child",
        "canceled-liquidation",
    }
)
"""The statuses of lighter-sdk's model of an order."""


def rounded(request: OrderRequest, market: Market) -> OrderRequest:
    """Return an order on the market's steps, never at a worse price and never larger.

    Raises:
        BelowMinimum: too small.
        Rejected: the market does not take it.
    """
    rules = market.instrument

    def refuse(code: str, why: str) -> Rejected:
        return Rejected(f"order {request.client_order_id} ({rules.id}): {why}", exchange=rules.exchange, code=code)

    if request.time_in_force is TimeInForce.FOK:
        raise refuse("time_in_force", "Lighter has no fill-or-kill orders")
    reducing = rules.status is InstrumentStatus.REDUCE_ONLY and request.reduce_only
    if rules.status is not InstrumentStatus.TRADING and not reducing:
        raise refuse("not_trading", f"the market is {rules.status}")
    order = rounded_order(request, rules)
    if order.price > MAX_PRICE * rules.tick_size:
        raise refuse("out_of_range", f"the venue's whole numbers do not reach a price of {order.price}")
    if order.quantity * order.price > market.order_limit:
        raise refuse("order_limit", f"one order takes {market.order_limit} {rules.quote} at most")
    return order


def fields_of(request: OrderRequest, market: Market, client_order_index: int, now_ns: int) -> OrderFields:
    """Return a rounded order in the venue's whole numbers."""
    rests = request.time_in_force is TimeInForce.GTC
    return OrderFields(
        market_id=market.market_id,
        client_order_index=client_order_index,
        base_amount=int(request.quantity.scaleb(market.size_decimals)),
        price=int(request.price.scaleb(market.price_decimals)),
        is_ask=request.side is Side.SELL,
        time_in_force=POST_ONLY if request.post_only else GOOD_TILL_TIME if rests else IMMEDIATE_OR_CANCEL,
        reduce_only=request.reduce_only,
        expiry_ms=(now_ns + _RESTS_NS) // MILLISECOND_NS if rests else 0,
    )


def is_for_whole_position(row: Row) -> bool:
    """Return whether an order is a stop or a take-profit without a size of its own: it closes whatever is held then.

    Until its trigger is reached it rests nowhere.
    """
    return not number(row["initial_base_amount"]) and text(row["type"]).startswith(_TRIGGERS)


def order_of(row: Row, instrument: InstrumentId, client_order_id: ClientOrderId) -> Order:
    """Return what the venue reports of an order."""
    force, post_only = _FORCES[text(row["time_in_force"])]
    filled, paid = number(row["filled_base_amount"]), number(row["filled_quote_amount"])
    request = OrderRequest(
        client_order_id=client_order_id,
        instrument=instrument,
        side=Side.SELL if flag(row["is_ask"]) else Side.BUY,
        quantity=number(row["initial_base_amount"]),
        price=number(row["price"]),
        time_in_force=force,
        post_only=post_only,
        reduce_only=flag(row["reduce_only"]),
    )
    status = status_of(text(row["status"]), filled, request.quantity)
    return Order(
        request=request,
        status=status,
        exchange_order_id=ExchangeOrderId(str(whole(row["order_index"]))),
        filled_quantity=filled,
        average_price=paid / filled if filled else None,
        ts_event_ns=reported_at(row),
        reason=row["status"] if status.is_final and status is not OrderStatus.FILLED else "",
    )


def status_of(status: str, filled: Decimal, quantity: Decimal) -> OrderStatus:
    """Return where an order is in its life; raises ValueError for a word that is not known.

    Whether `canceled-...` is a refusal depends on what is filled: a part that is filled stays.
    """
    if status == "filled" or (status in _ENDED and filled == quantity):
        return OrderStatus.FILLED
    if status in ("open", "pending", "in-progress"):
        if filled > ZERO:
            return OrderStatus.PARTIALLY_FILLED
        return OrderStatus.SUBMITTED if status == "in-progress" else OrderStatus.OPEN
    if status not in _ENDED:
        raise ValueError(f"an order that is {status!r}")
    if status == "canceled-expired":
        return OrderStatus.EXPIRED
    return OrderStatus.REJECTED if status in _REFUSED and filled == ZERO else OrderStatus.CANCELLED


def refusal_of(order: Order, exchange: str) -> Rejected | None:
    """Return the error for an order that the venue took and then refused; None for any other."""
    kind = _REFUSED.get(order.reason) if order.status is OrderStatus.REJECTED else None
    if kind is None:
        return None
    text = f"order {order.request.client_order_id}: {order.reason}"
    return kind(text, exchange=exchange, code=order.reason)


def reported_at(row: Row) -> int:
    """Return when an order changed last."""
    micros = row.get("transaction_time")
    changed_ns = from_ms(row.get("updated_at") or row["timestamp"])
    return max(changed_ns, from_us(micros)) if micros else changed_ns
