"""What the accounts hold, as read from the venues, with the age of each reading."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import TypeVar

from arb.api import Clock, Exchange, ExchangeError
from arb.execution import ask, listed, positions_of
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
    is_bookable,
    is_moment,
)

T = TypeVar("T")


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
            return positions_of(name, await trading.fetch_positions())

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

    def positions(self, exchange: ExchangeName) -> Reading[Sequence[Position]]:
        """Return the open positions, with the age of the account they were read with."""
        return _part(self.state(exchange), attrgetter("positions"))

    def balances(self, exchange: ExchangeName) -> Reading[Sequence[Balance]]:
        """Return the balances, with the age of the account they were read with."""
        return _part(self.state(exchange), attrgetter("balances"))

    def usd_reading(self, currency: str) -> Reading[Decimal]:
        """Return dollars per unit, with the age of what was said."""
        return self._fx.usd_rate(currency, self._clock.now_ns())

    def usd_rate(self, currency: str) -> Decimal | None:
        """Return dollars per unit; None while nobody has said, or too long ago."""
        reading = self.usd_reading(currency)
        return reading.value if isinstance(reading, Fresh) else None

    def equity_usd(self, exchange: ExchangeName) -> Reading[Decimal]:
        """Return the account's equity in dollars."""
        return self.in_usd(exchange, attrgetter("equity"))

    def total_equity_usd(self) -> Reading[Decimal]:
        """Return the equity of all accounts; Unknown when there is none, or one of them is not known now."""
        names = [name for name, exchange in self._exchanges.items() if exchange.trading is not None]
        if not names:
            return Unknown("there is no account")
        total, oldest_ns = ZERO, self._clock.now_ns()
        for name in names:
            reading = self.equity_usd(name)
            if not isinstance(reading, Fresh):
                return Unknown(f"the equity of {name} is not known now")
            with exact_money():
                total += reading.value
            oldest_ns = min(oldest_ns, reading.observed_ns)
        return Fresh(total, "accounts", oldest_ns)

    def in_usd(self, exchange: ExchangeName, amount: Callable[[Balance], Decimal]) -> Reading[Decimal]:
        """Return an amount of every balance of an account together, in dollars."""
        reading = self.state(exchange)
        if isinstance(reading, Unknown):
            return reading
        total = ZERO
        with exact_money():
            for balance in reading.value.balances:
                rate = self.usd_rate(balance.currency)
                if rate is None:
                    return Unknown(f"{exchange}: what a {balance.currency} is worth in dollars is not known")
                total += amount(balance) * rate
        kind = Fresh if isinstance(reading, Fresh) else Stale
        return kind(total, reading.source, reading.observed_ns)

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
                numbers = [balance.cash, rate]
                for row in held:
                    numbers += (row.unrealized_pnl, row.mark_price, row.quantity)
                if not all(map(is_bookable, numbers)) or not is_moment(balance.ts_event_ns):
                    return None  # a number that is none cannot be kept, and is no reason to end the run
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


def _part(reading: Reading[AccountState], pick: Callable[[AccountState], T]) -> Reading[T]:
    if isinstance(reading, Unknown):
        return reading
    kind = Fresh if isinstance(reading, Fresh) else Stale
    return kind(pick(reading.value), reading.source, reading.observed_ns)


def _position_sample(position: Position, ts_ns: int) -> PositionSample:
    return PositionSample(
        ts_ns=ts_ns,
        instrument=position.instrument,
        quantity=position.quantity,
        mark_price=position.mark_price,
    )
