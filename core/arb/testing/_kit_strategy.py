"""The conformance kit of strategies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal

import pytest

from arb.api import Context, Strategy, StrategySpec
from arb.model import (
    DAY_NS,
    HOUR_NS,
    SECOND_NS,
    ZERO,
    Bbo,
    CloseHedge,
    Fresh,
    FundingKind,
    FundingRate,
    Hedge,
    HedgeCost,
    HedgeId,
    HedgeOutlook,
    HedgeStatus,
    Instrument,
    Intent,
    Leg,
    OpenHedge,
    Opportunity,
    PositionSide,
    RateUnit,
)

from ._fakes_market import sample_instrument
from ._fakes_view import FakeView
from ._kit import Conformance

Body = Callable[[Strategy, Context], Awaitable[None]]
Use = Callable[[Body], None]

_LONG = sample_instrument("venue-a", "BTC")
_SHORT = sample_instrument("venue-b", "BTC")
_QUANTITY = Decimal("0.1")


def rich_opportunity() -> Opportunity:
    """Return a pair that pays its cost within hours."""
    return Opportunity(
        base="BTC",
        long=_LONG.id,
        short=_SHORT.id,
        long_quantity=_QUANTITY,
        short_quantity=_QUANTITY,
        notional_usd=Decimal(5_000),
        long_rate_hour=Decimal("-0.0001"),
        short_rate_hour=Decimal("0.0001"),
        carry_bps_hour=Decimal(2),
        capture_bps=Decimal(140),
        cost=HedgeCost(fees_bps=Decimal(12), spread_bps=Decimal(2), impact_bps=Decimal(1)),
        break_even_hours=Decimal("7.5"),
        basis_bps=Decimal(1),
        net_usd=Decimal("62.5"),
        capital_usd=Decimal(1_000),
        score=Decimal("0.0009"),
    )


def open_hedge(strategy: str, created_ns: int) -> Hedge:
    """Return a hedge that was opened and is neutral."""
    legs = tuple(
        Leg(
            instrument=instrument.id,
            side=side,
            target_quantity=_QUANTITY,
            multiplier=Decimal(1),
            entry_quantity=_QUANTITY,
            entry_price=Decimal(50_000),
        )
        for instrument, side in ((_LONG, PositionSide.LONG), (_SHORT, PositionSide.SHORT))
    )
    return Hedge(
        id=HedgeId("h1"),
        strategy=strategy,
        base="BTC",
        legs=legs,
        status=HedgeStatus.OPEN,
        created_ns=created_ns,
        opened_ns=created_ns,
        max_slippage_bps=Decimal(10),
        entry_reason="conformance kit",
    )


def informed_view(now_ns: int) -> FakeView:
    """Return a view on which everything is known and one pair is worth opening."""
    view = FakeView(now_ns=now_ns, instruments={each.id: each for each in (_LONG, _SHORT)})
    for instrument, rate in ((_LONG, "-0.0008"), (_SHORT, "0.0008")):
        view.equities[instrument.exchange] = Fresh(Decimal(100_000), "kit", now_ns)
        view.rates[instrument.id] = Fresh(_rate(instrument, rate, now_ns), "kit", now_ns)
        view.quotes[instrument.id] = Fresh(_quote(instrument, now_ns), "kit", now_ns)
    view.opportunities.append(rich_opportunity())
    return view


class StrategyConformance(Conformance):
    """Cases T-001 to T-010, on views made by hand."""

    group = "behaviour"
    hook = "arb_strategies"
    spec_type = StrategySpec

    @pytest.fixture
    def use(
        self,
        make: Callable[[Context], AbstractAsyncContextManager[Strategy]],
        context: Callable[[], Context],
        play: Callable[[Callable[[], Awaitable[None]]], None],
    ) -> Use:
        """Return a function that runs a case on a newly opened strategy without memory."""

        def run(body: Body) -> None:
            async def case() -> None:
                lent = context()
                async with make(lent) as strategy:
                    await body(strategy, lent)

            play(case)

        return run

    def test_t005_it_is_a_strategy_with_a_cycle(self, use: Use) -> None:
        """The time between decisions is positive and at most a day."""

        async def body(strategy: Strategy, context: Context) -> None:
            assert isinstance(strategy, Strategy)
            assert 0 < strategy.cycle_ns <= DAY_NS

        use(body)

    def test_t006_on_an_empty_view_it_does_nothing(self, use: Use) -> None:
        """No instruments, no hedges, nothing known."""

        async def body(strategy: Strategy, context: Context) -> None:
            assert list(await strategy.decide(FakeView(now_ns=context.clock.now_ns()))) == []

        use(body)

    def test_t007_what_it_wants_can_be_traded(self, use: Use) -> None:
        """Exits before entries; legs on instruments it sees, different ones, neutral in the base asset."""

        async def body(strategy: Strategy, context: Context) -> None:
            now_ns = context.clock.now_ns()
            view = informed_view(now_ns)
            for hedges in ([], [open_hedge(context.name, now_ns - HOUR_NS)]):
                view.hedges = hedges
                _check_intents(list(await strategy.decide(view)), view)

        use(body)

    def test_t008_unknown_inputs_open_nothing(self, use: Use) -> None:
        """Equity, funding and prices that are not known are not zero and not good enough."""

        async def body(strategy: Strategy, context: Context) -> None:
            view = FakeView(now_ns=context.clock.now_ns(), instruments={each.id: each for each in (_LONG, _SHORT)})
            view.hedges = [open_hedge(context.name, view.now_ns - HOUR_NS)]
            intents = await strategy.decide(view)
            assert not [intent for intent in intents if isinstance(intent, OpenHedge)]
            _check_intents(intents, view)

        use(body)

    def test_t009_it_decides_the_same_on_the_same_view(
        self,
        make: Callable[[Context], AbstractAsyncContextManager[Strategy]],
        context: Callable[[], Context],
        play: Callable[[Callable[[], Awaitable[None]]], None],
    ) -> None:
        """Opened twice with the same memory, it returns the same intents: no hidden chance or clock."""

        async def case() -> None:
            decided = []
            for _ in range(2):
                lent = context()
                view = informed_view(lent.clock.now_ns())
                async with make(lent) as strategy:
                    decided.append(list(await strategy.decide(view)))
            assert decided[0] == decided[1]

        play(case)

    def test_t010_it_goes_on_over_many_cycles(self, use: Use) -> None:
        """Readings that come and go raise nothing, and every decision can be traded."""

        async def body(strategy: Strategy, context: Context) -> None:
            hedge = open_hedge(context.name, context.clock.now_ns())
            for cycle in range(20):
                view = informed_view(context.clock.now_ns())
                view.hedges = [hedge] if cycle % 3 else []
                if cycle % 2:
                    view.outlooks[hedge.id] = _outlook(hedge, view.now_ns, Decimal(2 - cycle))
                if cycle % 5 == 4:
                    view.rates.clear()
                _check_intents(await strategy.decide(view), view)
                await context.clock.sleep_until(view.now_ns + strategy.cycle_ns)

        use(body)


def _check_intents(intents: Sequence[Intent], view: FakeView) -> None:
    kinds = [isinstance(intent, OpenHedge) for intent in intents]
    assert kinds == sorted(kinds), "an entry before an exit"
    own = {hedge.id for hedge in view.hedges}
    closed = [intent.hedge_id for intent in intents if isinstance(intent, CloseHedge)]
    assert len(set(closed)) == len(closed), "one hedge closed twice"
    assert own.issuperset(closed), "a hedge that is not its own"
    for intent in intents:
        assert intent.plan.reason if isinstance(intent, OpenHedge) else intent.reason
        if isinstance(intent, OpenHedge):
            legs = intent.plan.legs
            assert len({leg.instrument for leg in legs}) == len(legs) >= 2
            assert all(leg.quantity > 0 for leg in legs)
            assert {leg.instrument for leg in legs} <= set(view.instruments)
            assert {view.instruments[leg.instrument].base for leg in legs} == {intent.plan.base}
            exposure = sum(
                (leg.quantity * view.instruments[leg.instrument].multiplier * leg.side.sign for leg in legs), ZERO
            )
            assert exposure == 0, f"not neutral: {exposure} {intent.plan.base}"
            assert intent.plan.max_slippage_bps > 0


def _rate(instrument: Instrument, rate: str, now_ns: int) -> FundingRate:
    interval_ns = instrument.funding_interval_ns or HOUR_NS
    return FundingRate(
        instrument=instrument.id,
        raw=Decimal(rate),
        unit=RateUnit(factor=Decimal(1), period_ns=interval_ns),
        interval_ns=interval_ns,
        kind=FundingKind.PREDICTED,
        ts_event_ns=now_ns,
        ts_init_ns=now_ns,
        next_funding_ns=(now_ns // interval_ns + 1) * interval_ns,
    )


def _quote(instrument: Instrument, now_ns: int) -> Bbo:
    return Bbo(
        instrument=instrument.id,
        bid=Decimal(49_995),
        ask=Decimal(50_005),
        bid_size=Decimal(10),
        ask_size=Decimal(10),
        sequence=1,
        ts_event_ns=now_ns - SECOND_NS,
        ts_init_ns=now_ns,
    )


def _outlook(hedge: Hedge, now_ns: int, carry: Decimal) -> HedgeOutlook:
    return HedgeOutlook(
        hedge=hedge,
        ts_ns=now_ns,
        horizon_hours=Decimal(72),
        notional_usd=Decimal(5_000),
        carry_bps_hour=carry,
        capture_bps=carry * 72,
        exit_cost_bps=Decimal(7),
        funding=Decimal(3),
        fees=Decimal(5),
        price_pnl=Decimal(-1),
        liquidation_distance=Decimal("0.4"),
    )
