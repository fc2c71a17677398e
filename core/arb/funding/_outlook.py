"""Values an open hedge: what it earns, what leaving costs, how far it is from liquidation."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from arb.api import ExchangeError, StaleData
from arb.model import (
    BPS,
    HOUR_NS,
    ZERO,
    Fresh,
    FundingRate,
    Hedge,
    HedgeOutlook,
    Instrument,
    InstrumentId,
    Leg,
    OrderBook,
    PositionSide,
    Unknown,
)

from ._book import FundingBook
from ._calendar import Schedule
from ._cost import FillCost, LegMarket
from ._fees import FeeCalculator
from ._forecast import PairForecaster
from ._leg_risk import leg_distance
from ._observed import FxBook
from ._settings import BookSource, HedgeAccount

_IMPOSSIBLE_RATIO: Final = 2
"""Two prices of one asset so many times apart are an error of a venue, not a basis to act on."""


@dataclass(slots=True)
class _Figures:
    """What could be found out; None is unknown."""

    notional: Decimal | None = None
    exit_cost_bps: Decimal | None = None
    price_pnl: Decimal | None = None
    stale: list[str] = field(default_factory=list)


_LegFunding = tuple[Instrument, FundingRate, Schedule]


class OutlookMaker:
    """Makes outlooks from what the books hold now."""

    def __init__(
        self,
        *,
        instruments: Mapping[InstrumentId, Instrument],
        funding: FundingBook,
        fx: FxBook,
        forecaster: PairForecaster,
        prices: BookSource,
        max_price_age_ns: int,
        fees: FeeCalculator,
    ) -> None:
        self._instruments = instruments
        self._funding = funding
        self._fx = fx
        self._forecaster = forecaster
        self._prices = prices
        self._max_price_age_ns = max_price_age_ns
        self._fees = fees

    async def make(self, hedge: Hedge, horizon_hours: Decimal, account: HedgeAccount, now_ns: int) -> HedgeOutlook:
        """Return the outlook; no missing input raises, each is named in `stale`."""
        figures = _Figures()
        carry = capture = None
        legs = self._funding_of(hedge, figures, now_ns)
        if legs is not None:
            long, short = legs
            carry = (short[1].per_hour - long[1].per_hour) / BPS
            forecast = self._forecaster.forecast(long, short, now_ns)
            capture = forecast.capture(now_ns, now_ns + int(horizon_hours * HOUR_NS)) / BPS
        await self._value(hedge, figures, now_ns)
        return HedgeOutlook(
            hedge=hedge,
            ts_ns=now_ns,
            horizon_hours=horizon_hours,
            notional_usd=figures.notional,
            carry_bps_hour=carry,
            capture_bps=capture,
            exit_cost_bps=figures.exit_cost_bps,
            funding=account.funding,
            fees=account.fees,
            price_pnl=figures.price_pnl,
            liquidation_distance=self._distance(hedge, account, figures),
            stale=tuple(dict.fromkeys(figures.stale)),
        )

    def _funding_of(self, hedge: Hedge, figures: _Figures, now_ns: int) -> tuple[_LegFunding, _LegFunding] | None:
        """Return the funding of the long and of the short leg; None when one is not known."""
        longs = [leg for leg in hedge.legs if leg.side is PositionSide.LONG]
        shorts = [leg for leg in hedge.legs if leg.side is PositionSide.SHORT]
        if len(longs) != 1 or len(shorts) != 1:
            figures.stale.append("funding is forecast for one long and one short leg only")
            return None
        long, short = self._leg_funding(longs[0], figures, now_ns), self._leg_funding(shorts[0], figures, now_ns)
        return None if long is None or short is None else (long, short)

    def _leg_funding(self, leg: Leg, figures: _Figures, now_ns: int) -> _LegFunding | None:
        instrument = self._instruments.get(leg.instrument)
        if instrument is None:
            figures.stale.append(f"{leg.instrument} is not listed any more")
            return None
        reading = self._funding.predicted(leg.instrument, now_ns)
        if isinstance(reading, Unknown):
            figures.stale.append(reading.reason)
            return None
        if not isinstance(reading, Fresh):
            figures.stale.append(f"the predicted funding rate of {leg.instrument} is stale")
            return None
        schedule = self._funding.schedule(instrument, now_ns)
        if schedule is None:
            figures.stale.append(f"the funding schedule of {leg.instrument} is unknown")
            return None
        return instrument, reading.value, schedule

    async def _value(self, hedge: Hedge, figures: _Figures, now_ns: int) -> None:
        held = [leg for leg in hedge.legs if leg.open_quantity > 0]
        if not held:
            figures.stale.append("no leg is open")
            return
        books = await asyncio.gather(*(self._book(leg.instrument, figures) for leg in held))
        exits = [self._exit(leg, book, figures) for leg, book in zip(held, books, strict=True)]
        rates = {leg.instrument: self._usd_rate(leg.instrument, figures, now_ns) for leg in hedge.legs}
        costs = [fill for fill in exits if fill is not None]
        if len(costs) < len(held):
            return
        prices = {leg.instrument: fill.vwap for leg, fill in zip(held, costs, strict=True)}
        usd = {instrument: rate for instrument, rate in rates.items() if rate is not None}
        if len(usd) == len(rates):
            in_usd = [prices[leg.instrument] / leg.multiplier * usd[leg.instrument] for leg in held]
            if max(in_usd) > min(in_usd) * _IMPOSSIBLE_RATIO:
                figures.stale.append(f"the legs' prices, {' and '.join(map(str, in_usd))} USD, cannot both be true")
                return
            figures.notional = _mean(leg.open_quantity * prices[leg.instrument] * usd[leg.instrument] for leg in held)
            figures.price_pnl = _price_pnl(hedge.legs, prices, usd)
        figures.exit_cost_bps = sum((fill.total_bps for fill in costs), ZERO)

    async def _book(self, instrument: InstrumentId, figures: _Figures) -> OrderBook | None:
        try:
            return (await self._prices.get_book(instrument, self._max_price_age_ns)).value
        except (StaleData, ExchangeError) as error:
            figures.stale.append(f"no book of {instrument}: {error}")
            return None

    def _exit(self, leg: Leg, book: OrderBook | None, figures: _Figures) -> FillCost | None:
        instrument = self._instruments.get(leg.instrument)
        if book is None or instrument is None:
            return None
        fee = self._fees.exit(instrument)
        market = LegMarket(book=book, entry_fee=fee, exit_fee=fee, side=leg.side, quantity=leg.open_quantity)
        fill = market.exit()
        if fill is None:
            figures.stale.append(f"the book of {leg.instrument} cannot take the {leg.open_quantity} to be closed")
        return fill

    def _usd_rate(self, instrument: InstrumentId, figures: _Figures, now_ns: int) -> Decimal | None:
        listed = self._instruments.get(instrument)
        if listed is None:
            figures.stale.append(f"{instrument} is not listed any more")
            return None
        reading = self._fx.usd_rate(listed.quote, now_ns)
        if not isinstance(reading, Fresh):
            figures.stale.append(f"US dollars per {listed.quote} are not known now")
            return None
        return reading.value

    def _distance(self, hedge: Hedge, account: HedgeAccount, figures: _Figures) -> Decimal | None:
        """Return the smallest distance known; a leg without one is named, so that it is not taken for safe."""
        known: list[Decimal] = []
        for leg in hedge.legs:
            if leg.open_quantity <= 0:
                continue
            distance, notes = leg_distance(leg, self._instruments, account)
            figures.stale.extend(notes)
            if distance is not None:
                known.append(distance)
        return min(known, default=None)


def _price_pnl(
    legs: Sequence[Leg], prices: Mapping[InstrumentId, Decimal], usd: Mapping[InstrumentId, Decimal]
) -> Decimal | None:
    """Return the result of prices, US dollars: what was closed, and the rest as if closed now."""
    total = ZERO
    for leg in legs:
        if leg.entry_quantity == 0:
            continue
        if leg.entry_price is None or (leg.exit_quantity > 0 and leg.exit_price is None):
            return None
        closed = (leg.exit_price - leg.entry_price) * leg.exit_quantity if leg.exit_price is not None else ZERO
        still = (prices[leg.instrument] - leg.entry_price) * leg.open_quantity if leg.open_quantity > 0 else ZERO
        total += (closed + still) * leg.side.sign * usd[leg.instrument]
    return total


def _mean(values: Iterable[Decimal]) -> Decimal:
    held = tuple(values)
    return sum(held, ZERO) / len(held)
