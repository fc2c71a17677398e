"""Room for further hedges: by number, asset, pair, venue position and capital."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal

from arb.api import StrategyView
from arb.model import ExchangeName, Fresh, Hedge, InstrumentId, Opportunity, exchange_of

from ._memory import pair_of
from ._numbers import entry_capital
from ._settings import FundingArbitrageSettings


class Places:
    """What some hedges take up, and whether another fits beside them."""

    def __init__(self, settings: FundingArbitrageSettings, hedges: Iterable[Hedge]) -> None:
        """Count `hedges`; one that did not record its capital leaves no room on its exchanges."""
        self._settings = settings
        self._taken = 0
        self._per_base: Counter[str] = Counter()
        self._pairs: set[str] = set()
        self._held: set[InstrumentId] = set()
        self._bound: dict[ExchangeName, Decimal] = defaultdict(Decimal)
        for hedge in hedges:
            self._taken += 1
            self._per_base[hedge.base] += 1
            self._pairs.add(pair_of(leg.instrument for leg in hedge.legs))
            capital = entry_capital(hedge)
            for leg in hedge.legs:
                self._held.add(leg.instrument)
                share = Decimal("Infinity") if capital is None else capital / len(hedge.legs)
                self._bound[exchange_of(leg.instrument)] += share

    def admits(self, view: StrategyView, row: Opportunity) -> bool:
        """Return whether a pair fits; a venue keeps one position for an instrument, so two hedges never share one."""
        return (
            self._taken < self._settings.max_hedges
            and self._per_base[row.base] < self._settings.max_hedges_per_base
            and pair_of((row.long, row.short)) not in self._pairs
            and not self._held & {row.long, row.short}
            and self._has_capital(view, row)
        )

    def take(self, row: Opportunity) -> None:
        """Count a pair that is about to be opened."""
        self._taken += 1
        self._per_base[row.base] += 1
        self._pairs.add(pair_of((row.long, row.short)))
        self._held |= {row.long, row.short}
        for instrument in (row.long, row.short):
            self._bound[exchange_of(instrument)] += row.capital_usd / 2

    def _has_capital(self, view: StrategyView, row: Opportunity) -> bool:
        """Return whether both accounts hold the margin; an equity that is not fresh opens nothing."""
        for instrument in (row.long, row.short):
            exchange = exchange_of(instrument)
            equity = view.equity_usd(exchange)
            if not isinstance(equity, Fresh) or equity.value < self._bound[exchange] + row.capital_usd / 2:
                return False
        return True
