"""Fills of own resting orders from others' trades and from books that move through them."""

from __future__ import annotations

from decimal import Decimal

from arb.model import ZERO, InstrumentId, Liquidity, OrderBook, Side, Trade

from ._floor import Floor
from ._matching import Match, WorkingOrder, by_priority, fills_from_trade, opposite, queue_ahead, walk
from ._settlement import realise


def fill_from_trades(floor: Floor, start_ns: int, end_ns: int) -> None:
    """Match resting orders with every trade in (start, end], in time order over all instruments."""
    if end_ns <= start_ns:
        return
    trades: list[Trade] = []
    for instrument in _instruments(floor):
        trades.extend(floor.market.trades(instrument, start_ns, end_ns))
    trades.sort(key=lambda trade: (trade.ts_event_ns, trade.instrument))
    for trade in trades:
        resting = _resting(floor, trade.instrument, trade.side.opposite)
        for order, quantity in fills_from_trade(resting, trade):
            _fill(floor, order, quantity, trade.ts_event_ns)


def fill_from_books(floor: Floor) -> None:
    """Match resting orders that the book has reached, and let queues shrink with the level shown."""
    for instrument in _instruments(floor):
        for side in Side:
            for order in _resting(floor, instrument, side):
                book = floor.book(instrument)
                if book is not None and order.client_order_id in floor.state.working:
                    _fill_from_book(floor, order, book)


def _fill_from_book(floor: Floor, order: WorkingOrder, book: OrderBook) -> None:
    side, price = order.request.side, order.request.price
    matches = walk(opposite(book, side), side, floor.fillable(order), price)
    if matches:
        floor.state.depletion.take(book, side, matches)
        _fill(floor, order, sum((match.quantity for match in matches), ZERO), floor.state.now_ns)
    else:
        order.ahead = min(order.ahead, queue_ahead(book, side, price))


def _fill(floor: Floor, order: WorkingOrder, quantity: Decimal, ts_ns: int) -> None:
    """Fill at the order's own price, as maker; an order that ended meanwhile is left alone."""
    if order.client_order_id not in floor.state.working:
        return
    quantity = min(quantity, floor.fillable(order))
    if quantity > 0:
        realise(floor, order.request.instrument, ts_ns)
        floor.execute(order, Match(order.request.price, quantity), Liquidity.MAKER, ts_ns)
        floor.after_fill(order, ts_ns)


def _instruments(floor: Floor) -> list[InstrumentId]:
    return sorted({order.request.instrument for order in floor.state.working.values()})


def _resting(floor: Floor, instrument: InstrumentId, side: Side) -> list[WorkingOrder]:
    orders = floor.state.working.values()
    return by_priority(o for o in orders if o.request.instrument == instrument and o.request.side is side)
