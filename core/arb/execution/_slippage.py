"""What taking from a book costs against its mid price, before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from arb.api import BadResponse
from arb.model import BPS, BookLevel, Instrument, OrderBook, Side, exchange_of

from ._band import banded_price


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeEstimate:
    """What a taker would get.

    Attributes:
        quantity: Contracts that the book gives, at most those asked.
        vwap: Their average price, quote currency per contract.
        worst_price: The price of the last level touched.
        slippage_bps: The average against the mid price; a cost is positive.
    """

    quantity: Decimal
    vwap: Decimal
    worst_price: Decimal
    slippage_bps: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitCost:
    """What a base unit costs that is taken now.

    Attributes:
        per_base: Quote currency (or dollars, once converted) per base unit, against the mid price
            and with the fee; a fee that is a rebate may make it negative.
        quantity: Contracts that can be had within the limit, at most those asked.
    """

    per_base: Decimal
    quantity: Decimal


class SlippageCalculator:
    """Prices of taking from one book, measured from its mid price.

    Attributes:
        mid_price: Quote currency per contract.
        spread_bps: Best ask minus best bid, against the mid price.
    """

    def __init__(self, instrument: Instrument, book: OrderBook) -> None:
        """Take the middle of `book`; raise BadResponse when it is no market, so that it has none."""
        mid = _mid_price(book)
        if mid is None:
            raise BadResponse(
                f"{book.instrument}: its book has an empty side or is crossed, so no price can be taken from it",
                exchange=exchange_of(book.instrument),
            )
        self._instrument = instrument
        self._book = book
        self.mid_price = mid
        self.spread_bps = (book.asks[0].price - book.bids[0].price) / mid / BPS

    def take(self, side: Side, quantity: Decimal, *, limit: Decimal | None = None) -> TakeEstimate | None:
        """Return what taking `quantity` contracts would do, not beyond `limit`; None when nothing is there."""
        return _take(self._book, self.mid_price, side, quantity, limit)

    def banded_price(self, side: Side, band_bps: Decimal) -> Decimal:
        """Return the worst price of an order on `side` that is sent with this band."""
        return banded_price(self._instrument, side, self.mid_price, band_bps)

    def thinned(self, factor: Decimal) -> SlippageCalculator:
        """Return the same market with every size times `factor`: the depth on a worse day."""
        book = replace(self._book, bids=_scaled(self._book.bids, factor), asks=_scaled(self._book.asks, factor))
        return SlippageCalculator(self._instrument, book)


def unit_cost(
    book: OrderBook, side: Side, quantity: Decimal, fee_rate: Decimal, limit: Decimal, *, multiplier: Decimal
) -> UnitCost | None:
    """Return what taking `quantity` contracts now costs for each base unit; None when nothing can be taken.

    Costs of two instruments compare only per base unit and in one currency: the caller converts
    the quote currency.

    Args:
        book: Of the instrument.
        side: Of the order.
        quantity: Contracts wanted.
        fee_rate: The account's taker fee, a fraction of notional.
        limit: The worst price accepted, quote currency per contract.
        multiplier: Base units per contract.
    """
    mid = _mid_price(book)
    found = None if mid is None else _take(book, mid, side, quantity, limit)
    if mid is None or found is None:
        return None
    per_contract = (found.vwap - mid) * side.sign + found.vwap * fee_rate
    return UnitCost(per_base=per_contract / multiplier, quantity=found.quantity)


def _mid_price(book: OrderBook) -> Decimal | None:
    top = book.bbo()
    return top.mid_price if top is not None and 0 < top.bid < top.ask else None


def _take(book: OrderBook, mid: Decimal, side: Side, quantity: Decimal, limit: Decimal | None) -> TakeEstimate | None:
    walk = book.walk(side, quantity, limit=limit)
    vwap, worst = walk.vwap, walk.worst_price
    if vwap is None or worst is None:
        return None
    return TakeEstimate(
        quantity=walk.quantity,
        vwap=vwap,
        worst_price=worst,
        slippage_bps=side.sign * (vwap / mid - 1) / BPS,
    )


def _scaled(levels: tuple[BookLevel, ...], factor: Decimal) -> tuple[BookLevel, ...]:
    return tuple(BookLevel(price, size * factor) for price, size in levels)
