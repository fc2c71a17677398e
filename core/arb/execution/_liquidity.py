"""Whether the books can take a hedge now and give it back later, before anything is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from arb.marketdata import PriceProvider
from arb.model import ZERO, HedgePlan, Instrument, InstrumentId, LegPlan, OrderBook, PositionSide, Side

from ._slippage import SlippageCalculator, TakeEstimate

STRESS_DEPTH: Final = Decimal("0.5")
"""Part of today's depth that is counted on for the exit, unless somebody knows better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegLiquidity:
    """What taking one leg now would do, and what giving it back on a worse day would.

    Attributes:
        mid_price: Of the book that was walked: the arrival price of the order.
        spread_bps: Best ask minus best bid, against the mid price.
        slippage_bps: Average price against the mid; None when nothing can be taken.
        fillable: Contracts within the plan's slippage bound.
        vwap: Their average price, quote currency per contract; None when there are none.
        exit_slippage_bps: The same of the exit, taken from the other side at stressed depth.
        exit_fillable: Contracts that the exit finds within its band at stressed depth.
        score: From 0, one of the two finds nothing, to 1, both find everything at the mid price:
            the filled parts of entry and exit multiplied, times one minus the mean of both
            slippages as parts of their bounds.
    """

    leg: LegPlan
    mid_price: Decimal
    spread_bps: Decimal
    slippage_bps: Decimal | None
    fillable: Decimal
    vwap: Decimal | None
    exit_slippage_bps: Decimal | None
    exit_fillable: Decimal
    score: Decimal

    @property
    def is_enough(self) -> bool:
        """Whether the whole leg fits inside the bound."""
        return self.fillable >= self.leg.quantity

    @property
    def can_leave(self) -> bool:
        """Whether the whole leg could be closed at stressed depth."""
        return self.exit_fillable >= self.leg.quantity


class LiquidityAnalyzer:
    """Walks the depth of each leg. The books it reads stay in the price cache for what follows."""

    def __init__(
        self,
        prices: PriceProvider,
        instruments: Mapping[InstrumentId, Instrument],
        *,
        max_age_ns: int,
        stress_depth: Decimal = STRESS_DEPTH,
        exit_band_bps: Decimal | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            prices: Where books come from.
            instruments: By id, every leg's.
            max_age_ns: Largest age of a book.
            stress_depth: Part of the depth that is counted on for the exit.
            exit_band_bps: Price band of the exit; None for the plan's own bound.
        """
        self._prices = prices
        self._instruments = instruments
        self._max_age_ns = max_age_ns
        self._stress_depth = stress_depth
        self._exit_band_bps = exit_band_bps

    async def check(self, plan: HedgePlan) -> Sequence[LegLiquidity]:
        """Return one report for each leg; each book is read once, all at the same time.

        Raises:
            StaleData: a book cannot be had young enough.
            ExchangeError: a book cannot be read, or is no market.
        """
        found = await asyncio.gather(
            *(self._prices.get_book(leg.instrument, self._max_age_ns) for leg in plan.legs), return_exceptions=True
        )
        reports = []
        for leg, book in zip(plan.legs, found, strict=True):
            if isinstance(book, BaseException):
                raise book
            reports.append(self._report(leg, book.value, plan.max_slippage_bps))
        return reports

    def _report(self, leg: LegPlan, book: OrderBook, band_bps: Decimal) -> LegLiquidity:
        now = SlippageCalculator(self._instruments[leg.instrument], book)
        later = now.thinned(self._stress_depth)
        exit_band_bps = band_bps if self._exit_band_bps is None else self._exit_band_bps
        side = Side.BUY if leg.side is PositionSide.LONG else Side.SELL
        back = side.opposite
        entry = now.take(side, leg.quantity, limit=now.banded_price(side, band_bps))
        leaving = later.take(back, leg.quantity, limit=later.banded_price(back, exit_band_bps))
        return LegLiquidity(
            leg=leg,
            mid_price=now.mid_price,
            spread_bps=now.spread_bps,
            slippage_bps=entry.slippage_bps if entry else None,
            fillable=entry.quantity if entry else ZERO,
            vwap=entry.vwap if entry else None,
            exit_slippage_bps=leaving.slippage_bps if leaving else None,
            exit_fillable=leaving.quantity if leaving else ZERO,
            score=_score(leg.quantity, (entry, band_bps), (leaving, exit_band_bps)),
        )


def less_likely(reports: Sequence[LegLiquidity]) -> int:
    """Return the index of the leg that is less likely to fill: the pilot of an entry that sends one leg first.

    The lowest score; of equal ones the widest spread, then the first. Raises ValueError without a report.
    """
    return min(range(len(reports)), key=lambda index: (reports[index].score, -reports[index].spread_bps, index))


def _score(quantity: Decimal, *walks: tuple[TakeEstimate | None, Decimal]) -> Decimal:
    score, used = Decimal(1), ZERO
    for found, bound_bps in walks:
        if found is None:
            return ZERO
        score *= found.quantity / quantity
        # Nothing is found beyond the bound; a quotient that was rounded must not say so.
        used += min(found.slippage_bps / bound_bps, Decimal(1))
    return score * (1 - used / len(walks))
