"""What a hedge holds, computed from its fills and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from arb.model import ZERO, ClientOrderId, Fill, Hedge, InstrumentId, Leg, OrderRecord, OrderRequest


def with_fills(hedge: Hedge, records: Sequence[OrderRecord], fills: Iterable[Fill]) -> Hedge:
    """Return the hedge with every leg's quantities and prices recomputed.

    `fills` are all fills of the orders in `records`; others are ignored.
    """
    leg_of = {key_of(record.order.request): record.leg_index for record in records}
    by_leg: dict[int, list[Fill]] = {}
    for fill in fills:
        index = leg_of.get(key_of(fill))
        if index is not None:
            by_leg.setdefault(index, []).append(fill)
    legs = tuple(_fold(leg, by_leg.get(index, [])) for index, leg in enumerate(hedge.legs))
    return replace(hedge, legs=legs)


def _fold(leg: Leg, fills: Sequence[Fill]) -> Leg:
    entry = [fill for fill in fills if fill.side is leg.entry_side]
    exit_ = [fill for fill in fills if fill.side is not leg.entry_side]
    return replace(
        leg,
        entry_quantity=quantity_of(entry),
        entry_price=average_of(entry),
        exit_quantity=quantity_of(exit_),
        exit_price=average_of(exit_),
    )


def quantity_of(fills: Sequence[Fill]) -> Decimal:
    """Return the contracts of fills."""
    return sum((fill.quantity for fill in fills), ZERO)


def average_of(fills: Sequence[Fill]) -> Decimal | None:
    """Return the price of fills, by their contracts; None where there are none."""
    quantity = quantity_of(fills)
    return sum((fill.quantity * fill.price for fill in fills), ZERO) / quantity if quantity else None


OrderKey = tuple[ClientOrderId, InstrumentId]
"""What tells orders apart: venues may give orders of their own one id on two instruments."""


def key_of(one: OrderRequest | Fill) -> OrderKey:
    """Return the key of an order, or of the order that a fill belongs to."""
    return one.client_order_id, one.instrument


def filled_by_order(fills: Iterable[Fill]) -> Mapping[OrderKey, Decimal]:
    """Return the contracts filled for each order."""
    filled: dict[OrderKey, Decimal] = {}
    for fill in fills:
        filled[key_of(fill)] = filled.get(key_of(fill), ZERO) + fill.quantity
    return filled
