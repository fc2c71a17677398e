"""Numbers of orders as people read them: exact where they are short, a dash where nothing is known."""

from __future__ import annotations

from decimal import Decimal

from arb.model import BPS, SECOND_NS, OrderPurpose, OrderRecord

from ._money import NOTHING


def number(value: Decimal | None) -> str:
    """Return a number without zeros at its end."""
    return NOTHING if value is None else f"{value.normalize():f}" if value else "0"


def price(value: Decimal | None) -> str:
    """Return a price, or an average of prices, with ten digits at most."""
    return NOTHING if value is None else f"{value:.10g}"


def slippage_bps(record: OrderRecord) -> Decimal | None:
    """Return how much worse than its arrival price an order was filled; negative is better.

    None is not filled, or not ours: nobody of us decided it at a price.
    """
    average = record.order.average_price
    if average is None or not record.arrival_price or record.purpose is OrderPurpose.FORCED:
        return None
    return (average / record.arrival_price - 1) * record.order.request.side.sign / BPS


def bps(value: Decimal | None) -> str:
    """Return basis points with two digits and a sign."""
    return NOTHING if value is None else f"{value:+.2f}"


def seconds(length_ns: int) -> str:
    """Return a length of time in seconds, to the millisecond."""
    return f"{Decimal(length_ns) / SECOND_NS:.3f} s"
