from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.storage.conftest import with_journal

from arb.api import InvariantBroken
from arb.model import (
    EquitySample,
    ExchangeName,
    FeeSchedule,
    FundingKind,
    FundingRate,
    Instrument,
    InstrumentId,
    MarginTier,
    PositionSample,
    RateUnit,
)
from arb.storage import Journal

T = TypeVar("T")
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

A, B = ExchangeName("one"), ExchangeName("two")
COIN_A, COIN_B = InstrumentId("COIN-PERP.one"), InstrumentId("COIN-PERP.two")


def rate(ts_event_ns: int, ts_init_ns: int, raw: str, kind: FundingKind = FundingKind.PREDICTED) -> FundingRate:
    unit = RateUnit(factor=Decimal(1), period_ns=1)
    return FundingRate(
        instrument=COIN_A,
        raw=Decimal(raw),
        unit=unit,
        interval_ns=1,
        kind=kind,
        ts_event_ns=ts_event_ns,
        ts_init_ns=ts_init_ns,
    )


@FEW
@given(st.permutations([(1, 5, "0.1"), (1, 9, "0.2"), (2, 6, "0.3"), (2, 3, "0.4")]), st.booleans())
def test_rates_in_any_order_keep_the_later_observation(facts: list[tuple[int, int, str]], apart: bool) -> None:
    async def body(journal: Journal) -> None:
        values = [rate(*fact) for fact in facts]
        for batch in [[value] for value in values] if apart else [values]:
            async with journal.transaction() as tx:
                await tx.add_funding_rates(batch)
        stored = await journal.funding_rates(COIN_A, FundingKind.PREDICTED, 0, 10)
        assert [one.raw for one in stored] == [Decimal("0.2"), Decimal("0.3")]
        assert [one.raw for one in await journal.latest_funding_rates(FundingKind.PREDICTED)] == [Decimal("0.3")]

    with_journal(body)


def test_predicted_and_settled_rates_never_mix() -> None:
    async def body(journal: Journal) -> None:
        async with journal.transaction() as tx:
            await tx.add_funding_rates([rate(1, 1, "0.1"), rate(1, 1, "0.2", FundingKind.SETTLED)])
        assert [one.raw for one in await journal.funding_rates(COIN_A, FundingKind.SETTLED, 0, 9)] == [Decimal("0.2")]
        assert [one.raw for one in await journal.latest_funding_rates(FundingKind.PREDICTED)] == [Decimal("0.1")]

    with_journal(body)


def sample(ts_ns: int, exchange: ExchangeName = A, equity: str = "1") -> EquitySample:
    return EquitySample(
        ts_ns=ts_ns,
        exchange=exchange,
        currency="USDC",
        cash=Decimal(equity),
        equity=Decimal(equity),
        usd_rate=Decimal(1),
    )


def test_a_snapshot_taken_again_replaces_the_one_before() -> None:
    async def body(journal: Journal) -> None:
        held = PositionSample(ts_ns=1, instrument=COIN_A, quantity=Decimal(1), mark_price=Decimal(9))
        async with journal.transaction() as tx:
            await tx.add_equity([sample(1), sample(1, B)])
            await tx.add_positions([held, replace(held, instrument=COIN_B)])
        async with journal.transaction() as tx:
            await tx.add_equity([sample(1, equity="2")])
        assert [one.equity for one in await journal.equity()] == [Decimal(2), Decimal(1)]
        assert [one.instrument for one in await journal.positions_at_last_sample()] == [COIN_B]

    with_journal(body)


def test_positions_need_the_equity_of_their_time() -> None:
    async def body(journal: Journal) -> None:
        later = PositionSample(ts_ns=2, instrument=COIN_A, quantity=Decimal(1), mark_price=Decimal(9))
        async with journal.transaction() as tx:
            await tx.add_equity([sample(1)])
            with pytest.raises(InvariantBroken, match="add the equity first"):
                await tx.add_positions([later])

    with_journal(body)


def test_a_change_of_rules_is_a_new_version(instrument: Instrument) -> None:
    async def body(journal: Journal) -> None:
        changed = replace(instrument, tick_size=Decimal(5))
        async with journal.transaction() as tx:
            assert await tx.put_instruments([instrument], seen_ns=100) == (instrument,)
            assert await tx.put_instruments([instrument], seen_ns=200) == ()
            assert await tx.put_instruments([changed], seen_ns=300) == (replace(changed, effective_from_ns=300),)
            assert await tx.put_instruments([changed], seen_ns=400) == ()
        assert await journal.instruments(at_ns=299) == (instrument,)
        assert await journal.instruments() == (replace(changed, effective_from_ns=300),)

    with_journal(body)


@pytest.fixture
def instrument() -> Instrument:
    return Instrument(
        id=COIN_A,
        symbol="COINUSDC",
        base="COIN",
        quote="USDC",
        tick_size=Decimal("0.1"),
        lot_size=Decimal("0.01"),
        fees=FeeSchedule(maker=Decimal(0), taker=Decimal("0.0005")),
        margin_tiers=(MarginTier(max_notional=None, maintenance_rate=Decimal("0.01"), max_leverage=Decimal(20)),),
        funding_interval_ns=3_600_000_000_000,
    )
