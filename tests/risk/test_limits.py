"""Every limit in front of a plan, broken on purpose."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

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
    Stale,
    Unknown,
    instrument_id,
)
from arb.risk import (
    EVERYTHING,
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


def both(desk: Desk, contracts: str) -> None:
    desk.quantity = desk.short_quantity = Decimal(contracts)


def test_a_plan_inside_every_limit_is_approved() -> None:
    assert isinstance(Desk().decide(), ApprovedPlan)


# Notional caps.


def test_drill_one_leg_is_larger_than_a_hedge_may_be() -> None:
    desk = Desk(limits=replace(LIMITS, max_hedge_notional_usd=Decimal(5000)))
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.HEDGE_NOTIONAL, "BTC-PERP.right")
    assert (refusal.value, refusal.limit) == (Decimal(5001), Decimal(5000))
    assert str(refusal) == "hedge_notional (BTC-PERP.right): 5001.0, limit 5000"


def test_drill_an_instrument_is_full_with_what_is_held_there() -> None:
    desk = Desk()
    desk.accounts[LEFT] = account(LEFT, held(desk.left, 7000))
    assert desk.codes() == set()
    desk.accounts[LEFT] = account(LEFT, held(desk.left, "7000.01"))
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.INSTRUMENT_NOTIONAL, "BTC-PERP.left")
    assert refusal.value == Decimal("12000.01")


def test_drill_a_short_position_does_not_make_room_for_a_long_one() -> None:
    desk = Desk()
    desk.accounts[LEFT] = account(LEFT, held(desk.left, -7001))
    assert desk.codes() == {RefusalCode.INSTRUMENT_NOTIONAL}


def test_drill_an_exchange_is_full() -> None:
    desk = Desk()
    desk.accounts[LEFT] = account(LEFT, held(listed("left", "ETH"), 8000), held(listed("left", "SOL"), 7001))
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject, refusal.value) == (
        RefusalCode.EXCHANGE_NOTIONAL,
        LEFT,
        Decimal(12001 + 8000),
    )


def pair_of(size: str) -> Desk:
    """The same exchanges hold another hedge of `size` contracts at 100 dollars, both legs open."""
    desk, left, right = Desk(), listed("left", "ETH"), listed("right", "ETH")
    desk.limit(max_total_notional_usd=Decimal(10**6), max_exchange_notional_usd=Decimal(10**6))
    desk.limit(max_leverage=Decimal(10))
    desk.hedges = [hedge_of(HedgeStatus.OPEN, (left, size, size), (right, size, size))]
    desk.accounts[LEFT] = account(LEFT, held(left, Decimal(size) * 100))
    desk.accounts[RIGHT] = account(RIGHT, held(right, -Decimal(size) * 100))
    return desk


def test_drill_a_pair_of_exchanges_is_full() -> None:
    assert pair_of("74.99").codes() == set()
    refusal = pair_of("75").refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.PAIR_NOTIONAL, "left + right")
    assert (refusal.value, refusal.limit) == (Decimal(15_000 + 5000 + 5001), Decimal(25_000))


def test_every_size_is_in_dollars_whatever_the_currency() -> None:
    desk, left, right = pair_of("60"), listed("left", "ETH"), listed("right", "ETH")
    # 6000 a leg in a currency that is worth 1.25 dollars: 7500.
    desk.accounts[LEFT] = account(LEFT, held(left, 6000, rate="1.25"))
    desk.accounts[RIGHT] = account(RIGHT, held(right, -6000, rate="1.25"))
    refusal = desk.refusal()
    assert (refusal.code, refusal.value) == (RefusalCode.PAIR_NOTIONAL, Decimal(15_000 + 5000 + 5001))
    desk.limit(max_exchange_notional_usd=Decimal(12_499))
    found = {(one.code, one.subject): one.value for one in desk.refusals()}
    assert found[RefusalCode.EXCHANGE_NOTIONAL, LEFT] == Decimal(12_500)


def test_hedges_between_other_exchanges_do_not_count_for_a_pair() -> None:
    desk, elsewhere = pair_of("75"), listed("third", "ETH")
    desk.hedges = [hedge_of(HedgeStatus.OPEN, (listed("left", "ETH"), 75, 75), (elsewhere, 75, 75))]
    desk.accounts[ExchangeName("third")] = account(ExchangeName("third"), held(elsewhere, -7500))
    assert desk.codes() == set()


def test_drill_everything_together_is_too_much() -> None:
    desk, third = Desk(), ExchangeName("third")
    desk.accounts[third] = account(third, held(listed("third"), 19_999))
    assert desk.codes() == set()
    desk.limit(max_pair_notional_usd=Decimal(10**6))
    desk.accounts[third] = account(third, held(listed("third"), 20_000))
    refusal = desk.refusal()
    assert (refusal.code, refusal.value) == (RefusalCode.TOTAL_NOTIONAL, Decimal(30_001))


def test_drill_an_entry_that_is_not_finished_counts_as_filled() -> None:
    desk = Desk()
    desk.hedges = [hedge_of(HedgeStatus.OPENING, (desk.left, "0.2", "0.1"), (desk.right, "0.2", "0"))]
    desk.accounts[LEFT] = account(LEFT, held(desk.left, 5000))
    # Left: 5000 held, 5000 awaited, 5000 planned. Right: nothing held, 10 002 awaited, 5001 planned.
    found = {(refusal.code, refusal.subject): refusal.value for refusal in desk.refusals()}
    assert found[RefusalCode.INSTRUMENT_NOTIONAL, desk.left.id] == Decimal(15_000)
    assert found[RefusalCode.INSTRUMENT_NOTIONAL, desk.right.id] == Decimal(15_003)
    desk.hedges = [replace(desk.hedges[0], status=HedgeStatus.CLOSING)]
    assert desk.codes() == set()


def test_drill_an_unfinished_entry_of_unknown_price_opens_nothing_else() -> None:
    desk, other = Desk(), listed("left", "ETH")
    desk.hedges = [hedge_of(HedgeStatus.OPENING, (other, 5, 0), (listed("third", "ETH"), 0, 0))]
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.PRICE_UNKNOWN, other.id)


def test_drill_an_entry_that_is_not_finished_counts_for_the_margin_of_its_account() -> None:
    desk, waiting = Desk(), (listed("left"), "0.1", 0)
    desk.limit(max_instrument_notional_usd=Decimal(20_000), min_available_margin=Decimal(0))
    desk.hedges = [hedge_of(HedgeStatus.OPENING, waiting, (desk.right, 0, 0))]
    desk.accounts[LEFT] = account(LEFT, equity=3333)
    assert [(one.code, one.subject) for one in desk.refusals()] == [(RefusalCode.LEVERAGE, LEFT)]
    # The 5000 awaited take a tenth as initial margin, beside the 1000 of the plan.
    desk.limit(max_leverage=Decimal(10), min_available_margin=Decimal("0.1"))
    desk.accounts[LEFT] = account(LEFT, equity=1666)
    refusal = desk.refusal()
    assert (refusal.code, refusal.value) == (RefusalCode.AVAILABLE_MARGIN, (Decimal(1666) - 500 - 1000) / 1666)
    # 2 % of both are 200 of maintenance margin, and the distance is that of 10 000.
    desk.limit(min_available_margin=Decimal(0), max_maintenance_ratio=Decimal("0.12"))
    refusal = desk.refusal()
    assert (refusal.code, refusal.value) == (RefusalCode.MAINTENANCE_RATIO, Decimal(200) / 1666)
    desk.limit(max_maintenance_ratio=Decimal("0.5"), min_liquidation_distance=Decimal("0.2"))
    refusal = desk.refusal()
    assert (refusal.code, refusal.value) == (RefusalCode.LIQUIDATION_DISTANCE, Decimal(1666 - 200) / 10_200)
    desk.hedges = []
    assert desk.codes() == set()


def test_drill_what_hedges_hold_on_both_sides_of_an_instrument_is_not_netted() -> None:
    desk, third = Desk(), listed("third")
    desk.limit(max_hedges=9)
    desk.hedges = [
        hedge_of(HedgeStatus.OPEN, (desk.left, "0.08", "0.08"), (third, 0, 0)),
        hedge_of(HedgeStatus.OPEN, (third, 0, 0), (desk.left, "0.08", "0.08")),
    ]
    assert desk.accounts[LEFT].positions == ()  # as the venue nets them
    refusal = desk.refusal()
    assert (refusal.code, refusal.value) == (RefusalCode.INSTRUMENT_NOTIONAL, Decimal(4000 + 4000 + 5000))


def test_drill_there_are_hedges_enough() -> None:
    desk = Desk()
    third = (listed("third"), 0, 0)
    desk.hedges = [hedge_of(HedgeStatus.OPEN, third, third)] * 2
    assert desk.codes() == set()
    desk.hedges *= 2
    refusal = desk.refusal()
    assert (refusal.code, refusal.value, refusal.limit) == (RefusalCode.HEDGE_COUNT, Decimal(4), Decimal(3))


# Leverage and margin.


def test_drill_an_account_is_levered_too_far() -> None:
    desk = Desk(limits=replace(LIMITS, min_available_margin=Decimal(0)))
    desk.accounts[LEFT] = account(LEFT, equity=1666)
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject, refusal.limit) == (RefusalCode.LEVERAGE, LEFT, Decimal(3))
    assert refusal.value == Decimal(5000) / 1666
    desk.accounts = {name: account(name, equity=1667) for name in (LEFT, RIGHT)}
    assert desk.codes() == set()  # 5001 is three times 1667


@pytest.mark.parametrize("equity", [0, -100])
def test_drill_an_account_without_equity_opens_nothing(equity: int) -> None:
    desk = Desk()
    desk.accounts[LEFT] = account(LEFT, equity=equity)
    assert desk.refusal().value == Decimal("Infinity")
    assert desk.refusal().code is RefusalCode.LEVERAGE


def test_drill_an_isolated_leg_is_levered_further_than_an_account_may_be() -> None:
    desk = Desk(margin=Fresh(MarginSetting(Decimal(4), MarginMode.ISOLATED), "test", START_NS))
    found = [refusal for refusal in desk.refusals() if refusal.code is RefusalCode.LEVERAGE]
    assert [refusal.subject for refusal in found] == [desk.left.id, desk.right.id]
    assert "isolated" in str(found[0])


@pytest.mark.parametrize(
    "reading",
    [
        Unknown("HTTP 503"),
        Stale(CROSS, "test", START_NS),
        Fresh(MarginSetting(Decimal(0), MarginMode.CROSS), "test", START_NS),
        Fresh(MarginSetting(Decimal("NaN"), MarginMode.CROSS), "test", START_NS),
    ],
)
def test_drill_leverage_that_cannot_be_read_back_opens_nothing(reading: Reading[MarginSetting]) -> None:
    assert [(one.code, one.subject) for one in Desk(margin=reading).refusals()] == [
        (RefusalCode.MARGIN_UNKNOWN, "BTC-PERP.left"),
        (RefusalCode.MARGIN_UNKNOWN, "BTC-PERP.right"),
    ]


def test_drill_too_little_would_stay_available() -> None:
    desk = Desk()
    # The leg ties up 1000 at 5x: 999 of 10 000 would stay.
    desk.account(available_usd=fresh(1999))
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.AVAILABLE_MARGIN, LEFT)
    assert (refusal.value, refusal.limit) == (Decimal("0.0999"), Decimal("0.1"))
    desk.account(available_usd=fresh(2000))
    assert desk.codes() == set()


def test_the_initial_margin_follows_the_tier_where_it_allows_less_than_is_set() -> None:
    desk = Desk(margin=Fresh(MarginSetting(Decimal(50), MarginMode.CROSS), "test", START_NS))
    # At 20x, the most the tier allows, the leg ties up 250.
    desk.account(available_usd=fresh(1249))
    assert desk.codes() == {RefusalCode.AVAILABLE_MARGIN}
    desk.account(available_usd=fresh(1250))
    assert desk.codes() == set()


def test_drill_maintenance_would_take_too_much_of_the_equity() -> None:
    desk = Desk()
    # The venue says 4901 now, the leg needs 2 % of 5000 more: 5001 of 10 000.
    desk.account(maintenance_usd=Decimal(4901))
    refusal = next(one for one in desk.refusals() if one.code is RefusalCode.MAINTENANCE_RATIO)
    assert (refusal.subject, refusal.value, refusal.limit) == (LEFT, Decimal("0.5001"), Decimal("0.5"))
    desk.account(maintenance_usd=Decimal(4900))
    assert RefusalCode.MAINTENANCE_RATIO not in desk.codes()
    # What is held is in the venue's number already.
    desk.accounts[LEFT] = account(LEFT, held(listed("left", "ETH"), 5000))
    desk.account(maintenance_usd=Decimal(4900))
    assert RefusalCode.MAINTENANCE_RATIO not in desk.codes()


def test_maintenance_is_that_of_the_tier_after_growth() -> None:
    huge = Decimal(10**9)
    desk = Desk(limits=replace(LIMITS, max_hedge_notional_usd=huge, max_instrument_notional_usd=huge))
    desk.limit(max_exchange_notional_usd=huge, max_pair_notional_usd=huge, max_total_notional_usd=huge)
    desk.limit(max_leverage=Decimal(20), min_liquidation_distance=Decimal("0.0001"))
    desk.accounts[LEFT] = account(LEFT, held(desk.left, 95_001), equity=20_000)
    # Beyond 100 000 the whole position needs 10 %, not 2 %: half of the equity and a little more.
    refusal = desk.refusal()
    assert (refusal.code, refusal.value) == (RefusalCode.MAINTENANCE_RATIO, Decimal("100001") / 10 / 20_000)


def test_the_tier_is_that_of_the_size_in_the_quote_currency() -> None:
    desk = Desk()
    # 100 001 of a currency that is worth a tenth of a dollar: 10 000 dollars in the second tier, at 10 % each.
    desk.accounts[LEFT] = account(LEFT, held(listed("left", "ETH"), 100_010, rate="0.1"))
    desk.limit(max_maintenance_ratio=Decimal("0.11"))
    refusal = desk.refusal()
    assert (refusal.code, refusal.value) == (RefusalCode.MAINTENANCE_RATIO, Decimal("0.11001"))
    desk.accounts[LEFT] = account(LEFT, held(listed("left", "ETH"), 100_000, rate="0.1"))
    assert desk.codes() == set()


def test_the_initial_margin_follows_the_tier_of_the_whole_position() -> None:
    huge = Decimal(10**9)
    desk = Desk(margin=Fresh(MarginSetting(Decimal(20), MarginMode.CROSS), "test", START_NS))
    desk.limit(max_instrument_notional_usd=huge, max_exchange_notional_usd=huge, max_total_notional_usd=huge)
    for size, needed in ((95_000, 250), (95_001, 1000)):
        desk.accounts[LEFT] = replace(account(LEFT, held(desk.left, size), equity=50_000), available_usd=fresh(5250))
        share = (5250 - Decimal(needed)) / 50_000
        assert [one.value for one in desk.refusals()] == ([] if share >= Decimal("0.1") else [share])
    # The tier is looked up in the quote currency: 5000 dollars are 5050 of one that is worth 0.99.
    desk.accounts[LEFT] = replace(account(LEFT, held(desk.left, 94_960), equity=50_000), available_usd=fresh(5250))
    assert desk.codes() == set()
    desk.quote = fresh("0.99")
    assert desk.codes() == {RefusalCode.AVAILABLE_MARGIN}


# Liquidation.


def thin(equity: object) -> Desk:
    desk = Desk(limits=replace(LIMITS, max_leverage=Decimal(20), min_available_margin=Decimal(0)))
    desk.limit(max_maintenance_ratio=Decimal("0.9"))
    desk.accounts[LEFT] = replace(account(LEFT, equity=equity), available_usd=fresh(5000))
    return desk


def test_drill_our_own_formula_finds_an_account_too_near_to_liquidation() -> None:
    # (E - mmr N) / (N + mmr N), the short's distance of handbook C7, with N = 5000 and mmr = 2 %.
    assert thin(610).codes() == set()
    desk = thin(600)
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.LIQUIDATION_DISTANCE, LEFT)
    assert refusal.value == Decimal(500) / Decimal(5100)
    assert refusal.limit == Decimal("0.1")


@pytest.mark.parametrize(("size", "liquidation"), [(2000, "90.01"), (-2000, "109.99")])
def test_drill_the_venues_own_liquidation_price_is_too_near(size: int, liquidation: str) -> None:
    desk, other = Desk(), listed("left", "ETH")
    desk.accounts[LEFT] = account(LEFT, held(other, size, liquidation=liquidation))
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject, refusal.value) == (
        RefusalCode.LIQUIDATION_DISTANCE,
        other.id,
        Decimal("0.0999"),
    )


def test_a_venues_liquidation_price_that_is_far_changes_nothing() -> None:
    desk, other = Desk(), listed("left", "ETH")
    for size, liquidation in ((2000, 90), (-2000, 110), (2000, 0), (2000, -5), (-2000, 0), (-2000, None)):
        desk.accounts[LEFT] = account(LEFT, held(other, size, liquidation=liquidation))
        assert desk.codes() == set(), (size, liquidation)


def test_drill_a_position_whose_liquidation_nobody_knows_is_never_skipped() -> None:
    desk, other = Desk(), listed("left", "ETH")
    for leverage in (None, 0, "NaN"):
        desk.accounts[LEFT] = account(LEFT, held(other, 1000, mode=MarginMode.ISOLATED, leverage=leverage))
        refusal = desk.refusal()
        assert (refusal.code, refusal.subject) == (RefusalCode.LIQUIDATION_UNKNOWN, other.id)
    # The venue's price alone is enough, and so is our formula alone.
    desk.accounts[LEFT] = account(LEFT, held(other, 1000, mode=MarginMode.ISOLATED, liquidation=50))
    assert desk.codes() == set()
    desk.accounts[LEFT] = account(LEFT, held(other, 1000, mode=MarginMode.ISOLATED, leverage=3))
    assert desk.codes() == set()


def test_drill_our_formula_is_asked_even_where_the_venue_gives_a_comfortable_price() -> None:
    desk, other = Desk(), listed("left", "ETH")
    # 10x isolated at 2 %: -8.2 % (handbook C7), whatever the venue says.
    position = held(other, 1000, mode=MarginMode.ISOLATED, leverage=10, liquidation=1)
    desk.accounts[LEFT] = account(LEFT, position)
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.LIQUIDATION_DISTANCE, other.id)
    assert round(refusal.value or 0, 3) == Decimal("0.082")


def test_drill_an_isolated_leg_is_measured_by_its_own_margin() -> None:
    desk = Desk(margin=Fresh(MarginSetting(Decimal(10), MarginMode.ISOLATED), "test", START_NS))
    desk.limit(max_leverage=Decimal(10))
    found = {one.subject: round(one.value or 0, 4) for one in desk.refusals()}
    # 10x at 2 %: the long is liquidated by -8.2 %, the short by +7.8 % (handbook C7).
    assert found == {"BTC-PERP.left": Decimal("0.0816"), "BTC-PERP.right": Decimal("0.0784")}
    assert desk.codes() == {RefusalCode.LIQUIDATION_DISTANCE}


@pytest.mark.parametrize(("size", "expected"), [(1000, "0.0816"), (-1000, "0.0784")])
def test_the_margin_of_an_isolated_position_is_what_was_set_aside_and_its_profit(size: int, expected: str) -> None:
    desk, other = Desk(), listed("left", "ETH")
    position = held(other, size, mode=MarginMode.ISOLATED, leverage=5, rate="0.5")
    # 200 were set aside at 5x, and half of it is lost: what 10x would have left.
    lost = replace(position, position=replace(position.position, unrealized_pnl=Decimal(-100)))
    desk.accounts[LEFT] = account(LEFT, lost)
    assert round(desk.refusal().value or 0, 4) == Decimal(expected)


def test_the_tier_of_a_leg_counts_with_what_is_held_in_its_quote_currency() -> None:
    desk = Desk(quote=fresh("0.99"))
    huge = Decimal(10**9)
    desk.limit(max_instrument_notional_usd=huge, max_exchange_notional_usd=huge, max_total_notional_usd=huge)
    desk.limit(max_maintenance_ratio=Decimal("0.1"))
    desk.accounts[LEFT] = account(LEFT, held(desk.left, 94_960), equity=90_000)
    # 94 960 and 5050: the second tier, with 10 % of everything.
    refusal = desk.refusal()
    assert (refusal.code, refusal.value) == (RefusalCode.MAINTENANCE_RATIO, Decimal(9996) / 90_000)


def test_what_an_isolated_position_ties_up_is_not_there_for_the_others() -> None:
    desk, other = thin(1500), listed("left", "ETH")
    alone = held(other, 3000, mode=MarginMode.ISOLATED, leverage=3)
    desk.accounts[LEFT] = account(LEFT, alone, equity=1500)
    # 1000 of the 1500 belong to the isolated position: 500 stand behind the 5000 of cross margin.
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.LIQUIDATION_DISTANCE, LEFT)
    assert refusal.value == Decimal(500 - 100) / (5000 + 100)


# Data that is old, missing or no number.


@pytest.mark.parametrize(
    "reading",
    [Stale(Decimal(10_000), "test", START_NS), Unknown("not read"), fresh("NaN"), fresh(10_000, 11 * SECOND_NS)],
)
def test_drill_equity_that_is_not_known_now_opens_nothing(reading: Reading[Decimal]) -> None:
    desk = Desk()
    desk.account(equity_usd=reading)
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.EQUITY_UNKNOWN, LEFT)
    assert str(refusal) == "equity_unknown (left)"


@pytest.mark.parametrize(
    "reading",
    [Stale(Decimal(10_000), "test", START_NS), Unknown("not read"), fresh("NaN"), fresh(10_000, 11 * SECOND_NS)],
)
def test_drill_available_margin_that_is_not_known_now_opens_nothing(reading: Reading[Decimal]) -> None:
    desk = Desk()
    desk.account(available_usd=reading)
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.MARGIN_UNKNOWN, LEFT)


@pytest.mark.parametrize(
    "reading",
    [
        Stale(Decimal(50_000), "test", START_NS),
        Unknown("no book"),
        fresh(0),
        fresh("NaN"),
        fresh(50_000, 6 * SECOND_NS),
    ],
)
def test_drill_a_price_that_is_not_known_now_opens_nothing(reading: Reading[Decimal]) -> None:
    refusal = Desk(mid=reading).refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.PRICE_UNKNOWN, "BTC-PERP.left")


def test_drill_a_reading_grows_too_old_while_it_waits() -> None:
    desk = Desk()
    desk.clock.advance(5 * SECOND_NS)
    assert desk.codes() == set()
    desk.clock.advance(1)
    assert desk.codes() == {RefusalCode.PRICE_UNKNOWN}


def test_drill_positions_that_are_not_known_count_as_unknown_not_as_nothing() -> None:
    desk = Desk()
    for name in (LEFT, ExchangeName("third")):
        desk.accounts = {LEFT: account(LEFT), RIGHT: account(RIGHT)}
        desk.accounts[name] = replace(account(name), positions=None)
        refusal = desk.refusal()
        assert (refusal.code, refusal.subject) == (RefusalCode.EQUITY_UNKNOWN, name)
    desk.accounts = {LEFT: account(LEFT)}
    assert (desk.refusal().code, desk.refusal().subject) == (RefusalCode.EQUITY_UNKNOWN, RIGHT)


@pytest.mark.parametrize(
    "change", [{"mark_price": Decimal(0)}, {"mark_price": Decimal("NaN")}, {"quantity": Decimal("NaN")}]
)
def test_drill_a_position_without_a_value_is_not_worth_nothing(change: dict[str, Any]) -> None:
    desk = Desk()
    position = held(listed("left", "ETH"), 1000)
    desk.accounts[LEFT] = account(LEFT, replace(position, position=replace(position.position, **change)))
    assert desk.codes() == {RefusalCode.EQUITY_UNKNOWN}


@pytest.mark.parametrize("what", ["max_notional", "maintenance_rate", "max_leverage"])
@pytest.mark.parametrize("value", ["NaN", "sNaN"])
def test_drill_a_margin_rule_that_is_no_number_refuses_and_breaks_nothing(what: str, value: str) -> None:
    rule: dict[str, Any] = {what: Decimal(value)}
    left = listed("left")
    desk = Desk(left=replace(left, margin_tiers=(replace(left.margin_tiers[0], **rule), left.margin_tiers[1])))
    assert desk.codes() == {RefusalCode.NOT_COMPUTABLE}


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_drill_a_maintenance_margin_that_is_no_number_refuses(value: str) -> None:
    desk = Desk()
    desk.account(maintenance_usd=Decimal(value))
    assert desk.codes() & {RefusalCode.NOT_COMPUTABLE, RefusalCode.MAINTENANCE_RATIO}


# Prices that disagree.


def test_drill_the_mid_prices_of_the_venues_diverge() -> None:
    desk = Desk(short_mid=fresh(50_501))
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.PRICE_DIVERGENCE, "BTC")
    assert round(refusal.value or 0, 2) == Decimal("100.2")
    desk.short_mid = fresh(50_500)
    assert desk.codes() == set()


def test_drill_the_mark_prices_of_the_venues_diverge() -> None:
    desk = Desk(mark=fresh(49_500))
    refusal = desk.refusal()
    assert (refusal.code, refusal.subject) == (RefusalCode.MARK_DIVERGENCE, "BTC")


@pytest.mark.parametrize("reading", [Unknown("not published"), Stale(Decimal(1), "test", START_NS)])
def test_marks_are_compared_where_every_venue_publishes_one(reading: Reading[Decimal]) -> None:
    assert Desk(mark=reading).codes() == set()


def test_prices_are_compared_per_unit_of_the_base() -> None:
    desk = Desk(right=replace(listed("right"), multiplier=Decimal(1000)))
    desk.short_quantity = Decimal("0.0001")
    desk.short_mid = desk.short_mark = fresh(50_010_000)
    assert desk.codes() == set()


# The dollar.


@pytest.mark.parametrize("rate", ["0.99", "1.01"])
def test_a_currency_may_be_as_far_from_the_dollar_as_the_limit(rate: str) -> None:
    assert Desk(quote=fresh(rate)).codes() == set()


@pytest.mark.parametrize("rate", ["0.9899", "1.0101"])
def test_drill_the_quote_currency_leaves_the_dollar(rate: str) -> None:
    refusals = Desk(quote=fresh(rate)).refusals()
    assert {(refusal.code, refusal.subject) for refusal in refusals} == {(RefusalCode.DEPEG, "USDC")}
    assert refusals[0].value == Decimal(101)


@pytest.mark.parametrize("reading", [Unknown("nobody says"), Stale(Decimal(1), "test", 0), fresh(0), fresh("NaN")])
def test_drill_a_quote_currency_of_unknown_value_opens_nothing(reading: Reading[Decimal]) -> None:
    assert Desk(quote=reading).codes() == {RefusalCode.QUOTE_UNKNOWN}


# The shape of a plan.


@pytest.mark.parametrize("short", ["0.0995", "0.1", "0.1005"])
def test_legs_may_differ_by_half_of_the_coarsest_step(short: str) -> None:
    assert Desk(short_quantity=Decimal(short)).codes() == set()


def test_the_coarsest_step_is_measured_in_the_base_asset() -> None:
    desk = Desk(right=replace(listed("right"), multiplier=Decimal(10)), short_quantity=Decimal("0.0105"))
    desk.short_mid = desk.short_mark = fresh(500_100)
    assert desk.codes() == set()  # 0.105 against 0.1, and the step on the right is 0.01
    desk.short_quantity = Decimal("0.01051")
    assert desk.codes() == {RefusalCode.NOT_NEUTRAL}


@pytest.mark.parametrize("short", ["0.098", "0.102"])
def test_drill_legs_that_do_not_balance(short: str) -> None:
    refusal = Desk(short_quantity=Decimal(short)).refusal()
    assert (refusal.code, refusal.value, refusal.limit) == (
        RefusalCode.NOT_NEUTRAL,
        Decimal("0.002"),
        Decimal("0.0005"),
    )


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN"])
def test_drill_a_plan_without_a_size_is_refused_and_not_divided_by(quantity: str) -> None:
    desk = Desk()
    both(desk, quantity)
    assert desk.codes() == {RefusalCode.NOT_NEUTRAL}


def test_drill_legs_that_are_not_the_plans_are_refused() -> None:
    desk = Desk()
    first, second = desk.legs()
    for legs in (
        [first],
        [second, first],
        [replace(first, quantity=Decimal("0.01"), base_quantity=Decimal("0.01")), second],
        [replace(first, base_quantity=-first.base_quantity), second],
        [replace(first, instrument=listed("third")), second],
    ):
        decision = desk.decide(legs)
        assert not isinstance(decision, ApprovedPlan)
        assert [refusal.code for refusal in decision] == [RefusalCode.NOT_NEUTRAL]


def test_drill_two_legs_on_one_side_are_no_hedge() -> None:
    desk = Desk()
    plan, legs = desk.plan(), desk.legs()
    plan = replace(plan, legs=(plan.legs[0], replace(plan.legs[1], side=PositionSide.LONG)))
    legs[1] = replace(legs[1], base_quantity=-legs[1].base_quantity)
    gate = RiskManager(LIMITS, halts=desk.halts, veto=lambda _: None, clock=desk.clock, instruments={})
    decision = gate.approve(plan, legs, desk.accounts, hedges=())
    assert not isinstance(decision, ApprovedPlan)
    assert {refusal.code for refusal in decision} == {RefusalCode.NOT_NEUTRAL}


@pytest.mark.parametrize("status", [one for one in InstrumentStatus if one is not InstrumentStatus.TRADING])
def test_drill_an_instrument_that_is_not_traded(status: InstrumentStatus) -> None:
    refusal = Desk(right=listed("right", status=status)).refusal()
    assert (refusal.code, refusal.subject, refusal.note) == (RefusalCode.NOT_TRADING, "BTC-PERP.right", status)


# Halts.


@pytest.mark.parametrize("scope", [EVERYTHING, LEFT, RIGHT])
def test_drill_no_plan_passes_a_halt(scope: str) -> None:
    desk = Desk()
    desk.halts.halt(scope, "the test says so", by="test")
    refusals = desk.refusals()
    assert {one.code for one in refusals} == {RefusalCode.HALTED}
    assert {one.subject for one in refusals} == ({LEFT, RIGHT} if scope == EVERYTHING else {scope})
    assert "the test says so" in str(refusals[0])
    desk.halts.lift(by="a person", reason="looked")
    assert desk.codes() == set()


def test_a_halt_of_another_exchange_stops_nobody_here() -> None:
    desk = Desk()
    desk.halts.halt("third", "the test says so", by="test")
    assert desk.codes() == set()


def test_every_broken_limit_is_told_at_once() -> None:
    desk = Desk(quote=fresh("0.98"), right=listed("right", status=InstrumentStatus.SUSPENDED))
    both(desk, "0.3")
    desk.account(equity_usd=fresh(1000), available_usd=fresh(0))
    assert desk.codes() >= {
        RefusalCode.DEPEG,
        RefusalCode.NOT_TRADING,
        RefusalCode.HEDGE_NOTIONAL,
        RefusalCode.TOTAL_NOTIONAL,
        RefusalCode.LEVERAGE,
        RefusalCode.AVAILABLE_MARGIN,
    }
