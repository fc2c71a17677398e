"""The gate in front of every hedge."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.model import (
    ExchangeName,
    FeeSchedule,
    Fresh,
    HedgePlan,
    Instrument,
    InstrumentStatus,
    LegPlan,
    MarginTier,
    PositionSide,
    Reading,
    Stale,
    Unknown,
    instrument_id,
)
from arb.risk import AccountRisk, ApprovedPlan, PricedLeg, Refusal, RefusalCode, RiskLimits, RiskManager

LIMITS = RiskLimits(
    max_hedge_notional_usd=Decimal(10_000),
    max_exchange_notional_usd=Decimal(20_000),
    max_total_notional_usd=Decimal(30_000),
    max_hedges=3,
    max_leverage=Decimal(3),
    min_liquidation_distance=Decimal("0.1"),
    max_mark_divergence_bps=Decimal(100),
)


def instrument(exchange: str, **changes: object) -> Instrument:
    found = Instrument(
        id=instrument_id("BTC-PERP", exchange),
        symbol="BTC",
        base="BTC",
        quote="USDC",
        tick_size=Decimal("0.1"),
        lot_size=Decimal("0.001"),
        fees=FeeSchedule(maker=Decimal(0), taker=Decimal("0.0005")),
        margin_tiers=(MarginTier(max_notional=None, maintenance_rate=Decimal("0.02"), max_leverage=Decimal(20)),),
        funding_interval_ns=3_600_000_000_000,
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def decide(
    *,
    quantity: str = "0.1",
    short_quantity: str | None = None,
    prices: tuple[Reading[Decimal], Reading[Decimal]] | None = None,
    equity: Reading[Decimal] | None = None,
    gross: str = "0",
    open_hedges: int = 0,
    limits: RiskLimits = LIMITS,
    status: InstrumentStatus = InstrumentStatus.TRADING,
    others: tuple[AccountRisk, ...] = (),
) -> ApprovedPlan | tuple[Refusal, ...]:
    pair = (instrument("left"), instrument("right", status=status))
    sizes = (Decimal(quantity), Decimal(short_quantity or quantity))
    known = prices or (Fresh(Decimal(50_000), "test", 0), Fresh(Decimal(50_010), "test", 0))
    plan = HedgePlan(
        base="BTC",
        legs=(
            LegPlan(instrument=pair[0].id, side=PositionSide.LONG, quantity=sizes[0]),
            LegPlan(instrument=pair[1].id, side=PositionSide.SHORT, quantity=sizes[1]),
        ),
        max_slippage_bps=Decimal(10),
        reason="test",
    )
    legs = [
        PricedLeg(instrument=one, base_quantity=sign * size, quantity=size, mid_usd=price)
        for one, size, price, sign in zip(pair, sizes, known, (1, -1), strict=True)
    ]
    accounts = {
        one.exchange: AccountRisk(
            exchange=one.exchange,
            equity_usd=equity if equity is not None else Fresh(Decimal(10_000), "test", 0),
            gross_notional_usd=Decimal(gross),
        )
        for one in pair
    }
    accounts |= {one.exchange: one for one in others}
    return RiskManager(limits).approve(plan, legs, accounts, open_hedges=open_hedges)


def codes(result: ApprovedPlan | tuple[Refusal, ...]) -> set[RefusalCode]:
    return set() if isinstance(result, ApprovedPlan) else {refusal.code for refusal in result}


def test_a_plan_inside_every_limit_is_approved() -> None:
    assert isinstance(decide(), ApprovedPlan)


def test_only_the_gate_makes_an_approval() -> None:
    approved = decide()
    assert isinstance(approved, ApprovedPlan)
    with pytest.raises(TypeError, match="only RiskManager"):
        ApprovedPlan(approved.plan, object())


def test_each_limit_is_named_when_it_is_broken() -> None:
    assert codes(decide(open_hedges=3)) == {RefusalCode.HEDGE_COUNT}
    assert codes(decide(quantity="0.3")) == {RefusalCode.HEDGE_NOTIONAL, RefusalCode.TOTAL_NOTIONAL}
    assert RefusalCode.EXCHANGE_NOTIONAL in codes(decide(gross="16000"))
    assert codes(decide(short_quantity="0.09")) == {RefusalCode.NOT_NEUTRAL}
    assert codes(decide(status=InstrumentStatus.REDUCE_ONLY)) == {RefusalCode.NOT_TRADING}
    assert codes(decide(equity=Fresh(Decimal(1_000), "test", 0))) == {RefusalCode.LEVERAGE}
    tight = replace(LIMITS, max_leverage=Decimal(50), min_liquidation_distance=Decimal("0.5"))
    assert codes(decide(equity=Fresh(Decimal(1_000), "test", 0), limits=tight)) == {RefusalCode.LIQUIDATION_DISTANCE}


@pytest.mark.parametrize("reading", [Stale(Decimal(10_000), "test", 0), Unknown("not read")])
def test_equity_that_is_not_fresh_opens_nothing(reading: Reading[Decimal]) -> None:
    assert codes(decide(equity=reading)) == {RefusalCode.EQUITY_UNKNOWN}


@pytest.mark.parametrize("reading", [Stale(Decimal(50_000), "test", 0), Unknown("no book")])
def test_a_price_that_is_not_fresh_opens_nothing(reading: Reading[Decimal]) -> None:
    assert codes(decide(prices=(reading, Fresh(Decimal(50_000), "test", 0)))) == {RefusalCode.PRICE_UNKNOWN}


def test_prices_that_disagree_are_not_one_asset() -> None:
    prices = (Fresh(Decimal(50_000), "test", 0), Fresh(Decimal(51_000), "test", 0))
    assert codes(decide(prices=prices)) == {RefusalCode.PRICE_DIVERGENCE}


@given(
    quantity=st.decimals("0.001", "2", places=3),
    equity=st.decimals("1", "100000", places=2),
    gross=st.decimals("0", "40000", places=2),
)
def test_what_is_approved_keeps_every_limit(quantity: Decimal, equity: Decimal, gross: Decimal) -> None:
    result = decide(quantity=str(quantity), equity=Fresh(equity, "test", 0), gross=str(gross))
    if not isinstance(result, ApprovedPlan):
        assert result
        return
    largest = quantity * 50_010
    assert largest <= LIMITS.max_hedge_notional_usd
    assert gross + largest <= LIMITS.max_exchange_notional_usd
    assert gross + largest <= equity * LIMITS.max_leverage


def test_an_exchange_name_is_part_of_the_refusal() -> None:
    (refusal,) = decide(equity=Unknown("x"))[:1]  # type: ignore[index]
    assert refusal.subject == ExchangeName("left")
    assert "equity_unknown" in str(refusal)


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN"])
def test_a_plan_without_a_size_is_refused_and_not_divided_by(quantity: str) -> None:
    assert codes(decide(quantity=quantity)) == {RefusalCode.NOT_NEUTRAL}


def test_an_account_that_was_not_read_counts_as_unknown_not_as_nothing() -> None:
    elsewhere = AccountRisk(exchange=ExchangeName("third"), equity_usd=Unknown("not read"), gross_notional_usd=None)
    (refusal,) = decide(others=(elsewhere,))  # type: ignore[misc]
    assert (refusal.code, refusal.subject) == (RefusalCode.EQUITY_UNKNOWN, "third")
