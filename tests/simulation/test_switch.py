"""The dead man's switch of a simulated venue and of the exchanges made of one."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal as D
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arb.api import Capability, DeadMansSwitch, NotSent, Rejected
from arb.model import (
    HOUR_NS,
    MILLISECOND_NS,
    MINUTE_NS,
    SECOND_NS,
    ClientOrderId,
    ExchangeName,
    InstrumentId,
    Order,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
)
from arb.simulation import (
    SIMULATED_CAPABILITIES,
    Latency,
    PaperExchange,
    ScriptedMarket,
    SimulatedExchange,
    SimulatedVenue,
    VenueRules,
    VirtualClock,
    open_paper_exchange,
    open_simulated_exchange,
    run_virtual,
)
from arb.testing import FakeContext, Fault, MemoryExchange, MemoryState, sample_instrument

NAME = ExchangeName("v")
BTC = InstrumentId("BTC-PERP.v")
REASON = "dead man's switch"


def market() -> ScriptedMarket:
    scripted = ScriptedMarket(sample_instrument("v", "BTC", tick_size=D("0.1"), lot_size=D("0.01")))
    scripted.show(BTC, [(99, 10)], [(101, 10)])
    scripted.mark(BTC, 100)
    return scripted


def venue_in(scripted: ScriptedMarket, start_ns: int = 0) -> SimulatedVenue:
    return SimulatedVenue(scripted, VenueRules(), name=NAME, deposits={"USDC": D(10_000)}, start_ns=start_ns)


def bid(name: str, price: object = 90) -> OrderRequest:
    return OrderRequest(
        client_order_id=ClientOrderId(name),
        instrument=BTC,
        side=Side.BUY,
        quantity=D(1),
        price=D(str(price)),
        time_in_force=TimeInForce.GTC,
    )


def status(venue: SimulatedVenue, name: str) -> tuple[OrderStatus, int, str]:
    order = venue.order(BTC, ClientOrderId(name))
    return order.status, order.ts_event_ns, order.reason


def test_it_cancels_every_working_order_at_its_deadline_and_then_is_disarmed() -> None:
    venue = venue_in(market())
    venue.place(bid("a"), 0)
    venue.arm(10 * SECOND_NS, SECOND_NS)
    venue.place(bid("b"), 2 * SECOND_NS)
    assert len(venue.open_orders()) == 2
    assert venue.advance(HOUR_NS)
    for name in ("a", "b"):
        assert status(venue, name) == (OrderStatus.CANCELLED, 11 * SECOND_NS, REASON)
    venue.place(bid("c"), HOUR_NS)
    venue.advance(2 * HOUR_NS)
    assert status(venue, "c")[0] is OrderStatus.OPEN


def test_it_acts_though_time_is_asked_for_at_the_deadline_only() -> None:
    venue = venue_in(market())
    venue.place(bid("a"), 0)
    venue.arm(SECOND_NS, 0)
    venue.advance(SECOND_NS - 1)
    assert len(venue.open_orders()) == 1
    # At the very instant it is too late to put it off, and an order that arrives then comes after it.
    venue.arm(SECOND_NS, SECOND_NS)
    venue.place(bid("b"), SECOND_NS)
    assert status(venue, "a") == (OrderStatus.CANCELLED, SECOND_NS, REASON)
    assert status(venue, "b")[0] is OrderStatus.OPEN
    venue.advance(2 * SECOND_NS)
    assert status(venue, "b") == (OrderStatus.CANCELLED, 2 * SECOND_NS, REASON)


def test_armed_again_it_waits_again_and_disarmed_it_waits_for_ever() -> None:
    venue = venue_in(market())
    venue.place(bid("a"), 0)
    for moment in range(5):
        venue.arm(10 * SECOND_NS, moment * 9 * SECOND_NS)
    assert len(venue.open_orders()) == 1
    venue.arm(0, 40 * SECOND_NS)
    venue.advance(HOUR_NS)
    assert len(venue.open_orders()) == 1
    with pytest.raises(Rejected, match="negative"):
        venue.arm(-1, HOUR_NS)


def test_what_trades_before_the_deadline_fills_and_what_trades_after_it_does_not() -> None:
    scripted = market()
    for second in (9, 11):
        scripted.trade(BTC, Side.SELL, 89, D("0.4"), ts_ns=second * SECOND_NS)
    venue = venue_in(scripted)
    venue.place(bid("a"), 0)
    venue.arm(10 * SECOND_NS, 0)
    venue.advance(MINUTE_NS)
    order = venue.order(BTC, ClientOrderId("a"))
    assert (order.status, order.filled_quantity) == (OrderStatus.CANCELLED, D("0.4"))
    assert [fill.ts_event_ns for fill in venue.fills(0)] == [9 * SECOND_NS]


def test_it_is_part_of_the_account_and_a_change_of_it_must_not_be_lost() -> None:
    venue = venue_in(market())
    venue.place(bid("a"), 0)
    versions = [venue.version]
    for timeout_ns in (MINUTE_NS, MINUTE_NS, 0, 0, MINUTE_NS):
        venue.arm(timeout_ns, 0)
        versions.append(venue.version)
    assert [later > earlier for earlier, later in pairwise(versions)] == [
        True,
        False,
        True,
        False,
        True,
    ]
    other = venue_in(market())
    other.restore(venue.snapshot())
    other.advance(HOUR_NS)
    assert status(other, "a") == (OrderStatus.CANCELLED, MINUTE_NS, REASON)


def test_an_account_stored_before_there_was_a_switch_has_none_armed() -> None:
    venue = venue_in(market())
    venue.place(bid("a"), 0)
    venue.arm(MINUTE_NS, 0)
    content = json.loads(venue.snapshot())
    head = json.loads(content["head"])
    del head["deadline_ns"]
    venue.restore(json.dumps({**content, "head": json.dumps(head)}))
    venue.advance(HOUR_NS)
    assert len(venue.open_orders()) == 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 90), st.integers(0, 60)), max_size=12),
    st.integers(1, 6),
)
def test_the_result_does_not_depend_on_how_often_the_venue_is_asked(
    plan: list[tuple[bool, int, int]], ask: int
) -> None:
    def played(probes: int) -> str:
        scripted, now_ns = market(), 0
        for second in range(0, 1200, 13):
            scripted.trade(BTC, Side.SELL, 90 - second % 3, D("0.3"), ts_ns=second * SECOND_NS)
        venue = venue_in(scripted)
        for number, (arming, timeout_s, pause_s) in enumerate(plan):
            if arming:
                venue.arm(timeout_s * SECOND_NS, now_ns)
            else:
                venue.place(bid(f"n{number}", 90 - timeout_s % 2), now_ns)
            for part in range(1, probes):
                venue.advance(now_ns + pause_s * SECOND_NS * part // probes)
            now_ns += pause_s * SECOND_NS
        venue.advance(now_ns + HOUR_NS)
        return venue.snapshot()

    assert played(1) == played(ask)


def run(body: Callable[[SimulatedExchange], Awaitable[None]], state: MemoryState, start_ns: int = 0) -> None:
    async def main() -> None:
        context = FakeContext("v", clock=VirtualClock.of_running_loop(), state=state)
        latency = Latency(request_ns=MILLISECOND_NS)
        async with open_simulated_exchange(venue_in(market()), context, latency=latency) as exchange:
            await body(exchange)

    run_virtual(main(), start_ns=start_ns)


async def rest(exchange: SimulatedExchange | PaperExchange, request: OrderRequest) -> Order:
    return await exchange.trading.send_order(await exchange.trading.prepare_order(request))


def test_a_simulated_exchange_has_every_capability_but_transfers_of_money_that_is_not_there() -> None:
    async def body(exchange: SimulatedExchange) -> None:
        assert exchange.capabilities == SIMULATED_CAPABILITIES == frozenset(Capability) - {Capability.TRANSFERS}
        assert isinstance(exchange.trading, DeadMansSwitch)
        assert exchange.traits.order_validity_ns == 0

    run(body, MemoryState())


def test_a_switch_stays_armed_while_nothing_runs() -> None:
    state = MemoryState()

    async def before(exchange: SimulatedExchange) -> None:
        await rest(exchange, bid("a"))
        await exchange.trading.arm_dead_mans_switch(MINUTE_NS)

    async def after(exchange: SimulatedExchange) -> None:
        order = await exchange.trading.fetch_order(BTC, ClientOrderId("a"))
        assert (order.status, order.reason) == (OrderStatus.CANCELLED, REASON)
        # The time counts from the arrival of the call.
        assert order.ts_event_ns == MINUTE_NS + 2 * MILLISECOND_NS

    run(before, state)
    run(after, state, start_ns=HOUR_NS)


def test_the_account_stream_tells_of_what_the_switch_has_cancelled() -> None:
    async def body(exchange: SimulatedExchange) -> None:
        await rest(exchange, bid("a"))
        await exchange.trading.arm_dead_mans_switch(MINUTE_NS)
        told: list[Order] = []
        async for change in exchange.streams.watch_account():
            assert isinstance(change, Order)
            told.append(change)
            if change.status.is_final:
                break
        assert [(order.status, order.reason) for order in told] == [
            (OrderStatus.OPEN, ""),
            (OrderStatus.CANCELLED, REASON),
        ]
        assert VirtualClock.of_running_loop().now_ns() < MINUTE_NS + 2 * SECOND_NS

    run(body, MemoryState())


def test_a_paper_account_can_be_armed_while_prices_cannot_be_read() -> None:
    async def main() -> None:
        clock = VirtualClock.of_running_loop()
        inner = MemoryExchange("v", clock=clock)
        inner.set_funding(BTC, "0.0001")
        context = FakeContext("v", clock=clock)
        async with open_paper_exchange(inner, context, deposits={"USDC": D(10_000)}) as paper:
            assert Capability.DEAD_MANS_SWITCH in paper.capabilities
            await rest(paper, bid("a", 40_000))
            await clock.sleep_until(MINUTE_NS)
            for operation in ("fetch_stats", "fetch_order_book"):
                inner.faults.always(operation, Fault.not_sent())
            with pytest.raises(NotSent):
                await paper.trading.fetch_open_orders()
            await paper.trading.arm_dead_mans_switch(MINUTE_NS)
            for operation in ("fetch_stats", "fetch_order_book"):
                inner.faults.always(operation, None)
            await clock.sleep_until(3 * MINUTE_NS)
            order = await paper.trading.fetch_order(BTC, ClientOrderId("a"))
            assert (order.status, order.ts_event_ns, order.reason) == (OrderStatus.CANCELLED, 2 * MINUTE_NS, REASON)

    run_virtual(main(), start_ns=0)
