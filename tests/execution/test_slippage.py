from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.api import BadResponse
from arb.execution._slippage import SlippageCalculator, UnitCost, unit_cost
from arb.model import BookLevel, OrderBook, Side
from arb.testing import sample_instrument

BTC = sample_instrument(tick_size=Decimal("0.5"))
Levels = Sequence[tuple[str, str]]


def book(bids: Levels, asks: Levels) -> OrderBook:
    return OrderBook(
        instrument=BTC.id,
        bids=tuple(BookLevel(Decimal(price), Decimal(size)) for price, size in bids),
        asks=tuple(BookLevel(Decimal(price), Decimal(size)) for price, size in asks),
        sequence=1,
        ts_event_ns=0,
        ts_init_ns=0,
    )


def around_1000() -> OrderBook:
    """The mid is 1000, a level is 10 bps."""
    return book([("999", "1"), ("998", "2"), ("990", "9")], [("1001", "1"), ("1002", "2"), ("1010", "9")])


NO_MARKETS = [book([], [("1", "1")]), book([("1", "1")], []), book([("2", "1")], [("1", "1")])]


def test_the_average_the_worst_price_and_the_slippage_of_a_take() -> None:
    market = SlippageCalculator(BTC, around_1000())
    assert (market.mid_price, market.spread_bps) == (Decimal(1000), Decimal(20))
    bought = market.take(Side.BUY, Decimal(2))
    assert bought is not None
    assert (bought.quantity, bought.vwap, bought.worst_price) == (Decimal(2), Decimal("1001.5"), Decimal(1002))
    assert bought.slippage_bps == 15
    sold = market.take(Side.SELL, Decimal(2))
    assert sold is not None
    assert (sold.vwap, sold.slippage_bps) == (Decimal("998.5"), Decimal(15))


def test_a_limit_and_an_end_of_the_book_give_less() -> None:
    market = SlippageCalculator(BTC, around_1000())
    limited = market.take(Side.BUY, Decimal(5), limit=Decimal(1002))
    assert limited is not None
    assert limited.quantity == 3
    everything = market.take(Side.BUY, Decimal(99))
    assert everything is not None
    assert everything.quantity == 12
    assert market.take(Side.BUY, Decimal(1), limit=Decimal(1000)) is None
    assert market.take(Side.BUY, Decimal(0)) is None


def test_a_band_is_rounded_to_the_tick_but_never_beyond() -> None:
    market = SlippageCalculator(BTC, around_1000())
    assert market.banded_price(Side.BUY, Decimal(18)) == Decimal("1001.5")
    assert market.banded_price(Side.SELL, Decimal(18)) == Decimal("998.5")


def test_a_thinner_day_has_the_same_prices_and_less_of_them() -> None:
    market = SlippageCalculator(BTC, around_1000()).thinned(Decimal("0.5"))
    found = market.take(Side.SELL, Decimal(99), limit=Decimal(998))
    assert found is not None
    assert (market.mid_price, found.quantity) == (Decimal(1000), Decimal("1.5"))
    assert market.thinned(Decimal(0)).take(Side.SELL, Decimal(1)) is None


@pytest.mark.parametrize("nothing", NO_MARKETS, ids=["no bids", "no asks", "crossed"])
def test_what_is_no_market_has_no_price(nothing: OrderBook) -> None:
    with pytest.raises(BadResponse, match="empty side or is crossed"):
        SlippageCalculator(BTC, nothing)
    assert unit_cost(nothing, Side.BUY, Decimal(1), Decimal(0), Decimal(9), multiplier=Decimal(1)) is None


def test_a_unit_costs_the_distance_from_the_mid_and_the_fee() -> None:
    cost = unit_cost(around_1000(), Side.SELL, Decimal(2), Decimal("0.001"), Decimal("997.5"), multiplier=Decimal(1))
    # Sold at 998.5 on average: 1.5 below the mid, and a fee of 0.9985.
    assert cost == UnitCost(per_base=Decimal("2.4985"), quantity=Decimal(2))


def test_a_unit_is_a_base_unit_whatever_a_contract_holds() -> None:
    cost = unit_cost(around_1000(), Side.BUY, Decimal(1), Decimal(0), Decimal(1001), multiplier=Decimal(1000))
    assert cost == UnitCost(per_base=Decimal("0.001"), quantity=Decimal(1))


def test_within_the_limit_less_can_be_taken_or_nothing() -> None:
    def cost(limit: str) -> UnitCost | None:
        return unit_cost(around_1000(), Side.BUY, Decimal(5), Decimal(0), Decimal(limit), multiplier=Decimal(1))

    found = cost("1001.5")
    assert found == UnitCost(per_base=Decimal(1), quantity=Decimal(1))
    assert cost("1000.5") is None


def test_a_rebate_can_pay_for_the_spread() -> None:
    cost = unit_cost(around_1000(), Side.BUY, Decimal(1), Decimal("-0.002"), Decimal(1001), multiplier=Decimal(1))
    assert cost is not None
    assert cost.per_base == Decimal("-1.002")


sizes = st.decimals(min_value="0.001", max_value=50, places=3)


@given(
    bids=st.lists(st.tuples(st.integers(500, 999), sizes), min_size=1, max_size=8, unique_by=lambda level: level[0]),
    asks=st.lists(st.tuples(st.integers(1000, 1500), sizes), min_size=1, max_size=8, unique_by=lambda level: level[0]),
    side=st.sampled_from(Side),
    quantity=sizes,
    band_bps=st.integers(0, 3000),
)
def test_a_take_stays_in_its_band_and_slips_more_the_larger_it_is(
    bids: list[tuple[int, Decimal]], asks: list[tuple[int, Decimal]], side: Side, quantity: Decimal, band_bps: int
) -> None:
    held = OrderBook(
        instrument=BTC.id,
        bids=tuple(BookLevel(Decimal(price), size) for price, size in sorted(bids, reverse=True)),
        asks=tuple(BookLevel(Decimal(price), size) for price, size in sorted(asks)),
        sequence=1,
        ts_event_ns=0,
        ts_init_ns=0,
    )
    market = SlippageCalculator(BTC, held)
    limit = market.banded_price(side, Decimal(band_bps))
    found = market.take(side, quantity, limit=limit)
    if found is None:
        best = held.asks[0].price if side is Side.BUY else held.bids[0].price
        assert (best - limit) * side.sign > 0
        return
    assert 0 < found.quantity <= quantity
    assert 0 < found.slippage_bps <= band_bps + Decimal("1e-20")
    assert (found.worst_price - limit) * side.sign <= 0
    smaller = market.take(side, quantity / 2, limit=limit)
    assert smaller is not None
    assert smaller.slippage_bps <= found.slippage_bps + Decimal("1e-20")
    cost = unit_cost(held, side, quantity, Decimal(0), limit, multiplier=Decimal(10))
    assert cost is not None
    assert cost.quantity == found.quantity
    assert abs(cost.per_base * 10 - abs(found.vwap - market.mid_price)) < Decimal("1e-20")
