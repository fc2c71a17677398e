"""What the four fills of a hedge cost, each counted once, by walking the books at the asked size (handbook C4)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from arb.model import BPS, ZERO, HedgeCost, OrderBook, PositionSide, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class FillCost:
    """One taker fill, in basis points of its notional at the mid price.

    Attributes:
        vwap: The average price of the walk.
    """

    fee_bps: Decimal
    half_spread_bps: Decimal
    impact_bps: Decimal
    vwap: Decimal

    @property
    def total_bps(self) -> Decimal:
        """Return fee, half spread and impact."""
        return self.fee_bps + self.half_spread_bps + self.impact_bps


@dataclass(frozen=True, slots=True, kw_only=True)
class LegMarket:
    """One leg's market: the book and the expected fees.

    Attributes:
        entry_fee: Fraction of notional; see :class:`FeeCalculator`.
        exit_fee: Fraction of notional.
        quantity: Contracts to be traded.
    """

    book: OrderBook
    entry_fee: Decimal
    exit_fee: Decimal
    side: PositionSide
    quantity: Decimal

    def entry(self) -> FillCost | None:
        """Return the cost of opening; None when the book does not hold the quantity."""
        return fill_cost(self.book, self._entry_side, self.quantity, self.entry_fee)

    def exit(self) -> FillCost | None:
        """Return the cost of closing at the present depth; None when the book does not hold the quantity."""
        return fill_cost(self.book, self._entry_side.opposite, self.quantity, self.exit_fee)

    @property
    def _entry_side(self) -> Side:
        return Side.BUY if self.side is PositionSide.LONG else Side.SELL


def fill_cost(book: OrderBook, side: Side, quantity: Decimal, fee: Decimal) -> FillCost | None:
    """Return what taking `quantity` costs; None when the book is no market or its depth is too thin."""
    bbo = book.bbo()
    if bbo is None or not 0 < bbo.bid < bbo.ask:
        return None
    walk = book.walk(side, quantity)
    if walk.quantity < quantity or walk.vwap is None:
        return None
    mid, touch = bbo.mid_price, bbo.price_to(side)
    return FillCost(
        fee_bps=fee / BPS,
        half_spread_bps=(touch - mid) * side.sign / mid / BPS,
        # The average of one level is the level: a quotient that was rounded must not look like impact.
        impact_bps=max(ZERO, (walk.vwap - touch) * side.sign) / mid / BPS,
        vwap=walk.vwap,
    )


def round_trip_cost(long: LegMarket, short: LegMarket) -> HedgeCost | None:
    """Return the cost of entering and leaving both legs; None when a book is too thin for one fill."""
    return _sum_of(long.entry(), long.exit(), short.entry(), short.exit())


def exit_cost(long: LegMarket, short: LegMarket) -> HedgeCost | None:
    """Return the cost of leaving both legs now; None when a book is too thin."""
    return _sum_of(long.exit(), short.exit())


def _sum_of(*fills: FillCost | None) -> HedgeCost | None:
    fees = spread = impact = ZERO
    for fill in fills:
        if fill is None:
            return None
        fees += fill.fee_bps
        spread += fill.half_spread_bps
        impact += fill.impact_bps
    return HedgeCost(fees_bps=fees, spread_bps=spread, impact_bps=impact)
