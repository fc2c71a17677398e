"""A strategy that decides cycle by cycle, on a view that the test scripts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from arb.model import (
    BPS,
    HOUR_NS,
    MINUTE_NS,
    Bbo,
    CloseHedge,
    ExchangeName,
    Fresh,
    FundingKind,
    FundingRate,
    Hedge,
    HedgeCost,
    HedgeId,
    HedgeOutlook,
    HedgeStatus,
    Instrument,
    InstrumentId,
    Intent,
    Leg,
    OpenHedge,
    Opportunity,
    OpportunityFilter,
    OpportunityScan,
    PositionSide,
    RateUnit,
    Reading,
    Unknown,
)
from arb.testing import START_NS, FakeContext, MemoryState
from arb_strategy_funding_arbitrage._settings import FundingArbitrageSettings
from arb_strategy_funding_arbitrage._strategy import open_strategy

NOON = START_NS + 12 * HOUR_NS + 30 * MINUTE_NS


@dataclass
class ScriptedView:
    """A StrategyView whose expected capture is the sum of the payments the test lists.

    Attributes:
        payments: For each hedge, (time, basis points) of the settlements to come.
        steady_bps_hour: For each hedge, what it is expected to earn each hour on top.
        figures: For each hedge, fields of the outlook that differ from a healthy one.
        due: For each instrument, when it settles next and at which interval.
    """

    now_ns: int = NOON
    instruments: dict[InstrumentId, Instrument] = field(default_factory=dict)
    hedges: list[Hedge] = field(default_factory=list)
    rows: list[Opportunity] = field(default_factory=list)
    payments: dict[str, list[tuple[int, Decimal]]] = field(default_factory=dict)
    steady_bps_hour: dict[str, Decimal] = field(default_factory=dict)
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    due: dict[str, tuple[int, int]] = field(default_factory=dict)
    equity: Reading[Decimal] = field(default_factory=lambda: Fresh(Decimal(10_000), "test", NOON))
    scans: list[OpportunityFilter] = field(default_factory=list)

    def equity_usd(self, exchange: ExchangeName) -> Reading[Decimal]:
        return self.equity

    def funding(self, instrument: InstrumentId) -> Reading[FundingRate]:
        if instrument not in self.due:
            return Unknown("not scripted")
        next_ns, interval_ns = self.due[instrument]
        while next_ns <= self.now_ns:
            next_ns += interval_ns
        rate = FundingRate(
            instrument=instrument,
            raw=Decimal(0),
            unit=RateUnit(factor=Decimal(1), period_ns=HOUR_NS),
            interval_ns=interval_ns,
            kind=FundingKind.PREDICTED,
            ts_event_ns=self.now_ns,
            ts_init_ns=self.now_ns,
            next_funding_ns=next_ns,
        )
        return Fresh(rate, "test", self.now_ns)

    async def bbo(self, instrument: InstrumentId, max_age_ns: int) -> Reading[Bbo]:
        return Unknown("not scripted")

    async def scan(self, wanted: OpportunityFilter) -> OpportunityScan:
        self.scans.append(wanted)
        return OpportunityScan(ts_ns=self.now_ns, rows=tuple(self.rows), skipped=())

    async def outlook(self, hedge: Hedge, horizon_hours: Decimal) -> HedgeOutlook:
        until = self.now_ns + int(horizon_hours * HOUR_NS)
        listed = self.payments.get(hedge.id, [])
        capture = sum((bps for at, bps in listed if self.now_ns < at <= until), Decimal(0))
        capture += self.steady_bps_hour.get(hedge.id, Decimal(0)) * horizon_hours
        healthy = HedgeOutlook(
            hedge=hedge,
            ts_ns=self.now_ns,
            horizon_hours=horizon_hours,
            notional_usd=Decimal(1_000),
            carry_bps_hour=self.steady_bps_hour.get(hedge.id, Decimal("0.5")),
            capture_bps=capture,
            exit_cost_bps=Decimal(6),
            funding=Decimal(1),
            fees=Decimal("0.4"),
            price_pnl=Decimal(-1),
            liquidation_distance=Decimal("0.3"),
        )
        return replace(healthy, **self.figures.get(hedge.id, {}))


@dataclass
class Desk:
    """A strategy with its view and memory; `cycle` is one decision."""

    settings: dict[str, Any] = field(default_factory=dict)
    view: ScriptedView = field(default_factory=ScriptedView)
    state: MemoryState = field(default_factory=MemoryState)

    def cycle(self, after_ns: int = 0) -> Sequence[Intent]:
        """Decide once, later by `after_ns`; each decision is made by a strategy opened anew."""
        self.view.now_ns += after_ns
        if isinstance(self.view.equity, Fresh):
            self.view.equity = replace(self.view.equity, observed_ns=self.view.now_ns)

        async def decide() -> Sequence[Intent]:
            context = FakeContext("fa", state=self.state)
            settings = FundingArbitrageSettings.model_validate(self.settings)
            async with open_strategy(settings, context) as strategy:
                return await strategy.decide(self.view)

        return asyncio.run(decide())

    def closes(self, after_ns: int = 0) -> list[tuple[str, str]]:
        return [(each.hedge_id, each.reason) for each in self.cycle(after_ns) if isinstance(each, CloseHedge)]

    def opens(self, after_ns: int = 0) -> list[tuple[str, str]]:
        plans = [each.plan for each in self.cycle(after_ns) if isinstance(each, OpenHedge)]
        return [(plan.legs[0].instrument, plan.legs[1].instrument) for plan in plans]

    def hold(self, name: str = "h1", base: str = "BTC", *, steady: str | None = "0.5", **changes: Any) -> Hedge:
        """Let a hedge be open that entered at 0.5 bps an hour."""
        hedge = replace(hedge_of(name, base), **changes)
        self.view.hedges.append(hedge)
        if steady is not None:
            self.view.steady_bps_hour[name] = Decimal(steady)
        return hedge

    def weaken(self, carry: str, **figures: Any) -> None:
        """Let the carry of h1 be so, now and as far as can be seen."""
        self.view.steady_bps_hour["h1"] = Decimal(carry)
        self.view.figures["h1"] = figures


def hedge_of(name: str, base: str) -> Hedge:
    legs = tuple(
        Leg(
            instrument=InstrumentId(f"{base}-PERP.{exchange}"),
            side=side,
            target_quantity=Decimal(10),
            multiplier=Decimal(1),
            entry_quantity=Decimal(10),
            entry_price=Decimal(100),
        )
        for exchange, side in (("a", PositionSide.LONG), ("b", PositionSide.SHORT))
    )
    return Hedge(
        id=HedgeId(name),
        strategy="fa",
        base=base,
        legs=legs,
        status=HedgeStatus.OPEN,
        created_ns=NOON - HOUR_NS,
        opened_ns=NOON - HOUR_NS,
        max_slippage_bps=Decimal(10),
        entry_reason="test",
        entry_numbers={"carry_bps_hour": "0.5", "capital_usd": "800"},
    )


def row_of(base: str = "BTC", capture: str = "36", **changes: Any) -> Opportunity:
    total, notional = Decimal(12), Decimal(1_000)
    row = Opportunity(
        base=base,
        long=InstrumentId(f"{base}-PERP.a"),
        short=InstrumentId(f"{base}-PERP.b"),
        long_quantity=Decimal(10),
        short_quantity=Decimal(10),
        notional_usd=notional,
        long_rate_hour=Decimal("0.00001"),
        short_rate_hour=Decimal("0.00006"),
        carry_bps_hour=Decimal(capture) / 72,
        capture_bps=Decimal(capture),
        cost=HedgeCost(fees_bps=total - 2, spread_bps=Decimal(1), impact_bps=Decimal(1)),
        break_even_hours=total / (Decimal(capture) / 72),
        basis_bps=Decimal(3),
        net_usd=(Decimal(capture) - total) * BPS * notional,
        capital_usd=Decimal(800),
        score=Decimal("0.00001"),
    )
    return replace(row, **changes)


UNKNOWN = {"carry_bps_hour": None, "capture_bps": None, "stale": ("the predicted funding rate is stale",)}
