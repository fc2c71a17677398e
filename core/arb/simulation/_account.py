"""Cash and positions of one account; sums are exact, only fees and funding are rounded, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import Final

from arb.model import ZERO, InstrumentId, MarginMode, Side, exact_money, to_cash

_QUOTIENT: Final = Context(prec=60)


def share(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """Return `amount x part / whole` rounded to the last unit venues book."""
    with localcontext(_QUOTIENT):
        return to_cash(amount * part / whole)


@dataclass(slots=True)
class Holding:
    """An open position.

    Attributes:
        quantity: Signed contracts; never zero while the holding exists.
        cost: Sum of signed quantity x price of what is open, quote currency, exact.
        margin: Cash set aside for it under isolated margin; zero under cross margin.
    """

    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    margin: Decimal = ZERO

    def unrealized(self, mark: Decimal) -> Decimal:
        """Return the profit at the mark price, exact."""
        with exact_money():
            return self.quantity * mark - self.cost


class Account:
    """Cash by currency, holdings by instrument.

    Whatever happens: cash + unrealised = deposits + sum(-signed quantity x price) + sum(quantity x
    mark) - fees + funding, to the last digit. A partial close releases a rounded share of the cost
    and leaves the rest in the holding, so nothing is lost.
    """

    def __init__(self, deposits: Mapping[str, Decimal]) -> None:
        self.cash: dict[str, Decimal] = dict(deposits)
        self.holdings: dict[InstrumentId, Holding] = {}
        self.leverage: dict[InstrumentId, tuple[Decimal, MarginMode]] = {}

    def book(self, currency: str, amount: Decimal) -> None:
        """Add to the cash of a currency; negative takes away."""
        with exact_money():
            self.cash[currency] = self.cash.get(currency, ZERO) + amount

    def quantity(self, instrument: InstrumentId) -> Decimal:
        """Return signed contracts held; zero when flat."""
        holding = self.holdings.get(instrument)
        return holding.quantity if holding else ZERO

    def closable(self, instrument: InstrumentId, side: Side) -> Decimal:
        """Return how many contracts an order on `side` can take before it opens risk."""
        held = self.quantity(instrument)
        return -held * side.sign if held * side.sign < 0 else ZERO

    def fill(
        self, instrument: InstrumentId, side: Side, price: Decimal, quantity: Decimal, isolated_at: Decimal | None
    ) -> Decimal:
        """Change the position by a fill; return the profit realised by the part that closes.

        The caller books the profit less the fee. `isolated_at` is the leverage at which margin is
        set aside for the part that opens, None under cross margin.
        """
        closing = min(quantity, self.closable(instrument, side))
        realized = self._close(instrument, side, price, closing) if closing else ZERO
        if quantity > closing:
            self._open(instrument, side, price, quantity - closing, isolated_at)
        return realized

    def add_margin(self, instrument: InstrumentId, amount: Decimal) -> None:
        """Let funding change the margin of an isolated position; nothing when it is gone."""
        holding = self.holdings.get(instrument)
        if holding is not None:
            with exact_money():
                holding.margin += amount

    def _open(
        self, instrument: InstrumentId, side: Side, price: Decimal, quantity: Decimal, isolated_at: Decimal | None
    ) -> None:
        holding = self.holdings.setdefault(instrument, Holding())
        with exact_money():
            notional = quantity * price
            holding.quantity += side.sign * quantity
            holding.cost += side.sign * notional
        if isolated_at is not None:
            holding.margin += share(notional, Decimal(1), isolated_at)

    def _close(self, instrument: InstrumentId, side: Side, price: Decimal, quantity: Decimal) -> Decimal:
        holding = self.holdings[instrument]
        held = abs(holding.quantity)
        whole = quantity == held
        released = holding.cost if whole else share(holding.cost, quantity, held)
        freed = holding.margin if whole else share(holding.margin, quantity, held)
        with exact_money():
            realized = -side.sign * quantity * price - released
            holding.quantity += side.sign * quantity
            holding.cost -= released
            holding.margin -= freed
        if whole:
            del self.holdings[instrument]
        return realized
