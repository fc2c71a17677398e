"""Cash and positions of a MemoryExchange, exact to the last unit."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from arb.model import ZERO, Balance, Instrument, InstrumentId, MarginMode, Position, Side, to_cash


class Holding:
    """One open position: signed contracts and what they cost."""

    def __init__(self) -> None:
        self.quantity = ZERO
        self.cost = ZERO

    def trade(self, side: Side, quantity: Decimal, price: Decimal) -> Decimal:
        """Apply a fill and return the PnL it realises.

        The cost released by a part close is rounded once and the rest stays in the position, so
        realised plus unrealised PnL is always exactly the sum of -signed quantity x price plus
        the position's value.
        """
        signed, realized = quantity * side.sign, ZERO
        if self.quantity * signed < 0:
            closed = -signed if quantity <= abs(self.quantity) else self.quantity
            released = self.cost if closed == self.quantity else to_cash(self.cost * closed / self.quantity)
            realized = closed * price - released
            self.quantity -= closed
            self.cost -= released
            signed += closed
        self.quantity += signed
        self.cost += signed * price
        return realized


class MemoryAccount:
    """One cross-margined account in one collateral currency."""

    def __init__(self, currency: str, deposit: Decimal, mark: Callable[[InstrumentId], Decimal]) -> None:
        self.currency = currency
        self.cash = deposit
        self.leverage: dict[InstrumentId, tuple[Decimal, MarginMode]] = {}
        self._holdings: dict[InstrumentId, Holding] = {}
        self._mark = mark

    def quantity(self, instrument: InstrumentId) -> Decimal:
        """Return the signed contracts held."""
        holding = self._holdings.get(instrument)
        return holding.quantity if holding else ZERO

    def trade(self, instrument: InstrumentId, side: Side, quantity: Decimal, price: Decimal, fee: Decimal) -> Decimal:
        """Book a fill; return the PnL it realised, before the fee."""
        holding = self._holdings.setdefault(instrument, Holding())
        realized = holding.trade(side, quantity, price)
        self.cash += realized - fee
        if holding.quantity == 0:
            del self._holdings[instrument]
        return realized

    def leverage_of(self, instrument: Instrument) -> tuple[Decimal, MarginMode]:
        """Return what was set, or the most the instrument allows."""
        return self.leverage.get(instrument.id, (instrument.margin_tiers[0].max_leverage, MarginMode.CROSS))

    def positions(self, instruments: dict[InstrumentId, Instrument], now_ns: int) -> list[Position]:
        """Return what is open."""
        return [self._position(instruments[name], now_ns) for name in self._holdings]

    def balance(self, instruments: dict[InstrumentId, Instrument], now_ns: int) -> Balance:
        """Return cash, equity and what is free as margin."""
        positions = self.positions(instruments, now_ns)
        equity = self.cash + sum((position.unrealized_pnl for position in positions), ZERO)
        initial = maintenance = ZERO
        for position in positions:
            notional = abs(position.quantity) * position.mark_price
            instrument = instruments[position.instrument]
            initial += notional / self.leverage_of(instrument)[0]
            maintenance += notional * instrument.margin_tier(notional).maintenance_rate
        return Balance(
            currency=self.currency,
            cash=self.cash,
            equity=equity,
            available=max(equity - initial, ZERO),
            maintenance_margin=maintenance,
            ts_event_ns=now_ns,
        )

    def _position(self, instrument: Instrument, now_ns: int) -> Position:
        holding, mark = self._holdings[instrument.id], self._mark(instrument.id)
        leverage, mode = self.leverage_of(instrument)
        return Position(
            instrument=instrument.id,
            quantity=holding.quantity,
            entry_price=holding.cost / holding.quantity,
            mark_price=mark,
            unrealized_pnl=holding.quantity * mark - holding.cost,
            liquidation_price=None,
            leverage=leverage,
            margin_mode=mode,
            ts_event_ns=now_ns,
        )
