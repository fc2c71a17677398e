"""What the accounts hold, as read from the venues, with the age of each reading."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from arb.api import Clock, Exchange, ExchangeError
from arb.execution import ask, listed
from arb.funding import FxBook
from arb.model import (
    ZERO,
    Balance,
    EquitySample,
    ExchangeName,
    Fresh,
    InstrumentId,
    Position,
    PositionSample,
    Reading,
    Stale,
    Unknown,
    exact_money,
)
from arb.risk import AccountRisk


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """Balances and positions of one account, read together."""

    balances: tuple[Balance, ...]
    positions: tuple[Position, ...]
    observed_ns: int


class Accounts:
    """The latest state of every account that can trade, and the dollar value of its currencies."""

    def __init__(
        self,
        exchanges: Mapping[ExchangeName, Exchange],
        clock: Clock,
        fx: FxBook,
        *,
        max_age_ns: int,
        timeout_ns: int,
    ) -> None:
        self._exchanges = exchanges
        self._clock = clock
        self._fx = fx
        self._max_age_ns = max_age_ns
        self._timeout_ns = timeout_ns
        self._states: dict[ExchangeName, AccountState] = {}

    async def refresh(self) -> Mapping[ExchangeName, ExchangeError]:
        """Read every account; return those that could not be read, whose old state keeps its age."""
        names = [name for name, exchange in self._exchanges.items() if exchange.trading is not None]
        results = await asyncio.gather(*(self._refresh(name) for name in names))
        return {name: error for name, error in zip(names, results, strict=True) if error is not None}

    async def _refresh(self, name: ExchangeName) -> ExchangeError | None:
        trading = self._exchanges[name].trading
        if trading is None:
            return None
        observed = self._clock.now_ns()

        async def balances() -> tuple[Balance, ...]:
            return listed(await trading.fetch_balances(), Balance)

        async def positions() -> tuple[Position, ...]:
            return listed(await trading.fetch_positions(), Position)

        # Each is waited for, also when the other fails: nothing is left running behind our back.
        cash, held = await asyncio.gather(
            ask(self._clock, self._timeout_ns, name, "balances", balances),
            ask(self._clock, self._timeout_ns, name, "positions", positions),
            return_exceptions=True,
        )
        if isinstance(cash, tuple) and isinstance(held, tuple):
            self._states[name] = AccountState(balances=cash, positions=held, observed_ns=observed)
            return None
        failures = [one for one in (cash, held) if isinstance(one, BaseException)]
        for failure in failures:
            if not isinstance(failure, ExchangeError):
                raise failure
        return next(failure for failure in failures if isinstance(failure, ExchangeError))

    def state(self, exchange: ExchangeName) -> Reading[AccountState]:
        """Return what was read last."""
        state = self._states.get(exchange)
        if state is None:
            return Unknown(f"the account of {exchange} has not been read yet")
        kind = Fresh if self._clock.now_ns() - state.observed_ns <= self._max_age_ns else Stale
        return kind(state, exchange, state.observed_ns)

    def usd_rate(self, currency: str) -> Decimal | None:
        """Return dollars per unit; None while nobody has said, or too long ago."""
        reading = self._fx.usd_rate(currency, self._clock.now_ns())
        return reading.value if isinstance(reading, Fresh) else None

    def equity_usd(self, exchange: ExchangeName) -> Reading[Decimal]:
        """Return the account's equity in dollars."""
        reading = self.state(exchange)
        if isinstance(reading, Unknown):
            return reading
        total = ZERO
        with exact_money():
            for balance in reading.value.balances:
                rate = self.usd_rate(balance.currency)
                if rate is None:
                    return Unknown(f"{exchange}: what a {balance.currency} is worth in dollars is not known")
                total += balance.equity * rate
        kind = Fresh if isinstance(reading, Fresh) else Stale
        return kind(total, reading.source, reading.observed_ns)

    def risks(self, quotes: Mapping[InstrumentId, str]) -> Mapping[ExchangeName, AccountRisk]:
        """Return what each account carries; `quotes` tells the quote currency of every instrument."""
        return {name: self._risk(name, quotes) for name in self._exchanges}

    def _risk(self, name: ExchangeName, quotes: Mapping[InstrumentId, str]) -> AccountRisk:
        reading = self.state(name)
        equity = self.equity_usd(name)
        if isinstance(reading, Unknown):
            # Without an account there is nothing to carry; one that was not read may carry anything.
            gross = ZERO if self._exchanges[name].trading is None else None
            return AccountRisk(exchange=name, equity_usd=equity, gross_notional_usd=gross)
        total = ZERO
        for position in reading.value.positions:
            rate = self.usd_rate(quotes.get(position.instrument, ""))
            if rate is None:
                equity = Unknown(f"{position.instrument}: its value in dollars is not known")
                return AccountRisk(exchange=name, equity_usd=equity, gross_notional_usd=None)
            total += abs(position.quantity) * position.mark_price * rate
        return AccountRisk(exchange=name, equity_usd=equity, gross_notional_usd=total)

    def samples(
        self, quotes: Mapping[InstrumentId, str]
    ) -> tuple[Sequence[EquitySample], Sequence[PositionSample]] | None:
        """Return the equity and positions of all accounts as rows; None unless every reading is fresh.

        Equity is the wallet plus the unrealised PnL of the positions read with it, so that both
        belong to the same prices; `quotes` tells the quote currency of every instrument.
        """
        equity: list[EquitySample] = []
        positions: list[PositionSample] = []
        for name, exchange in self._exchanges.items():
            if exchange.trading is None:
                continue
            reading = self.state(name)
            if not isinstance(reading, Fresh):
                return None
            state = reading.value
            for balance in state.balances:
                rate = self.usd_rate(balance.currency)
                if rate is None:
                    return None
                held = [row for row in state.positions if quotes.get(row.instrument) == balance.currency]
                with exact_money():
                    value = balance.cash + sum((row.unrealized_pnl for row in held), ZERO)
                equity.append(
                    EquitySample(
                        ts_ns=balance.ts_event_ns,
                        exchange=name,
                        currency=balance.currency,
                        cash=balance.cash,
                        equity=value,
                        usd_rate=rate,
                    )
                )
                positions.extend(_position_sample(row, balance.ts_event_ns) for row in held)
        return equity, positions


def _position_sample(position: Position, ts_ns: int) -> PositionSample:
    return PositionSample(
        ts_ns=ts_ns,
        instrument=position.instrument,
        quantity=position.quantity,
        mark_price=position.mark_price,
    )
