"""What a hedge holds, computed from its fills and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from arb.model import ZERO, ClientOrderId, Fill, Hedge, Leg, OrderRecord


def with_fills(hedge: Hedge, records: Sequence[OrderRecord], fills: Iterable[Fill]) -> Hedge:
    """Return the hedge with every leg's quantities and prices recomputed.

    `fills` are all fills of the orders in `records`; others are ignored.
    """
    leg_of = {record.order.request.client_order_id: record.leg_index for record in records}
    by_leg: dict[int, list[Fill]] = {}
    for fill in fills:
        index = leg_of.get(fill.client_order_id)
        if index is not None:
            by_leg.setdefault(index, []).append(fill)
    legs = tuple(_fold(leg, by_leg.get(index, [])) for index, leg in enumerate(hedge.legs))
    return replace(hedge, legs=legs)


def _fold(leg: Leg, fills: Sequence[Fill]) -> Leg:
    entry = [fill for fill in fills if fill.side is leg.entry_side]
    exit_ = [fill for fill in fills if fill.side is not leg.entry_side]
    return replace(
        leg,
        entry_quantity=_quantity(entry),
        entry_price=_average(entry),
        exit_quantity=_quantity(exit_),
        exit_price=_average(exit_),
    )


def _quantity(fills: Sequence[Fill]) -> Decimal:
    return sum((fill.quantity for fill in fills), ZERO)


def _average(fills: Sequence[Fill]) -> Decimal | None:
    quantity = _quantity(fills)
    return sum((fill.quantity * fill.price for fill in fills), ZERO) / quantity if quantity else None


def filled_by_order(fills: Iterable[Fill]) -> Mapping[ClientOrderId, Decimal]:
    """Return the contracts filled for each client order id."""
    filled: dict[ClientOrderId, Decimal] = {}
    for fill in fills:
        filled[fill.client_order_id] = filled.get(fill.client_order_id, ZERO) + fill.quantity
    return filled
