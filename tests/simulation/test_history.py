"""An account as it was: what stale reads of a simulated venue show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal as D
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arb.api import Rejected, UnknownOrder
from arb.model import (
    MINUTE_NS,
    SECOND_NS,
    ClientOrderId,
    ExchangeName,
    Fill,
    InstrumentId,
    MarginMode,
    Order,
    OrderRequest,
    OrderStatus,
    Position,
    Side,
    TimeInForce,
)
from arb.simulation import ScriptedMarket, SimulatedVenue, VenueRules
from arb.testing import sample_instrument

BTC, ETH = InstrumentId("BTC-PERP.v"), InstrumentId("ETH-PERP.v")
A = ClientOrderId("a")


def market() -> ScriptedMarket:
    rules = [sample_instrument("v", base, tick_size=D("0.1"), lot_size=D("0.01")) for base in ("BTC", "ETH")]
    scripted = ScriptedMarket(*rules)
    for each in (BTC, ETH):
        scripted.show(each, [(99, 10), (98, 10)], [(101, 10), (102, 10)])
        scripted.mark(each, 100)
    return scripted


def venue_in(scripted: ScriptedMarket) -> SimulatedVenue:
    return SimulatedVenue(scripted, VenueRules(), name=ExchangeName("v"), deposits={"USDC": D(10_000)})


def order(
    name: str,
    side: Side = Side.BUY,
    quantity: object = 1,
    price: object = 99,
    *,
    of: InstrumentId = BTC,
    tif: TimeInForce = TimeInForce.GTC,
) -> OrderRequest:
    return OrderRequest(
        client_order_id=ClientOrderId(name),
        instrument=of,
        side=side,
        quantity=D(str(quantity)),
        price=D(str(price)),
        time_in_force=tif,
    )


def test_an_order_is_seen_as_it_was() -> None:
    scripted = market()
    scripted.trade(BTC, Side.SELL, 98, D("0.4"), ts_ns=20 * SECOND_NS)
    venue = venue_in(scripted)
    venue.place(order("a"), 10 * SECOND_NS)
    venue.cancel(BTC, A, 30 * SECOND_NS)
    seen = [
        (status.status, status.filled_quantity)
        for second in (10, 19, 20, 29, 30, 99)
        for status in [venue.order_at(BTC, A, second * SECOND_NS)]
    ]
    assert seen == [
        (OrderStatus.OPEN, D(0)),
        (OrderStatus.OPEN, D(0)),
        (OrderStatus.PARTIALLY_FILLED, D("0.4")),
        (OrderStatus.PARTIALLY_FILLED, D("0.4")),
        (OrderStatus.CANCELLED, D("0.4")),
        (OrderStatus.CANCELLED, D("0.4")),
    ]
    for name, of, ts_ns in ((A, BTC, 10 * SECOND_NS - 1), (A, ETH, MINUTE_NS), (ClientOrderId("b"), BTC, MINUTE_NS)):
        with pytest.raises(UnknownOrder):
            venue.order_at(of, name, ts_ns)


def test_open_orders_are_listed_from_their_arrival_until_their_end() -> None:
    venue = venue_in(market())
    for second, name in enumerate(("a", "b", "c")):
        venue.place(order(name), second * SECOND_NS)
    venue.place(order("taker", price=101, tif=TimeInForce.IOC), 3 * SECOND_NS)
    venue.cancel(BTC, ClientOrderId("b"), 4 * SECOND_NS)
    seen = [[each.request.client_order_id for each in venue.open_orders_at(second * SECOND_NS)] for second in range(5)]
    assert seen == [["a"], ["a", "b"], ["a", "b", "c"], ["a", "b", "c"], ["a", "c"]]
    assert venue.open_orders_at(-1) == []


def test_fills_are_listed_up_to_a_time() -> None:
    venue = venue_in(market())
    for second in (1, 2, 3):
        venue.place(order(f"n{second}", price=101), second * SECOND_NS)
    times = [
        [fill.ts_event_ns // SECOND_NS for fill in venue.fills(since * SECOND_NS, until * SECOND_NS)]
        for since, until in ((0, 0), (0, 1), (2, 2), (2, 9), (3, 2))
    ]
    assert times == [[], [1], [2], [2, 3], []]
    assert len(venue.fills(0)) == 3


def test_a_past_position_has_the_prices_of_its_time_and_says_what_it_does_not_know() -> None:
    scripted = market()
    venue = venue_in(scripted)
    venue.place(order("a", quantity=2, price=101), SECOND_NS)
    scripted.mark(BTC, 105, ts_ns=2 * SECOND_NS)
    venue.set_leverage(BTC, D(3), MarginMode.CROSS, 3 * SECOND_NS)
    venue.place(order("b", Side.SELL, 3, 99), 4 * SECOND_NS)
    assert venue.positions_at(SECOND_NS - 1) == []
    (then,) = venue.positions_at(SECOND_NS)
    assert [then.quantity, then.entry_price, then.mark_price, then.unrealized_pnl] == [2, 101, 100, -2]
    (later,) = venue.positions_at(2 * SECOND_NS)
    assert [later.quantity, later.mark_price, later.unrealized_pnl] == [2, 105, 8]
    assert later.leverage == 3
    assert later.liquidation_price is None
    assert later.ts_event_ns == 2 * SECOND_NS
    (last,) = venue.positions_at(9 * SECOND_NS)
    assert last.quantity == -1


def test_without_a_mark_price_of_that_time_a_position_is_valued_at_the_book_or_at_its_entry() -> None:
    venue = venue_in(market())
    venue.place(order("a", price=101), SECOND_NS)
    blind = ScriptedMarket(*market().instruments())
    blind.show(BTC, [(94, 1)], [(96, 1)], ts_ns=5 * SECOND_NS)
    other = venue_in(blind)
    other.restore(venue.snapshot())
    assert [row.mark_price for second in (4, 5) for row in other.positions_at(second * SECOND_NS)] == [101, 95]


class Sight(NamedTuple):
    """What the venue said at a moment."""

    ts_ns: int
    orders: Sequence[Order]
    working: Sequence[Order]
    fills: Sequence[Fill]
    positions: Sequence[Position]


Step = tuple[str, InstrumentId, Side, int, int, TimeInForce, int]

steps = st.lists(
    st.tuples(
        st.sampled_from(["order", "order", "order", "cancel", "adl", "arm", "liquidate"]),
        st.sampled_from([BTC, ETH]),
        st.sampled_from(list(Side)),
        st.integers(1, 1200),
        st.integers(950, 1050),
        st.sampled_from(list(TimeInForce)),
        st.integers(1, 300),
    ),
    max_size=16,
)


def sight(venue: SimulatedVenue, names: Sequence[tuple[InstrumentId, ClientOrderId]]) -> Sight:
    return Sight(
        venue.now_ns,
        [venue.order(of, name) for of, name in names],
        venue.open_orders(),
        venue.fills(0),
        [replace(row, liquidation_price=None) for row in venue.positions()],
    )


def act(venue: SimulatedVenue, step: Step, name: ClientOrderId, now_ns: int) -> bool:
    """Take a step; return whether an order was accepted."""
    kind, of, side, lots, price, tif, _ = step
    if kind == "order":
        try:
            venue.place(order(name, side, D(lots) / 100, D(price) / 10, of=of, tif=tif), now_ns)
        except Rejected:
            return False
        return True
    if kind == "cancel":
        venue.cancel_all(of, now_ns)
    elif kind == "adl":
        venue.deleverage(of, D(lots) / 100, now_ns)
    elif kind == "arm":
        venue.arm(lots * SECOND_NS, now_ns)
    else:
        venue.liquidate(of, now_ns)
    return False


@settings(max_examples=80, deadline=None)
@given(steps)
def test_every_past_moment_is_seen_as_it_was_seen_then(plan: list[Step]) -> None:
    scripted = market()
    for second in range(0, 6000, 17):
        swing = (second * 7919) % 7 - 3
        for each in (BTC, ETH):
            at = second * SECOND_NS
            scripted.show(each, [(98 + swing, 5), (97 + swing, 9)], [(99 + swing, 4), (101 + swing, 9)], ts_ns=at)
            scripted.mark(each, 98 + swing, ts_ns=at)
            scripted.trade(each, Side.SELL if second % 2 else Side.BUY, 98 + swing, 3, ts_ns=at)
    venue, now_ns = venue_in(scripted), 0
    names: list[tuple[InstrumentId, ClientOrderId]] = []
    sights: list[Sight] = []
    for number, step in enumerate(plan):
        now_ns += step[-1] * SECOND_NS
        name = ClientOrderId(f"n{number}")
        if act(venue, step, name, now_ns):
            names.append((step[1], name))
        sights.append(sight(venue, names))
    twin = venue_in(scripted)
    twin.restore(venue.snapshot())
    for asked in (venue, twin):
        for then in sights:
            assert asked.open_orders_at(then.ts_ns) == then.working
            assert [asked.order_at(of, name, then.ts_ns) for of, name in names[: len(then.orders)]] == then.orders
            assert asked.fills(0, then.ts_ns) == then.fills
            assert asked.positions_at(then.ts_ns) == then.positions
