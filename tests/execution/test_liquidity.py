from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.execution.conftest import BookSource, DictTier

from arb.api import ConnectFailed, Exchange, ExchangeError
from arb.execution._liquidity import LegLiquidity, LiquidityAnalyzer, less_likely
from arb.marketdata import PriceProvider
from arb.model import (
    MILLISECOND_NS,
    SECOND_NS,
    ExchangeName,
    HedgePlan,
    InstrumentId,
    LegPlan,
    PositionSide,
)
from arb.testing import START_NS, FakeClock, Fault, MemoryExchange, sample_instrument, settle

Levels = Sequence[tuple[str, str]]
CALM: tuple[Levels, Levels] = ([("999", "8"), ("998", "8")], [("1001", "8"), ("1002", "8")])
"""The mid is 1000, a level is 10 bps."""


class World:
    """Two venues with books around 1000 and the analyzer over them."""

    def __init__(self, long: tuple[Levels, Levels] = CALM, short: tuple[Levels, Levels] = CALM, **options: Any) -> None:
        self.clock = FakeClock()
        self.venues = [MemoryExchange(name, clock=self.clock, prices={}) for name in ("one", "two")]
        self.instruments = {}
        for venue, (bids, asks) in zip(self.venues, (long, short), strict=True):
            instrument = sample_instrument(venue.name)
            self.instruments[instrument.id] = instrument
            venue.add_instrument(instrument)
            venue.set_book(instrument.id, bids, asks)
        exchanges: dict[ExchangeName, Exchange] = {venue.name: venue for venue in self.venues}
        self.prices = PriceProvider(self.clock, exchanges, {"memory": DictTier()}, {"rest": BookSource()})
        self.analyzer = LiquidityAnalyzer(self.prices, self.instruments, max_age_ns=SECOND_NS, **options)

    @property
    def names(self) -> list[InstrumentId]:
        return list(self.instruments)

    def plan(self, quantity: str, bound_bps: str = "25") -> HedgePlan:
        legs = tuple(
            LegPlan(instrument=name, side=side, quantity=Decimal(quantity))
            for name, side in zip(self.names, PositionSide, strict=True)
        )
        return HedgePlan(base="BTC", legs=legs, max_slippage_bps=Decimal(bound_bps), reason="test")

    async def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Let time pass until `work` is done."""
        task = asyncio.create_task(work)
        await settle()
        while not task.done() and (wake_ns := self.clock.next_wake_ns) is not None:
            self.clock.move_to(wake_ns)
            await settle()
        return await task

    def fetches(self) -> list[int]:
        return [venue.faults.calls["fetch_order_book"] for venue in self.venues]


def check(world: World, quantity: str, bound_bps: str = "25") -> Sequence[LegLiquidity]:
    found: Sequence[LegLiquidity] = asyncio.run(world.run(world.analyzer.check(world.plan(quantity, bound_bps))))
    return found


def test_a_leg_is_bought_from_the_asks_and_given_back_to_half_of_the_bids() -> None:
    long, short = check(World(([("999", "4"), ("998", "20")], CALM[1])), "10")
    assert (long.mid_price, long.spread_bps) == (Decimal(1000), Decimal(20))
    # Bought: 8 at 1001 and 2 at 1002. Given back: 2 of 4 at 999 and 8 of 10 at 998.
    assert (long.vwap, long.slippage_bps, long.fillable) == (Decimal("1001.2"), Decimal(12), Decimal(10))
    assert (long.exit_slippage_bps, long.exit_fillable) == (Decimal(18), Decimal(10))
    assert long.is_enough
    assert long.can_leave
    # Sold: 8 at 999 and 2 at 998. Given back: 4 of 8 at 1001 and 4 of 8 at 1002, and no more.
    assert (short.vwap, short.slippage_bps, short.fillable) == (Decimal("998.8"), Decimal(12), Decimal(10))
    assert (short.exit_slippage_bps, short.exit_fillable) == (Decimal(15), Decimal(8))
    assert short.is_enough
    assert not short.can_leave


def test_the_score_is_the_filled_parts_less_the_used_up_bounds() -> None:
    _, short = check(World(), "10")
    # 10 of 10 there, 8 of 10 back; 12 and 15 of 25 bps used, on average 54 %.
    assert short.score == Decimal(1) * Decimal("0.8") * (1 - Decimal("0.54"))


def test_what_lies_beyond_the_bound_is_not_there() -> None:
    long, _ = check(World(), "10", bound_bps="15")
    assert (long.fillable, long.is_enough) == (Decimal(8), False)
    nothing, _ = check(World(), "10", bound_bps="5")
    assert (nothing.fillable, nothing.slippage_bps, nothing.vwap) == (Decimal(0), None, None)
    assert (nothing.exit_fillable, nothing.exit_slippage_bps) == (Decimal(0), None)
    assert nothing.score == 0
    bound_of_zero, _ = check(World(), "10", bound_bps="0")
    assert bound_of_zero.score == 0


def test_the_exit_has_a_depth_and_a_band_of_its_own() -> None:
    long, _ = check(World(stress_depth=Decimal("0.25"), exit_band_bps=Decimal(12)), "10")
    assert (long.fillable, long.exit_fillable) == (Decimal(10), Decimal(2))
    thorough, _ = check(World(stress_depth=Decimal(1)), "10")
    assert thorough.exit_fillable == 10


def test_the_bound_is_the_price_of_the_order_that_will_be_sent() -> None:
    """An order's price is on the tick: what is between the tick and the bound cannot be reached by it."""
    world = World()
    for name, instrument in world.instruments.items():
        world.instruments[name] = replace(instrument, tick_size=Decimal(5))
    long, short = check(world, "10")
    assert (long.fillable, short.fillable) == (Decimal(0), Decimal(0))


def test_each_book_is_fetched_once_and_is_there_for_what_follows() -> None:
    async def case(world: World) -> None:
        for venue in world.venues:
            venue.faults.always("fetch_order_book", Fault(delay_ns=100 * MILLISECOND_NS))
        reports = await world.run(world.analyzer.check(world.plan("1")))
        assert world.fetches() == [1, 1]
        # Both were on their way at the same time.
        assert world.clock.now_ns() == START_NS + 100 * MILLISECOND_NS
        for report in reports:
            top = await world.prices.get_bbo(report.leg.instrument, SECOND_NS)
            assert top.value.mid_price == report.mid_price
            await world.prices.get_book(report.leg.instrument, SECOND_NS)
        assert world.fetches() == [1, 1]
        assert world.prices.statistics().fetches == 2

    asyncio.run(case(World()))


def test_a_book_that_cannot_be_read_is_no_liquidity_of_zero() -> None:
    async def case(world: World) -> None:
        error = ConnectFailed("no route", exchange="two")
        world.venues[1].faults.always("fetch_order_book", Fault(error=error, delay_ns=SECOND_NS))
        with pytest.raises(ExchangeError, match="no route"):
            await world.run(world.analyzer.check(world.plan("1")))
        assert world.clock.next_wake_ns is None

    asyncio.run(case(World()))


def report(score: str, spread_bps: str = "1") -> LegLiquidity:
    (one, _) = check(World(), "1")
    return replace(one, score=Decimal(score), spread_bps=Decimal(spread_bps))


def test_the_pilot_is_the_leg_less_likely_to_fill() -> None:
    assert less_likely([report("0.9"), report("0.4"), report("0.7")]) == 1
    assert less_likely([report("0.4", "1"), report("0.4", "3"), report("0.9", "9")]) == 1
    assert less_likely([report("0.4"), report("0.4")]) == 0
    thin: tuple[Levels, Levels] = ([("999", "2"), ("998", "2")], [("1001", "2"), ("1002", "2")])
    assert less_likely(check(World(short=thin), "3")) == 1
    assert less_likely(check(World(long=thin), "3")) == 0


sizes = st.integers(1, 20).map(str)
sides = st.lists(st.tuples(st.integers(1, 30), sizes), min_size=1, max_size=5, unique_by=lambda level: level[0])


@given(sides, sides, st.integers(1, 40), st.integers(0, 300), st.sampled_from(["0.1", "0.5", "1"]))
def test_a_score_is_between_zero_and_one(
    bids: list[tuple[int, str]], asks: list[tuple[int, str]], quantity: int, bound_bps: int, depth: str
) -> None:
    book: tuple[Levels, Levels] = (
        [(str(1000 - step), size) for step, size in sorted(bids)],
        [(str(1000 + step), size) for step, size in sorted(asks)],
    )
    for one in check(World(long=book, stress_depth=Decimal(depth)), str(quantity), str(bound_bps)):
        assert 0 <= one.score <= 1
        if not one.fillable or not one.exit_fillable:
            assert one.score == 0
        assert one.fillable <= quantity
        assert one.exit_fillable <= quantity
