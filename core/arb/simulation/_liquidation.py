"""What the venue does to an account that cannot carry its positions any more."""

from __future__ import annotations

from decimal import Decimal

from arb.model import (
    ClientOrderId,
    InstrumentId,
    Liquidity,
    OrderRequest,
    OrderStatus,
    Side,
)

from ._checks import LIQUIDATION_PREFIX
from ._floor import Floor
from ._matching import WorkingOrder, opposite, walk


def liquidate_if_due(floor: Floor) -> bool:
    """Close what must be closed at the book; return whether the account is far from liquidation.

    Isolated positions are judged alone, all others by currency: first every working order of the
    currency is cancelled, then positions are closed, the one that needs most margin first, until
    the rest is carried. What the book cannot take stays for the next check.
    """
    if not floor.state.account.holdings:
        return True
    far = True
    for instrument in sorted(floor.state.account.holdings):
        if floor.margin.isolated(instrument):
            far = _check_isolated(floor, instrument) and far
    currencies = {floor.instruments[instrument].quote for instrument in floor.state.account.holdings}
    for currency in sorted(currencies):
        far = _check_cross(floor, currency) and far
    return far


def _check_isolated(floor: Floor, instrument: InstrumentId) -> bool:
    holding = floor.state.account.holdings[instrument]
    mark = floor.marks()[instrument]
    notional = abs(holding.quantity) * mark
    spare = holding.margin + holding.unrealized(mark) - floor.margin.maintenance(instrument, notional)
    if spare < 0:
        _cancel_working(floor, {instrument})
        _close(floor, instrument)
    return spare * 10 >= notional


def _check_cross(floor: Floor, currency: str) -> bool:
    marks = floor.marks()
    pool = floor.margin.pool(currency, marks)
    if pool.cross_equity < pool.cross_maintenance:
        _liquidate(floor, currency)
        return False
    return (pool.cross_equity - pool.cross_maintenance) * 10 >= pool.gross


def _liquidate(floor: Floor, currency: str) -> None:
    _cancel_working(floor, {i for i, instrument in floor.instruments.items() if instrument.quote == currency})
    marks = floor.marks()

    def needed(instrument: InstrumentId) -> Decimal:
        size = abs(floor.state.account.quantity(instrument))
        return floor.margin.maintenance(instrument, size * marks[instrument])

    cross = [i for i, _ in floor.margin.holdings(currency) if not floor.margin.isolated(i)]
    for instrument in sorted(cross, key=lambda i: (-needed(i), i)):
        _close(floor, instrument)
        pool = floor.margin.pool(currency, marks)
        if pool.cross_equity >= pool.cross_maintenance:
            return


def _cancel_working(floor: Floor, instruments: set[InstrumentId]) -> None:
    for order in list(floor.state.working.values()):
        if order.request.instrument in instruments:
            floor.report(order, floor.state.now_ns, OrderStatus.CANCELLED, "liquidation of the account")


def _close(floor: Floor, instrument: InstrumentId) -> None:
    """Close a position with a market order of the venue; the fee is the taker's and the liquidation fee."""
    quantity = floor.state.account.quantity(instrument)
    side = Side.SELL if quantity > 0 else Side.BUY
    book = floor.book(instrument)
    matches = walk(opposite(book, side), side, abs(quantity), None) if book is not None else []
    if book is None or not matches:
        return
    number = floor.next_number()
    request = OrderRequest(
        client_order_id=ClientOrderId(f"{LIQUIDATION_PREFIX}{number}"),
        instrument=instrument,
        side=side,
        quantity=sum((match.quantity for match in matches), Decimal(0)),
        price=matches[-1].price,
        reduce_only=True,
    )
    order = WorkingOrder(request, number)
    floor.state.depletion.take(book, side, matches)
    for match in matches:
        floor.execute(order, match, Liquidity.TAKER, floor.state.now_ns, floor.rules.liquidation_fee)
    floor.report(order, floor.state.now_ns, OrderStatus.FILLED, "liquidation of the account")
