"""Two accounts and a plan inside every limit, of which a drill changes one thing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal

from arb.model import (
    SECOND_NS,
    ExchangeName,
    FeeSchedule,
    Fresh,
    Hedge,
    HedgeId,
    HedgePlan,
    HedgeStatus,
    Instrument,
    InstrumentStatus,
    Leg,
    LegPlan,
    MarginMode,
    MarginTier,
    Position,
    PositionSide,
    Reading,
    instrument_id,
)
from arb.risk import (
    AccountRisk,
    ApprovedPlan,
    Halts,
    HeldPosition,
    MarginSetting,
    MemoryHaltStore,
    PricedLeg,
    Refusal,
    RefusalCode,
    RiskLimits,
    RiskManager,
)
from arb.testing import START_NS, FakeClock

LIMITS = RiskLimits(
    max_hedge_notional_usd=Decimal(10_000),
    max_instrument_notional_usd=Decimal(12_000),
    max_exchange_notional_usd=Decimal(20_000),
    max_pair_notional_usd=Decimal(25_000),
    max_total_notional_usd=Decimal(30_000),
    max_hedges=3,
    max_leverage=Decimal(3),
    min_liquidation_distance=Decimal("0.1"),
    min_available_margin=Decimal("0.1"),
    max_maintenance_ratio=Decimal("0.5"),
    max_mark_divergence_bps=Decimal(100),
    max_depeg_bps=Decimal(100),
    max_price_age_ns=5 * SECOND_NS,
    max_account_age_ns=10 * SECOND_NS,
)
LEFT, RIGHT = ExchangeName("left"), ExchangeName("right")
TIERS = (
    MarginTier(max_notional=Decimal(100_000), maintenance_rate=Decimal("0.02"), max_leverage=Decimal(20)),
    MarginTier(max_notional=None, maintenance_rate=Decimal("0.1"), max_leverage=Decimal(5)),
)
CROSS = MarginSetting(Decimal(5), MarginMode.CROSS)


def fresh(value: object, age_ns: int = 0) -> Fresh[Decimal]:
    return Fresh(Decimal(str(value)), "test", START_NS - age_ns)


def listed(exchange: str, base: str = "BTC", *, status: InstrumentStatus = InstrumentStatus.TRADING) -> Instrument:
    return Instrument(
        id=instrument_id(f"{base}-PERP", exchange),
        symbol=base,
        base=base,
        quote="USDC",
        tick_size=Decimal("0.1"),
        lot_size=Decimal("0.001"),
        fees=FeeSchedule(maker=Decimal(0), taker=Decimal("0.0005")),
        margin_tiers=TIERS,
        funding_interval_ns=3_600_000_000_000,
        status=status,
    )


def held(
    instrument: Instrument,
    notional: object,
    *,
    liquidation: object = None,
    mode: MarginMode = MarginMode.CROSS,
    leverage: object = None,
    rate: object = 1,
) -> HeldPosition:
    """A position at the price of 100; a negative notional is short."""
    position = Position(
        instrument=instrument.id,
        quantity=Decimal(str(notional)) / 100,
        entry_price=Decimal(100),
        mark_price=Decimal(100),
        unrealized_pnl=Decimal(0),
        liquidation_price=None if liquidation is None else Decimal(str(liquidation)),
        leverage=None if leverage is None else Decimal(str(leverage)),
        margin_mode=mode,
        ts_event_ns=START_NS,
    )
    return HeldPosition(position=position, instrument=instrument, quote_usd=Decimal(str(rate)))


def account(exchange: ExchangeName, *positions: HeldPosition, equity: object = 10_000) -> AccountRisk:
    return AccountRisk(
        exchange=exchange,
        equity_usd=fresh(equity),
        available_usd=fresh(equity),
        maintenance_usd=None,
        positions=positions,
    )


def hedge_of(status: HedgeStatus, *legs: tuple[Instrument, object, object]) -> Hedge:
    """A hedge whose legs are (instrument, target, filled)."""
    sides = (PositionSide.LONG, PositionSide.SHORT)
    return Hedge(
        id=HedgeId("h"),
        strategy="test",
        base="BTC",
        legs=tuple(
            Leg(
                instrument=one.id,
                side=side,
                target_quantity=Decimal(str(target)),
                multiplier=Decimal(1),
                entry_quantity=Decimal(str(filled)),
            )
            for side, (one, target, filled) in zip(sides, legs, strict=True)
        ),
        status=status,
        created_ns=START_NS,
        max_slippage_bps=Decimal(10),
        entry_reason="test",
    )


@dataclass
class Desk:
    """Two accounts with 10 000 dollars each, and a plan of 5 000 dollars a leg. A drill changes one thing."""

    limits: RiskLimits = LIMITS
    clock: FakeClock = field(default_factory=FakeClock)
    left: Instrument = field(default_factory=lambda: listed("left"))
    right: Instrument = field(default_factory=lambda: listed("right"))
    quantity: Decimal = Decimal("0.1")
    short_quantity: Decimal = Decimal("0.1")
    mid: Reading[Decimal] = field(default_factory=lambda: fresh(50_000))
    short_mid: Reading[Decimal] = field(default_factory=lambda: fresh(50_010))
    mark: Reading[Decimal] = field(default_factory=lambda: fresh(50_000))
    short_mark: Reading[Decimal] = field(default_factory=lambda: fresh(50_020))
    quote: Reading[Decimal] = field(default_factory=lambda: fresh(1))
    margin: Reading[MarginSetting] = field(default_factory=lambda: Fresh(CROSS, "test", START_NS))
    accounts: dict[ExchangeName, AccountRisk] = field(
        default_factory=lambda: {LEFT: account(LEFT), RIGHT: account(RIGHT)}
    )
    hedges: list[Hedge] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.halts = Halts(MemoryHaltStore(), self.clock)

    def plan(self) -> HedgePlan:
        return HedgePlan(
            base="BTC",
            legs=(
                LegPlan(instrument=self.left.id, side=PositionSide.LONG, quantity=self.quantity),
                LegPlan(instrument=self.right.id, side=PositionSide.SHORT, quantity=self.short_quantity),
            ),
            max_slippage_bps=Decimal(10),
            reason="test",
        )

    def legs(self) -> list[PricedLeg]:
        rows = (
            (self.left, self.quantity, 1, self.mid, self.mark),
            (self.right, self.short_quantity, -1, self.short_mid, self.short_mark),
        )
        return [
            PricedLeg(
                instrument=one,
                base_quantity=quantity * one.multiplier * sign,
                quantity=quantity,
                mid_usd=mid,
                mark_usd=mark,
                quote_usd=self.quote,
                margin=self.margin,
            )
            for one, quantity, sign, mid, mark in rows
        ]

    def decide(self, legs: list[PricedLeg] | None = None) -> ApprovedPlan | tuple[Refusal, ...]:
        gate = RiskManager(self.limits, halts=self.halts, veto=lambda _: None, clock=self.clock, instruments={})
        priced = self.legs() if legs is None else legs
        return gate.approve(self.plan(), priced, self.accounts, hedges=self.hedges)

    def refusals(self) -> tuple[Refusal, ...]:
        decision = self.decide()
        return () if isinstance(decision, ApprovedPlan) else decision

    def codes(self) -> set[RefusalCode]:
        return {refusal.code for refusal in self.refusals()}

    def refusal(self) -> Refusal:
        (only,) = self.refusals()
        return only

    def limit(self, **changes: object) -> None:
        self.limits = replace(self.limits, **changes)  # type: ignore[arg-type]

    def account(self, **changes: object) -> None:
        self.accounts[LEFT] = replace(self.accounts[LEFT], **changes)  # type: ignore[arg-type]
