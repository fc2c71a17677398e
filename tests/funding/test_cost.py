from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from arb.funding import LegMarket, break_even_hours, exit_cost, fill_cost, round_trip_cost
from arb.model import BookLevel, FeeSchedule, InstrumentId, OrderBook, PositionSide, Side

NAME = InstrumentId("BTC-PERP.x")


def book(bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> OrderBook:
    return OrderBook(
        instrument=NAME,
        bids=tuple(BookLevel(Decimal(p), Decimal(s)) for p, s in bids),
        asks=tuple(BookLevel(Decimal(p), Decimal(s)) for p, s in asks),
        sequence=1,
        ts_event_ns=0,
        ts_init_ns=0,
    )


def market(side: PositionSide, taker: str, held: OrderBook, quantity: str) -> LegMarket:
    fees = FeeSchedule(maker=Decimal(0), taker=Decimal(taker))
    return LegMarket(book=held, entry_fee=fees.taker, exit_fee=fees.taker, side=side, quantity=Decimal(quantity))


def half_bp_spread_and_three_tenths_impact() -> OrderBook:
    # The mid is 10000, half a spread 0.5 bp; two equal levels 0.6 bp apart make 0.3 bp of impact.
    return book([("9999.5", "1"), ("9998.9", "1")], [("10000.5", "1"), ("10001.1", "1")])


def test_the_handbooks_example_costs_12_2_bps_and_breaks_even_after_34_9_hours() -> None:
    held = half_bp_spread_and_three_tenths_impact()
    cost = round_trip_cost(market(PositionSide.LONG, "0.00045", held, "2"), market(PositionSide.SHORT, "0", held, "2"))
    assert cost is not None
    assert (cost.fees_bps, cost.spread_bps, cost.impact_bps) == (Decimal(9), Decimal(2), Decimal("1.2"))
    assert cost.total_bps == Decimal("12.2")
    hours = break_even_hours(cost.total_bps, Decimal("0.35"))
    assert hours is not None
    assert round(hours, 1) == Decimal("34.9")


def test_each_of_the_four_fills_is_counted_once() -> None:
    held = half_bp_spread_and_three_tenths_impact()
    long, short = market(PositionSide.LONG, "0.0002", held, "1"), market(PositionSide.SHORT, "0.0003", held, "1")
    there, away = round_trip_cost(long, short), exit_cost(long, short)
    assert there is not None
    assert away is not None
    assert there.fees_bps == 10
    assert away.fees_bps == 5
    assert there.total_bps == 2 * away.total_bps


def test_a_side_that_is_thinner_makes_the_exit_dearer_than_the_entry() -> None:
    held = book([("99", "1"), ("90", "9")], [("101", "10")])
    long = market(PositionSide.LONG, "0", held, "2")
    entry, leave = long.entry(), long.exit()
    assert entry is not None
    assert leave is not None
    assert entry.impact_bps == 0
    assert leave.vwap == Decimal("94.5")
    assert leave.impact_bps == 450


def test_too_thin_or_empty_a_book_has_no_cost() -> None:
    held = half_bp_spread_and_three_tenths_impact()
    assert fill_cost(held, Side.BUY, Decimal(3), Decimal(0)) is None
    assert fill_cost(book([], [("1", "1")]), Side.BUY, Decimal(1), Decimal(0)) is None
    enough, thin = market(PositionSide.LONG, "0", held, "2"), market(PositionSide.SHORT, "0", held, "3")
    assert round_trip_cost(enough, thin) is None
    assert exit_cost(enough, thin) is None


def test_a_rebate_lowers_the_cost() -> None:
    fill = fill_cost(half_bp_spread_and_three_tenths_impact(), Side.BUY, Decimal(1), Decimal("-0.0001"))
    assert fill is not None
    assert fill.total_bps == Decimal("-0.5")


sizes = st.decimals(min_value="0.001", max_value=50, places=3)


@given(
    bids=st.lists(st.tuples(st.integers(1, 999), sizes), min_size=1, max_size=8, unique_by=lambda level: level[0]),
    asks=st.lists(st.tuples(st.integers(1000, 2000), sizes), min_size=1, max_size=8, unique_by=lambda level: level[0]),
    quantity=sizes,
    side=st.sampled_from(Side),
)
def test_impact_and_spread_are_never_negative_and_grow_with_size(
    bids: list[tuple[int, Decimal]], asks: list[tuple[int, Decimal]], quantity: Decimal, side: Side
) -> None:
    held = OrderBook(
        instrument=NAME,
        bids=tuple(BookLevel(Decimal(p), s) for p, s in sorted(bids, reverse=True)),
        asks=tuple(BookLevel(Decimal(p), s) for p, s in sorted(asks)),
        sequence=1,
        ts_event_ns=0,
        ts_init_ns=0,
    )
    fill = fill_cost(held, side, quantity, Decimal(0))
    if fill is None:
        return
    assert fill.impact_bps >= 0
    assert fill.half_spread_bps > 0
    smaller = fill_cost(held, side, quantity / 2, Decimal(0))
    assert smaller is not None
    assert smaller.impact_bps <= fill.impact_bps + Decimal("1e-18")
