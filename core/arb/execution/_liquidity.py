"""Whether the books can take a hedge now, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from arb.marketdata import PriceProvider
from arb.model import BPS, HedgePlan, Instrument, InstrumentId, LegPlan, PositionSide, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class LegLiquidity:
    """What taking one leg now would do.

    Attributes:
        mid_price: Of the book that was walked: the arrival price of the order.
        slippage_bps: Average price against the mid; None when nothing can be taken.
        fillable: Contracts within the plan's slippage bound.
    """

    leg: LegPlan
    mid_price: Decimal
    slippage_bps: Decimal | None
    fillable: Decimal

    @property
    def is_enough(self) -> bool:
        """Whether the whole leg fits inside the bound."""
        return self.fillable >= self.leg.quantity


class LiquidityAnalyzer:
    """Walks the depth of each leg. The books it reads stay in the price cache for what follows."""

    def __init__(
        self, prices: PriceProvider, instruments: Mapping[InstrumentId, Instrument], *, max_age_ns: int
    ) -> None:
        self._prices = prices
        self._instruments = instruments
        self._max_age_ns = max_age_ns

    async def check(self, plan: HedgePlan) -> Sequence[LegLiquidity]:
        """Return one report for each leg; raises StaleData or ExchangeError when a book cannot be read."""
        return [await self._check(leg, plan.max_slippage_bps) for leg in plan.legs]

    async def _check(self, leg: LegPlan, max_slippage_bps: Decimal) -> LegLiquidity:
        book = (await self._prices.get_book(leg.instrument, self._max_age_ns)).value
        top = (await self._prices.get_bbo(leg.instrument, self._max_age_ns)).value
        side = Side.BUY if leg.side is PositionSide.LONG else Side.SELL
        mid = top.mid_price
        walk = book.walk(side, leg.quantity, limit=mid * (1 + side.sign * max_slippage_bps * BPS))
        vwap = walk.vwap
        return LegLiquidity(
            leg=leg,
            mid_price=mid,
            slippage_bps=None if vwap is None else side.sign * (vwap / mid - 1) / BPS,
            fillable=walk.quantity,
        )
