"""Orders of the venue itself: liquidation, auto-deleveraging, delisting. Their ids are the venue's own."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from arb.model import (
    ZERO,
    ClientOrderId,
    Fill,
    InstrumentId,
    InstrumentStatus,
    Liquidity,
    Order,
    OrderRequest,
    OrderStatus,
    Side,
)

from ._floor import Floor
from ._matching import Match, WorkingOrder
from ._settlement import realise


class Cause(NamedTuple):
    """Why the venue trades for an account: how its order ids begin, and the reason in its reports."""

    prefix: str
    reason: str


LIQUIDATION: Final = Cause("liquidation-", "liquidation of the account")
DELEVERAGING: Final = Cause("adl-", "auto-deleveraging")
DELISTING: Final = Cause("delisting-", "delisting")
VENUE_PREFIXES: Final = (LIQUIDATION.prefix, DELEVERAGING.prefix, DELISTING.prefix)
"""Beginnings of client order ids that no client may use."""


def closing_side(floor: Floor, instrument: InstrumentId) -> Side:
    """Return the side that reduces the open position."""
    return Side.SELL if floor.state.account.quantity(instrument) > 0 else Side.BUY


def force(
    floor: Floor, cause: Cause, instrument: InstrumentId, matches: Sequence[Match], fee_rate: Decimal
) -> tuple[Order, list[Fill]]:
    """Reduce a position by an order of the venue that fills as `matches` say; return its report and its fills.

    Args:
        fee_rate: Fraction of notional.
    """
    number = floor.next_number()
    request = OrderRequest(
        client_order_id=ClientOrderId(f"{cause.prefix}{number}"),
        instrument=instrument,
        side=closing_side(floor, instrument),
        quantity=sum((match.quantity for match in matches), ZERO),
        price=matches[-1].price,
        reduce_only=True,
    )
    order, now_ns = WorkingOrder(request, number), floor.state.now_ns
    realise(floor, request.instrument, now_ns)
    fills = [floor.execute(order, match, Liquidity.TAKER, now_ns, fee_rate) for match in matches]
    return floor.report(order, now_ns, OrderStatus.FILLED, cause.reason), fills


def deleverage(floor: Floor, instrument: InstrumentId, quantity: Decimal) -> Fill | None:
    """Reduce a position at the mark price, by whole lots unless all of it goes; None when nothing could be closed."""
    held = abs(floor.state.account.quantity(instrument))
    if not held:
        return None
    closed = held if quantity >= held else floor.instruments[instrument].floor_quantity(quantity)
    return _close_at_mark(floor, DELEVERAGING, instrument, closed)


def close_delisted(floor: Floor) -> None:
    """End orders and positions in delisted instruments; without a known mark price a position waits for one."""
    state = floor.state
    involved = set(state.account.holdings) | {order.request.instrument for order in state.working.values()}
    if not involved:
        return
    known = floor.instruments
    for instrument in sorted(each for each in involved if known[each].status is InstrumentStatus.DELISTED):
        for order in list(state.working.values()):
            if order.request.instrument == instrument:
                floor.report(order, state.now_ns, OrderStatus.CANCELLED, DELISTING.reason)
        _close_at_mark(floor, DELISTING, instrument, abs(state.account.quantity(instrument)))


def _close_at_mark(floor: Floor, cause: Cause, instrument: InstrumentId, quantity: Decimal) -> Fill | None:
    mark = floor.mark(instrument)
    if not quantity or mark is None:
        return None
    _, (fill,) = force(floor, cause, instrument, [Match(mark, quantity)], ZERO)
    floor.drop_idle_reducers(instrument, floor.state.now_ns)
    return fill
