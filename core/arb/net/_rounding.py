"""What every venue asks of an order: whole steps, and neither too little nor too much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from arb.api import BelowMinimum, Rejected
from arb.model import Instrument, OrderRequest, Side


def rounded_order(
    request: OrderRequest,
    instrument: Instrument,
    *,
    limit_price: Callable[[Side, Decimal], Decimal] | None = None,
) -> OrderRequest:
    """Return an order in whole steps, never larger and never at a worse price than asked.

    Args:
        request: What is asked for.
        instrument: Whose rules hold.
        limit_price: Rounds a price where its steps are not the instrument's ticks.

    Raises:
        BelowMinimum: there is nothing left of it, or less than the instrument's minimum (code `below_minimum`).
        Rejected: it is more than the instrument's maximum (`max_quantity`), or steps cannot count it (`out_of_range`).
    """

    def refused(code: str, why: str, kind: type[Rejected] = Rejected) -> Rejected:
        text = f"order {request.client_order_id} ({instrument.id}): {why}"
        return kind(text, exchange=instrument.exchange, code=code)

    if not (request.quantity.is_finite() and request.price.is_finite()):
        raise refused("out_of_range", "quantity and price must be finite")
    asked = f"{request.quantity} at {request.price}"
    try:
        quantity = instrument.floor_quantity(request.quantity)
        price = (limit_price or instrument.limit_price)(request.side, request.price)
    except InvalidOperation:
        raise refused("out_of_range", f"{asked} is more than steps can count") from None
    steps = f"{asked} is {quantity} at {price} in whole steps"
    least = max(instrument.min_quantity, instrument.lot_size)
    worth = instrument.closing_min_notional if request.reduce_only else instrument.min_notional
    if quantity < least or price <= 0:
        raise refused("below_minimum", f"{steps}, the least is {least}", BelowMinimum)
    if quantity * price < worth:
        raise refused("below_minimum", f"{steps}, the least is {worth} {instrument.quote}", BelowMinimum)
    if instrument.max_quantity is not None and quantity > instrument.max_quantity:
        raise refused("max_quantity", f"at most {instrument.max_quantity} are taken")
    return replace(request, quantity=quantity, price=price)
