"""Margin of one account: what is used, what is needed, where a position is liquidated.

Each collateral currency is a pool of its own: positions quoted in it share its cash under cross
margin; a position under isolated margin has its own. Maintenance is the tier's rate times the
whole notional at the mark price. There is no insurance fund: a loss beyond the margin is the
account's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from arb.model import ZERO, Instrument, InstrumentId, MarginMode, Side, exact_money

from ._account import Account, Holding
from ._matching import WorkingOrder
from ._rules import VenueRules


@dataclass(frozen=True, slots=True)
class Pool:
    """One currency of the account at one moment.

    Attributes:
        equity: Cash and the unrealised profit of every position in this currency.
        cross_equity: The same without what belongs to isolated positions.
        maintenance: What all positions need; `cross_maintenance` those under cross margin.
        initial: What all positions and working orders have tied up.
        gross: Notional of the positions under cross margin.
    """

    equity: Decimal
    cross_equity: Decimal
    maintenance: Decimal
    cross_maintenance: Decimal
    initial: Decimal
    gross: Decimal

    @property
    def available(self) -> Decimal:
        """Return what new orders may use; negative when too much is tied up."""
        return self.cross_equity - self.initial


class MarginBook:
    """Computes margin from an account, the instruments and the venue's rules."""

    def __init__(self, account: Account, instruments: Mapping[InstrumentId, Instrument], rules: VenueRules) -> None:
        self._account = account
        self._instruments = instruments
        self._rules = rules

    def leverage(self, instrument: InstrumentId) -> tuple[Decimal, MarginMode]:
        """Return what is set."""
        return self._account.leverage.get(instrument, (self._rules.leverage, self._rules.margin_mode))

    def effective_leverage(self, instrument: InstrumentId, notional: Decimal) -> Decimal:
        """Return the set leverage, at most what the tier of a position of `notional` allows."""
        tier = self._instruments[instrument].margin_tier(notional)
        return min(self.leverage(instrument)[0], tier.max_leverage)

    def maintenance(self, instrument: InstrumentId, notional: Decimal) -> Decimal:
        """Return the margin below which a position of `notional` is closed by the venue."""
        return notional * self._instruments[instrument].margin_tier(notional).maintenance_rate

    def holdings(self, currency: str) -> list[tuple[InstrumentId, Holding]]:
        """Return the positions of a currency by instrument."""
        rows = sorted(self._account.holdings.items())
        return [(i, holding) for i, holding in rows if self._instruments[i].quote == currency]

    def isolated(self, instrument: InstrumentId) -> bool:
        """Whether the instrument is under isolated margin."""
        return self.leverage(instrument)[1] is MarginMode.ISOLATED

    def pool(self, currency: str, marks: Mapping[InstrumentId, Decimal], working: Iterable[WorkingOrder] = ()) -> Pool:
        """Return the state of one currency; `marks` holds every position's mark price."""
        cash = self._account.cash.get(currency, ZERO)
        rows = self.holdings(currency)
        profits = [holding.unrealized(marks[instrument]) for instrument, holding in rows]
        with exact_money():
            equity = sum(profits, cash)
        cross = equity
        maintenance = cross_maintenance = gross = ZERO
        initial = self.working_initial(working, marks)
        for (instrument, holding), profit in zip(rows, profits, strict=True):
            notional = abs(holding.quantity) * marks[instrument]
            needed = self.maintenance(instrument, notional)
            maintenance += needed
            if self.isolated(instrument):
                cross -= holding.margin + profit
            else:
                cross_maintenance += needed
                gross += notional
                initial += notional / self.effective_leverage(instrument, notional)
        return Pool(equity, cross, maintenance, cross_maintenance, initial, gross)

    def working_initial(self, working: Iterable[WorkingOrder], marks: Mapping[InstrumentId, Decimal]) -> Decimal:
        """Return what working orders tie up: a position lets orders close it once, the rest opens risk."""
        closable: dict[tuple[InstrumentId, Side], Decimal] = {}
        initial = ZERO
        for order in working:
            request = order.request
            if request.reduce_only:
                continue
            key = request.instrument, request.side
            left = closable.get(key, self._account.closable(*key))
            closable[key] = max(ZERO, left - order.remaining)
            opening = max(ZERO, order.remaining - left) * request.price
            if opening:
                held = abs(self._account.quantity(request.instrument)) * marks.get(request.instrument, request.price)
                initial += opening / self.effective_leverage(request.instrument, held + opening)
        return initial

    def liquidation_price(self, instrument: InstrumentId, mark: Decimal, pool: Pool) -> Decimal | None:
        """Return the mark price at which the venue closes the position (handbook C7); None when no price does.

        Under cross margin every other position stands still.
        """
        holding = self._account.holdings[instrument]
        size = abs(holding.quantity)
        sign = 1 if holding.quantity > 0 else -1
        tier = self._instruments[instrument].margin_tier(size * mark)
        if self.isolated(instrument):
            equity, others = holding.margin + holding.unrealized(mark), ZERO
        else:
            equity = pool.cross_equity
            others = pool.cross_maintenance - size * mark * tier.maintenance_rate
        price = (size * mark * sign - equity + others) / (size * (1 - sign * tier.maintenance_rate)) * sign
        return price if price > 0 else None
