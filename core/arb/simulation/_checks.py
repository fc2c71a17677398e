"""What a venue refuses, and with which error. Every refusal is certain: nothing happened."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Final

from arb.api import BelowMinimum, InMaintenance, InsufficientMargin, Rejected, WouldCross
from arb.model import (
    ZERO,
    Instrument,
    InstrumentStatus,
    OrderBook,
    OrderRequest,
    Side,
)

from ._floor import Floor
from ._forced import VENUE_PREFIXES
from ._matching import WorkingOrder, crosses, opposite
from ._rules import ReduceOnlyExcess

_OUT_OF_RANGE: Final = Decimal(10) ** 15
"""Numbers up to here keep every digit in the arithmetic of orders."""


def check_form(floor: Floor, request: OrderRequest) -> Instrument:
    """Check the order against the instrument alone; return the instrument.

    Raises:
        Rejected: unknown instrument, not traded, off the tick or the lot, too large, or a bad id.
        BelowMinimum: too small.
    """
    instrument = floor.instruments.get(request.instrument)
    if instrument is None:
        raise _refused(floor, request, "unknown_instrument", "the venue does not list this instrument")
    if not (request.quantity < _OUT_OF_RANGE and request.price < _OUT_OF_RANGE):
        raise _refused(floor, request, "out_of_range", "quantity and price must be below 1e15")
    _check_id(floor, request)
    _check_status(floor, request, instrument)
    if request.price % instrument.tick_size:
        raise _refused(floor, request, "tick_size", f"price {request.price} is no multiple of {instrument.tick_size}")
    if request.quantity % instrument.lot_size:
        text = f"quantity {request.quantity} is no multiple of {instrument.lot_size}"
        raise _refused(floor, request, "lot_size", text)
    if instrument.max_quantity is not None and request.quantity > instrument.max_quantity:
        raise _refused(floor, request, "max_quantity", f"at most {instrument.max_quantity} contracts are taken")
    _check_minimum(floor, request, instrument)
    return instrument


def check_position(floor: Floor, request: OrderRequest) -> None:
    """Refuse a reduce-only order without a position to reduce, and one beyond it where that is the rule.

    Raises:
        Rejected: with code `reduce_only`.
    """
    if not request.reduce_only:
        return
    closable = floor.state.account.closable(request.instrument, request.side)
    if not closable:
        raise _refused(floor, request, "reduce_only", "there is no position that it would reduce")
    if request.quantity > closable and floor.rules.reduce_only_excess is ReduceOnlyExcess.REJECT:
        raise _refused(floor, request, "reduce_only", f"it exceeds the position of {closable} contracts")


def check_price(floor: Floor, request: OrderRequest, book: OrderBook) -> None:
    """Refuse a price beyond the band, and a post-only order that would take.

    Raises:
        InMaintenance: the venue has no mark price now.
        Rejected: with code `price_band`.
        WouldCross: post-only.
    """
    mark = floor.mark(request.instrument)
    if mark is None:
        raise no_market(floor, request)
    band = floor.rules.price_band
    if band is not None and (request.price - mark) * request.side.sign > band * mark:
        raise _refused(floor, request, "price_band", f"{request.price} is more than {band:%} beyond the mark {mark}")
    levels = opposite(book, request.side)
    if request.post_only and levels and crosses(request.side, request.price, levels[0].price):
        text = f"order {request.client_order_id}: post-only at {request.price} would trade at {levels[0].price}"
        raise WouldCross(text, exchange=floor.name, code="would_cross")


def check_margin(floor: Floor, request: OrderRequest, instrument: Instrument) -> None:
    """Refuse what the account cannot carry, valued at the worse of limit and mark, with the taker fee.

    Raises:
        InsufficientMargin: available margin is smaller than what the order ties up.
    """
    if request.reduce_only:
        return
    marks = floor.marks()
    price = request.price
    if request.side is Side.SELL:
        price = max(price, marks.get(request.instrument) or floor.mark(request.instrument) or price)
    working = floor.working(instrument.quote)
    order = WorkingOrder(replace(request, price=price), floor.state.number + 1)
    required = floor.margin.working_initial([*working, order], marks) - floor.margin.working_initial(working, marks)
    if not required:
        return
    required += request.quantity * price * max(instrument.fees.taker, ZERO)
    available = floor.margin.pool(instrument.quote, marks, working).available
    if required > available:
        text = f"order {request.client_order_id} needs {required:.2f} {instrument.quote} of margin"
        text += f", {available:.2f} is available"
        raise InsufficientMargin(text, exchange=floor.name, code="insufficient_margin")


def no_market(floor: Floor, request: OrderRequest) -> InMaintenance:
    """Return the error for an order while the market is not known."""
    text = f"order {request.client_order_id}: no market data for {request.instrument} now"
    return InMaintenance(text, exchange=floor.name, code="no_market")


def _check_id(floor: Floor, request: OrderRequest) -> None:
    identifier, longest = request.client_order_id, floor.rules.client_order_id_length
    if not 0 < len(identifier) <= longest:
        raise _refused(floor, request, "client_order_id", f"ids have 1 to {longest} characters")
    if identifier.startswith(VENUE_PREFIXES):
        text = f"ids starting with {', '.join(VENUE_PREFIXES)} are the venue's"
        raise _refused(floor, request, "client_order_id", text)
    if floor.state.journal.order(identifier) is not None:
        raise _refused(floor, request, "duplicate_client_order_id", "this id was used before")


def _check_status(floor: Floor, request: OrderRequest, instrument: Instrument) -> None:
    reducing = instrument.status is InstrumentStatus.REDUCE_ONLY and request.reduce_only
    if instrument.status is not InstrumentStatus.TRADING and not reducing:
        raise _refused(floor, request, "not_trading", f"{instrument.id} is {instrument.status}")


def _check_minimum(floor: Floor, request: OrderRequest, instrument: Instrument) -> None:
    problem = ""
    if request.quantity < instrument.min_quantity:
        problem = f"quantity {request.quantity} is below the minimum of {instrument.min_quantity}"
    notional: Decimal = request.quantity * request.price
    least = instrument.closing_min_notional if request.reduce_only else instrument.min_notional
    if notional < least:
        problem = f"notional {notional} is below the minimum of {least} {instrument.quote}"
    if problem:
        text = f"order {request.client_order_id} ({request.instrument}): {problem}"
        raise BelowMinimum(text, exchange=floor.name, code="below_minimum")


def _refused(floor: Floor, request: OrderRequest, code: str, why: str) -> Rejected:
    text = f"order {request.client_order_id} ({request.instrument}): {why}"
    return Rejected(text, exchange=floor.name, code=code)
