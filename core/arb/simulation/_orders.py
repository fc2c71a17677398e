"""Placing and cancelling: how an order meets the book and what is left of it."""

from __future__ import annotations

from collections.abc import Sequence

from arb.model import Liquidity, Order, OrderBook, OrderRequest, OrderStatus, TimeInForce

from ._checks import check_form, check_margin, check_position, check_price, no_market
from ._floor import Floor
from ._matching import Match, WorkingOrder, crosses, opposite, queue_ahead, walk
from ._settlement import realise


def place(floor: Floor, request: OrderRequest) -> Order:
    """Check, match and, where it may, rest an order at the state's time; return it as the venue shows it.

    Raises:
        Rejected, InMaintenance: see :mod:`arb.simulation` checks; nothing happened.
    """
    instrument = check_form(floor, request)
    check_position(floor, request)
    book = floor.book(request.instrument)
    if book is None:
        raise no_market(floor, request)
    check_price(floor, request, book)
    check_margin(floor, request, instrument)
    order = WorkingOrder(request, floor.next_number())
    matches = walk(opposite(book, request.side), request.side, floor.fillable(order), request.price)
    if request.time_in_force is TimeInForce.FOK and sum(match.quantity for match in matches) < request.quantity:
        return floor.report(order, floor.state.now_ns, OrderStatus.CANCELLED, "FOK: the book cannot fill all of it")
    _prevent_self_trade(floor, request)
    _take(floor, order, book, matches)
    return _settle_rest(floor, order, book)


def cancel(floor: Floor, order: WorkingOrder, reason: str = "") -> Order:
    """Cancel a working order."""
    return floor.report(order, floor.state.now_ns, OrderStatus.CANCELLED, reason or "cancelled on request")


def _prevent_self_trade(floor: Floor, request: OrderRequest) -> None:
    """Cancel own resting orders that the new one would meet: the venue cancels the older order."""
    for order in list(floor.state.working.values()):
        resting = order.request
        against = resting.instrument == request.instrument and resting.side is not request.side
        if against and crosses(request.side, request.price, resting.price):
            cancel(floor, order, "self-trade prevention")


def _take(floor: Floor, order: WorkingOrder, book: OrderBook, matches: Sequence[Match]) -> None:
    floor.state.depletion.take(book, order.request.side, matches)
    if matches:
        realise(floor, order.request.instrument, floor.state.now_ns)
    for match in matches:
        floor.execute(order, match, Liquidity.TAKER, floor.state.now_ns)


def _settle_rest(floor: Floor, order: WorkingOrder, book: OrderBook) -> Order:
    """Give the order its status after matching; a GTC order rests behind the size shown at its price."""
    now_ns, request = floor.state.now_ns, order.request
    if order.remaining == 0:
        report = floor.report(order, now_ns, OrderStatus.FILLED)
    elif request.time_in_force is not TimeInForce.GTC:
        report = floor.report(order, now_ns, OrderStatus.CANCELLED, _why_unfilled(floor, order))
    elif not floor.fillable(order):
        report = floor.report(order, now_ns, OrderStatus.CANCELLED, "reduce-only: nothing is left to reduce")
    else:
        order.ahead = queue_ahead(book, request.side, request.price)
        floor.state.working[order.client_order_id] = order
        report = floor.report(order, now_ns)
    if order.filled:
        floor.drop_idle_reducers(request.instrument, now_ns)
    return report


def _why_unfilled(floor: Floor, order: WorkingOrder) -> str:
    if floor.fillable(order) == 0:
        return "reduce-only: nothing is left to reduce"
    return "IOC: the book has no more at this price"
