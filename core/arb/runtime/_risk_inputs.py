"""What the risk gate is told: every account as it stands, and a plan's legs with their prices."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter

from arb.api import Clock, Exchange, ExchangeError
from arb.execution import ask
from arb.funding import StatsBook
from arb.marketdata import PriceProvider
from arb.model import (
    ZERO,
    ExchangeName,
    Fresh,
    HedgePlan,
    Instrument,
    InstrumentId,
    LegPlan,
    MarginMode,
    Reading,
    Unknown,
)
from arb.risk import AccountRisk, HeldPosition, MarginSetting, PricedLeg

from ._accounts import Accounts, AccountState


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskInputs:
    """Gathers them at the moment of a decision.

    Attributes:
        leverage: What the configuration has set before the first order, for each exchange it says it
            of; of any other exchange the venue is asked.
        max_price_age_ns: Of books.
        timeout_ns: How long one answer of a venue is waited for.
    """

    exchanges: Mapping[ExchangeName, Exchange]
    instruments: Mapping[InstrumentId, Instrument]
    accounts: Accounts
    prices: PriceProvider
    stats: StatsBook
    clock: Clock
    leverage: Mapping[ExchangeName, Decimal]
    max_price_age_ns: int
    timeout_ns: int

    def risks(self) -> Mapping[ExchangeName, AccountRisk]:
        """Return what each account carries."""
        return {name: self._risk(name) for name in self.exchanges}

    async def priced(self, plan: HedgePlan) -> Sequence[PricedLeg]:
        """Return the legs of a plan whose instruments are all listed, each priced at the same moment."""
        return await asyncio.gather(*(self._priced(leg) for leg in plan.legs))

    def _risk(self, name: ExchangeName) -> AccountRisk:
        reading = self.accounts.state(name)
        if isinstance(reading, Unknown):
            # Without an account there is nothing to carry; one that was not read may carry anything.
            held = () if self.exchanges[name].trading is None else None
            return AccountRisk(
                exchange=name, equity_usd=reading, available_usd=reading, maintenance_usd=None, positions=held
            )
        return AccountRisk(
            exchange=name,
            equity_usd=self.accounts.equity_usd(name),
            available_usd=self.accounts.in_usd(name, attrgetter("available")),
            maintenance_usd=self._maintenance_usd(reading.value),
            positions=self._held(reading.value),
        )

    def _maintenance_usd(self, state: AccountState) -> Decimal | None:
        """Return what the venue says the positions need; None unless it says it of every currency."""
        total = ZERO
        for balance in state.balances:
            rate = self.accounts.usd_rate(balance.currency)
            if balance.maintenance_margin is None or rate is None:
                return None
            total += balance.maintenance_margin * rate
        return total

    def _held(self, state: AccountState) -> tuple[HeldPosition, ...] | None:
        """Return the positions with their values; None when one cannot be valued."""
        held: list[HeldPosition] = []
        for position in state.positions:
            instrument = self.instruments.get(position.instrument)
            rate = None if instrument is None else self.accounts.usd_rate(instrument.quote)
            if instrument is None or rate is None:
                return None
            held.append(HeldPosition(position=position, instrument=instrument, quote_usd=rate))
        return tuple(held)

    async def _priced(self, leg: LegPlan) -> PricedLeg:
        instrument = self.instruments[leg.instrument]
        mid, margin = await asyncio.gather(self._mid_usd(instrument), self._margin(instrument))
        return PricedLeg(
            instrument=instrument,
            base_quantity=leg.quantity * instrument.multiplier * leg.side.sign,
            quantity=leg.quantity,
            mid_usd=mid,
            mark_usd=self._mark_usd(instrument),
            quote_usd=self.accounts.usd_reading(instrument.quote),
            margin=margin,
        )

    async def _mid_usd(self, instrument: Instrument) -> Reading[Decimal]:
        reading = await self.prices.read_bbo(instrument.id, self.max_price_age_ns)
        if not isinstance(reading, Fresh):
            return reading if isinstance(reading, Unknown) else Unknown("the last price is too old")
        rate = self.accounts.usd_rate(instrument.quote)
        if rate is None:
            return Unknown(f"what a {instrument.quote} is worth in dollars is not known")
        return Fresh(reading.value.mid_price * rate, reading.source, reading.observed_ns)

    def _mark_usd(self, instrument: Instrument) -> Reading[Decimal]:
        reading = self.stats.get(instrument.id, self.clock.now_ns())
        if not isinstance(reading, Fresh):
            return reading if isinstance(reading, Unknown) else Unknown("the last mark price is too old")
        rate, mark = self.accounts.usd_rate(instrument.quote), reading.value.mark_price
        if mark is None or rate is None:
            return Unknown(f"{instrument.id}: its venue publishes no mark price in a currency of known value")
        return Fresh(mark * rate, reading.source, reading.observed_ns)

    async def _margin(self, instrument: Instrument) -> Reading[MarginSetting]:
        name = instrument.exchange
        configured, trading, now_ns = self.leverage.get(name), self.exchanges[name].trading, self.clock.now_ns()
        if configured is not None:
            return Fresh(MarginSetting(configured, MarginMode.CROSS), "configuration", now_ns)
        if trading is None:
            return Unknown(f"{name}: there is no account")

        async def read() -> MarginSetting:
            leverage, mode = await trading.fetch_leverage(instrument.id)
            return MarginSetting(Decimal(leverage), MarginMode(mode))

        try:
            return Fresh(await ask(self.clock, self.timeout_ns, name, "leverage", read), name, now_ns)
        except ExchangeError as error:
            return Unknown(str(error))
