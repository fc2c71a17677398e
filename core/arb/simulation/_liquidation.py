"""What the venue does to an account that cannot carry its positions any more."""

from __future__ import annotations

from decimal import Decimal

from arb.model import InstrumentId, Order, OrderStatus

from ._floor import Floor
from ._forced import LIQUIDATION, closing_side, force
from ._matching import opposite, walk


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


def liquidate(floor: Floor, instrument: InstrumentId) -> Order | None:
    """Close one position as if its margin were gone; None without a position or anything to close it with.

    Working orders are cancelled first: those of the instrument under isolated margin, else those of
    its currency.
    """
    if instrument not in floor.state.account.holdings:
        return None
    alone = floor.margin.isolated(instrument)
    _cancel_working(floor, {instrument} if alone else _quoted_in(floor, floor.instruments[instrument].quote))
    return _close(floor, instrument)


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
    _cancel_working(floor, _quoted_in(floor, currency))
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


def _quoted_in(floor: Floor, currency: str) -> set[InstrumentId]:
    return {each for each, instrument in floor.instruments.items() if instrument.quote == currency}


def _cancel_working(floor: Floor, instruments: set[InstrumentId]) -> None:
    for order in list(floor.state.working.values()):
        if order.request.instrument in instruments:
            floor.report(order, floor.state.now_ns, OrderStatus.CANCELLED, LIQUIDATION.reason)


def _close(floor: Floor, instrument: InstrumentId) -> Order | None:
    """Close a position with a market order of the venue; the fee is the taker's and the liquidation fee."""
    side, quantity = closing_side(floor, instrument), abs(floor.state.account.quantity(instrument))
    book = floor.book(instrument)
    matches = walk(opposite(book, side), side, quantity, None) if book is not None else []
    if book is None or not matches:
        return None
    floor.state.depletion.take(book, side, matches)
    fee_rate = floor.instruments[instrument].fees.taker + floor.rules.liquidation_fee
    report, _ = force(floor, LIQUIDATION, instrument, matches, fee_rate)
    return report
