from __future__ import annotations

from decimal import Decimal as D
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.model import BookLevel, ClientOrderId, InstrumentId, OrderBook, OrderRequest, Side, TimeInForce, Trade
from arb.simulation._matching import Depletion, Match, WorkingOrder, by_priority, fills_from_trade, walk

BTC = InstrumentId("BTC-PERP.v")
ASKS = (BookLevel(D(101), D(2)), BookLevel(D(102), D(3)))


def book(sequence: int = 1, ts_ns: int = 0) -> OrderBook:
    bids = (BookLevel(D(100), D(2)), BookLevel(D(99), D(3)))
    return OrderBook(instrument=BTC, bids=bids, asks=ASKS, sequence=sequence, ts_event_ns=ts_ns, ts_init_ns=ts_ns)


def resting(number: int, side: Side, price: int, quantity: int, ahead: int = 0) -> WorkingOrder:
    request = OrderRequest(
        client_order_id=ClientOrderId(f"o{number}"),
        instrument=BTC,
        side=side,
        quantity=D(quantity),
        price=D(price),
        time_in_force=TimeInForce.GTC,
    )
    return WorkingOrder(request, number, ahead=D(ahead))


def trade(side: Side, price: int, quantity: int) -> Trade:
    return Trade(instrument=BTC, side=side, price=D(price), quantity=D(quantity), ts_event_ns=1, ts_init_ns=1)


def shared(orders: list[WorkingOrder], print_: Trade) -> dict[str, D]:
    return {order.client_order_id: quantity for order, quantity in fills_from_trade(by_priority(orders), print_)}


def test_a_taker_walks_level_by_level_and_stops_at_its_limit() -> None:
    assert walk(ASKS, Side.BUY, D(4), D(102)) == [(D(101), D(2)), (D(102), D(2))]
    assert walk(ASKS, Side.BUY, D(4), D(101)) == [(D(101), D(2))]
    assert walk(ASKS, Side.BUY, D(4), D(100)) == []
    assert walk(ASKS, Side.BUY, D(9), None) == [(D(101), D(2)), (D(102), D(3))]


def test_what_was_taken_is_gone_until_the_next_snapshot() -> None:
    depletion = Depletion()
    depletion.take(book(), Side.BUY, [Match(D(101), D(2)), Match(D(102), D(1))])
    assert depletion.visible(book()).asks == ((D(102), D(2)),)
    assert depletion.visible(book()).bids == book().bids
    assert depletion.visible(book(sequence=2)).asks == ASKS
    assert depletion.visible(book(ts_ns=5)).asks == ASKS


def test_price_comes_before_time_and_time_before_size() -> None:
    first, second, better = resting(1, Side.BUY, 100, 1), resting(2, Side.BUY, 100, 9), resting(3, Side.BUY, 101, 1)
    assert [order.number for order in by_priority([second, better, first])] == [3, 1, 2]
    assert shared([second, better, first], trade(Side.SELL, 100, 3)) == {"o3": 1, "o1": 1, "o2": 1}
    sells = [resting(1, Side.SELL, 101, 1), resting(2, Side.SELL, 100, 1)]
    assert [order.number for order in by_priority(sells)] == [2, 1]


def test_the_queue_ahead_fills_first_and_is_shared_by_own_orders() -> None:
    first, second = resting(1, Side.BUY, 100, 5, ahead=10), resting(2, Side.BUY, 100, 5, ahead=12)
    assert shared([first, second], trade(Side.SELL, 100, 8)) == {}
    assert [first.ahead, second.ahead] == [2, 4]
    assert shared([first, second], trade(Side.SELL, 100, 6)) == {"o1": 4}


def test_a_trade_beyond_the_price_ends_the_queue() -> None:
    assert shared([resting(1, Side.BUY, 100, 5, ahead=1000)], trade(Side.SELL, 99, 3)) == {"o1": 3}


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, 100), (Side.SELL, 101)])
def test_trades_of_the_same_side_or_short_of_the_price_fill_nothing(side: Side, price: int) -> None:
    assert shared([resting(1, Side.BUY, 100, 5)], trade(side, price, 9)) == {}


@given(
    st.lists(st.tuples(st.integers(98, 102), st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=6),
    st.integers(98, 102),
    st.integers(1, 30),
)
def test_no_trade_fills_more_than_it_printed_or_jumps_the_queue(
    rows: list[tuple[int, int, int]], price: int, quantity: int
) -> None:
    orders = [resting(number, Side.BUY, *row) for number, row in enumerate(rows)]
    filled = shared(orders, trade(Side.SELL, price, quantity))
    assert sum(filled.values()) <= quantity
    ranked = by_priority(orders)
    for better, worse in pairwise(ranked):
        if better.request.price > worse.request.price and worse.client_order_id in filled:
            assert filled[better.client_order_id] == better.request.quantity
