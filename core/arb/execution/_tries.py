"""What was tried on a leg in the present phase of a hedge."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from arb.model import ZERO, Hedge, Instrument, OrderPurpose, OrderRecord, OrderStatus


class Tries:
    """The orders of a hedge, as the next step has to see them. What never left is no try."""

    def __init__(self, hedge: Hedge, records: Sequence[OrderRecord]) -> None:
        self._all = records
        self._phase = [
            record
            for record in records
            if record.created_ns >= hedge.phase_ns and record.purpose is not OrderPurpose.FORCED
        ]

    def count(self, leg_index: int, purpose: OrderPurpose) -> int:
        """Return how many orders of a leg and purpose reached the venue in this phase."""
        return sum(record.order.status is not OrderStatus.NOT_SENT for record in self._of(leg_index, purpose))

    def was_tried(self, leg_index: int, purpose: OrderPurpose) -> bool:
        """Whether the same was tried before in this phase, whatever became of it."""
        return bool(self._of(leg_index, purpose))

    def could_not_leave(self, leg_index: int, purpose: OrderPurpose) -> bool:
        """Whether the last such order never left: the next one waits a little."""
        found = self._of(leg_index, purpose)
        return bool(found) and found[-1].order.status is OrderStatus.NOT_SENT

    def was_refused(self, leg_index: int, purpose: OrderPurpose) -> bool:
        """Whether the venue refused the last such order: repeated as it is, it would be again."""
        found = self._of(leg_index, purpose)
        return bool(found) and found[-1].order.status is OrderStatus.REJECTED

    def next_attempt(self, leg_index: int) -> int:
        """Return the number of the next order of a leg, in its whole life."""
        return max((record.attempt for record in self._all if record.leg_index == leg_index), default=-1) + 1

    def requested(self, leg_index: int, purpose: OrderPurpose) -> Decimal:
        """Return the contracts asked for in orders of a leg and purpose that reached the venue."""
        found = [one for one in self._of(leg_index, purpose) if one.order.status is not OrderStatus.NOT_SENT]
        return sum((record.order.request.quantity for record in found), ZERO)

    def resting(self) -> list[OrderRecord]:
        """Return orders that wait in a book as far as we know."""
        return [record for record in self._all if is_resting(record)]

    def too_small(self, leg_index: int, quantity: Decimal) -> bool:
        """Whether the venue refused a reduction of this size or a larger one as too small, whatever its rules say."""
        return any(
            record.leg_index == leg_index
            and record.order.status is OrderStatus.REJECTED
            and record.order.reason.startswith(BELOW_MINIMUM)
            and record.order.request.quantity >= quantity
            for record in self._all
        )

    def _of(self, leg_index: int, purpose: OrderPurpose) -> list[OrderRecord]:
        return [record for record in self._phase if record.leg_index == leg_index and record.purpose is purpose]


def is_resting(record: OrderRecord) -> bool:
    """Whether an order is known to wait in a book, as it was meant to: no doubt, and no outcome yet."""
    return record.rest_until_ns is not None and record.order.status in (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED)


BELOW_MINIMUM: Final = "below_minimum"
"""Marks the reason of an order that was refused as too small."""


def tradable(instrument: Instrument, base: Decimal, price: Decimal | None, *, closing: bool) -> Decimal:
    """Return the contracts of `base` units that one order can carry; zero when that is below a minimum.

    Args:
        instrument: Lot, minimums and maximum.
        base: Base units, positive.
        price: Quote currency per contract; None while unknown: a minimum notional is then not checked
            here, and the venue says.
        closing: Whether the order is reduce-only.
    """
    quantity = instrument.floor_quantity(base / instrument.multiplier)
    if instrument.max_quantity is not None:
        quantity = min(quantity, instrument.floor_quantity(instrument.max_quantity))
    if quantity <= 0 or quantity < instrument.min_quantity:
        return ZERO
    least = instrument.closing_min_notional if closing else instrument.min_notional
    return ZERO if price is not None and quantity * price < least else quantity
