from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.model import Instrument, InstrumentId, Side
from arb.simulation import FittedMarket, ScriptedMarket
from arb.testing import sample_instrument

LISTED = sample_instrument()
SIZES = st.decimals("0.001", 50, places=3)
STEPS = st.lists(st.tuples(st.integers(1, 400), SIZES), min_size=1, max_size=12, unique_by=lambda each: each[0])


def coarse(instrument: Instrument, price: Decimal) -> Instrument:
    """Allow whole prices of 1 % and lots of a tenth, as seen at this price."""
    return replace(instrument, tick_size=Decimal(1) if price < 1_000 else Decimal(10), lot_size=Decimal("0.1"))


def fitted(inner: ScriptedMarket) -> FittedMarket:
    return FittedMarket(inner, coarse, 0)


@given(bids=STEPS, asks=STEPS)
def test_books_are_on_ticks_and_lots_sorted_never_crossed_and_never_better(
    bids: list[tuple[int, Decimal]], asks: list[tuple[int, Decimal]]
) -> None:
    inner = ScriptedMarket(LISTED)
    inner.show(
        LISTED.id,
        [(500 - Decimal(step) / 10, size) for step, size in sorted(bids)],
        [(500 + Decimal(step) / 10, size) for step, size in sorted(asks)],
    )
    before = inner.book(LISTED.id, 0)
    after = fitted(inner).book(LISTED.id, 0)
    assert before is not None
    assert after is not None

    for levels, side in ((after.bids, Side.BUY), (after.asks, Side.SELL)):
        assert all(price % 1 == 0 and size % Decimal("0.1") == 0 and size > 0 for price, size in levels)
        prices = [price for price, _ in levels]
        assert prices == sorted(set(prices), reverse=side is Side.BUY)
    for old, new, sign in ((before.bids, after.bids, 1), (before.asks, after.asks, -1)):
        # Whatever price somebody is ready to take, no more is there than before.
        for limit in {price for price, _ in (*old, *new)}:
            was, there = (sum(size for price, size in each if (price - limit) * sign >= 0) for each in (old, new))
            assert there <= was
    assert not after.bids or not after.asks or after.bids[0].price < after.asks[0].price
    assert (after.sequence, after.instrument) == (before.sequence, before.instrument)


@given(price=st.decimals(1, 900, places=3), quantity=st.decimals("0.001", 9, places=3), side=st.sampled_from(Side))
def test_trades_are_whole_lots_on_ticks_where_the_resting_order_stood(
    price: Decimal, quantity: Decimal, side: Side
) -> None:
    inner = ScriptedMarket(LISTED)
    inner.show(LISTED.id, [(99, 1)], [(101, 1)])
    inner.trade(LISTED.id, side, price, quantity, ts_ns=5)
    market = fitted(inner)
    trades = market.trades(LISTED.id, 0, 5)

    if quantity < Decimal("0.1"):
        assert trades == []
        return
    (trade,) = trades
    assert trade.price % 1 == 0
    assert 0 <= quantity - trade.quantity < Decimal("0.1")
    assert 0 <= (trade.price - price) * (1 if side is Side.BUY else -1) < 1
    assert market.trades(LISTED.id, 5, 9) == []


def test_the_rules_are_made_once_for_the_price_at_the_start() -> None:
    inner = ScriptedMarket(LISTED)
    inner.show(LISTED.id, [(999, 1)], [(1_003, 1)])
    market = fitted(inner)
    inner.show(LISTED.id, [(11, 1)], [(13, 1)], ts_ns=10)

    (rules,) = market.instruments()
    assert (rules.tick_size, rules.lot_size) == (Decimal(10), Decimal("0.1"))
    assert market.instruments() is market.instruments()
    assert market.book(InstrumentId("NONE-PERP.memory"), 0) is None


def test_everything_else_is_the_inner_markets() -> None:
    inner = ScriptedMarket(LISTED)
    inner.show(LISTED.id, [(99, 1)], [(101, 1)])
    inner.mark(LISTED.id, "100.123")
    inner.settle(LISTED.id, 50, "0.001")
    market = fitted(inner)

    assert market.stats(LISTED.id, 0) == inner.stats(LISTED.id, 0)
    assert market.usd_rate(LISTED.quote, 0) == 1
    assert market.next_settlement_ns(LISTED.id, 0) == 50
    assert market.settled_rate(LISTED.id, 50) == Decimal("0.001")
    assert market.predicted_rate(LISTED.id, 50) == Decimal("0.001")


def test_without_a_price_there_are_no_rules() -> None:
    with pytest.raises(ValueError, match="has no price at the start"):
        fitted(ScriptedMarket(LISTED))
    inner = ScriptedMarket(LISTED)
    inner.show(LISTED.id, [(99, 1)], [])
    with pytest.raises(ValueError, match="has no price at the start"):
        fitted(inner)


def test_another_name_is_carried_through_everything() -> None:
    inner = ScriptedMarket(LISTED)
    inner.show(LISTED.id, [(99, 1)], [(101, 1)])
    inner.mark(LISTED.id, "100.123")
    inner.trade(LISTED.id, Side.BUY, 101, 1, ts_ns=5)
    inner.settle(LISTED.id, 50, "0.001")
    name = InstrumentId("OTHER-PERP.memory")
    market = FittedMarket(inner, lambda instrument, _: replace(instrument, id=name), 0)
    book, stats = market.book(name, 0), market.stats(name, 0)

    assert book is not None
    assert stats is not None
    assert book.instrument == stats.instrument == name
    assert [trade.instrument for trade in market.trades(name, 0, 5)] == [name]
    assert market.next_settlement_ns(name, 0) == 50
    assert market.settled_rate(name, 50) == market.predicted_rate(name, 50) == Decimal("0.001")
