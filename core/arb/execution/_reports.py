"""What a plugin says of an order, checked against what we know of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from arb.api import BadResponse, PreparedOrder
from arb.model import ORDER_TRANSITIONS, Order, OrderRequest, OrderStatus, OrderTrigger, exchange_of

_TRIGGER_OF: Final = {
    OrderStatus.OPEN: OrderTrigger.ACCEPTED,
    OrderStatus.PARTIALLY_FILLED: OrderTrigger.PART_FILLED,
    OrderStatus.FILLED: OrderTrigger.FILLED,
    OrderStatus.CANCELLED: OrderTrigger.CANCELLED,
    OrderStatus.EXPIRED: OrderTrigger.EXPIRED,
    OrderStatus.REJECTED: OrderTrigger.REJECTED,
}


def exceeds(answer: object, asked: OrderRequest) -> bool:
    """Whether a plugin made another order of it, or one that is larger or at a worse price."""
    if not isinstance(answer, PreparedOrder):
        return True
    prepared = answer.request
    same = replace(prepared, quantity=asked.quantity, price=asked.price) == asked
    worse = (prepared.price - asked.price) * asked.side.sign > 0
    return not same or worse or prepared.quantity > asked.quantity


def merged(order: Order, report: Order) -> Order:
    """Return our record after the venue's report of the same order; filled quantity never shrinks.

    Raises:
        BadResponse: the report is of another order, or cannot be true: it tells nothing.
    """
    problem = _contradiction(order, report)
    if problem:
        raise BadResponse(
            f"the report of order {order.request.client_order_id} cannot be used: {problem}",
            exchange=exchange_of(order.request.instrument),
            code="contradiction",
        )
    trigger = _TRIGGER_OF.get(report.status)
    if trigger is OrderTrigger.ACCEPTED and report.filled_quantity > 0:
        trigger = OrderTrigger.PART_FILLED  # some venues call an order open until it ends
    is_older = report.filled_quantity < order.filled_quantity or (order.status, trigger) not in ORDER_TRANSITIONS
    if trigger is None or is_older:
        return order
    return replace(
        order.after(trigger, ts_event_ns=report.ts_event_ns, reason=report.reason),
        exchange_order_id=report.exchange_order_id or order.exchange_order_id,
        filled_quantity=report.filled_quantity,
        average_price=report.average_price,
    )


def _contradiction(order: Order, report: object) -> str:
    if not isinstance(report, Order):
        return f"it is a {type(report).__name__}"
    asked, told = order.request, report.request
    if (told.client_order_id, told.instrument, told.side) != (asked.client_order_id, asked.instrument, asked.side):
        return f"it is of {told.side} {told.client_order_id} on {told.instrument}"
    if not report.filled_quantity.is_finite() or report.filled_quantity < 0:
        return f"it is filled by {report.filled_quantity}"
    if report.filled_quantity > asked.quantity:
        return f"{report.filled_quantity} of it are filled, and {asked.quantity} were ordered"
    if report.status in (OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED) and report.filled_quantity == 0:
        return "it is filled by nothing"
    if report.status is OrderStatus.REJECTED and report.filled_quantity > 0:
        return f"it is rejected and filled by {report.filled_quantity}"
    if None not in (order.exchange_order_id, report.exchange_order_id) and (
        order.exchange_order_id != report.exchange_order_id
    ):
        return f"it was {order.exchange_order_id} at the exchange and is {report.exchange_order_id} now"
    trigger = _TRIGGER_OF.get(report.status)
    if (
        trigger is not None
        and trigger is not OrderTrigger.ACCEPTED
        and ((order.status, trigger) not in ORDER_TRANSITIONS)
    ):
        return f"it was {order.status} and is {report.status} now"
    return ""
