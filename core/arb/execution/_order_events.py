"""Events of orders that did not go as asked."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from arb.model import Event, EventKind, OrderRecord, OrderStatus, Severity

_KINDS: Final = MappingProxyType(
    {
        OrderStatus.REJECTED: EventKind.ORDER_REJECTED,
        OrderStatus.NOT_SENT: EventKind.ORDER_REJECTED,
        OrderStatus.IN_DOUBT: EventKind.ORDER_IN_DOUBT,
    }
)


def order_events(record: OrderRecord) -> list[Event]:
    """Return the event of an order's status, where it is one that people want to hear of."""
    order, request = record.order, record.order.request
    kind = _KINDS.get(order.status)
    if kind is None:
        return []
    return [
        Event(
            ts_ns=order.ts_event_ns,
            kind=kind,
            severity=Severity.WARNING,
            subject=request.client_order_id,
            message=f"{request.side} {request.quantity} {request.instrument} is {order.status}: {order.reason}",
            data={"hedge": record.hedge_id, "purpose": record.purpose, "price": str(request.price)},
        )
    ]
