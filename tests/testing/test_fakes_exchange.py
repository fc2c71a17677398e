from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arb.api import (
    BelowMinimum,
    Capability,
    ConnectFailed,
    DeadMansSwitch,
    Exchange,
    InsufficientMargin,
    OutcomeUnknown,
    Rejected,
    Trading,
    UnknownOrder,
    WouldCross,
)
from arb.model import (
    ZERO,
    ClientOrderId,
    Fill,
    InstrumentId,
    MarginMode,
    Order,
    OrderBook,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
    exact_money,
)
from arb.testing import FakeClock, Fault, MemoryExchange, sample_instrument

D = Decimal
T = TypeVar("T")
EMPTY = OrderBook(instrument=InstrumentId("BTC-PERP.memory"), bids=(), asks=(), sequence=0, ts_event_ns=0, ts_init_ns=0)


def request(
    exchange: MemoryExchange,
    name: str,
    side: Side = Side.BUY,
    quantity: str = "1",
    price: str = "60000",
    *,
    tif: TimeInForce = TimeInForce.IOC,
    post_only: bool = False,
    reduce_only: bool = False,
) -> OrderRequest:
    return OrderRequest(
        client_order_id=ClientOrderId(name),
        instrument=exchange.id_of("BTC"),
        side=side,
        quantity=D(quantity),
        price=D(price),
        time_in_force=tif,
        post_only=post_only,
        reduce_only=reduce_only,
    )


def trading_of(exchange: MemoryExchange) -> Trading:
    assert exchange.trading is not None
    return exchange.trading


async def place(exchange: MemoryExchange, wanted: OrderRequest) -> Order:
    trading = trading_of(exchange)
    return await trading.send_order(await trading.prepare_order(wanted))


async def first_of(messages: AsyncIterator[T]) -> T:
    return await anext(messages)


def run(check: Callable[[MemoryExchange], Awaitable[None]], **options: object) -> None:
    async def main() -> None:
        await check(MemoryExchange(clock=FakeClock(), **options))  # type: ignore[arg-type]

    asyncio.run(main())


def test_it_is_an_exchange() -> None:
    exchange: Exchange = MemoryExchange()

    assert isinstance(exchange, Exchange)


def test_a_taker_walks_the_book_level_by_level() -> None:
    async def check(exchange: MemoryExchange) -> None:
        exchange.set_book(exchange.id_of("BTC"), [(99, 5)], [(101, 1), (102, 5)])
        order = await place(exchange, request(exchange, "a", quantity="3", price="102"))

        assert order.status is OrderStatus.FILLED
        fills = await trading_of(exchange).fetch_fills(0)
        assert [(fill.price, fill.quantity) for fill in fills] == [(D(101), D(1)), (D(102), D(2))]
        (position,) = await trading_of(exchange).fetch_positions()
        assert position.quantity == 3

    run(check)


def test_an_ioc_order_fills_within_its_price_and_cancels_the_rest() -> None:
    async def check(exchange: MemoryExchange) -> None:
        exchange.set_book(exchange.id_of("BTC"), [(99, 5)], [(101, 1), (102, 5)])
        order = await place(exchange, request(exchange, "a", quantity="3", price="101"))

        assert (order.status, order.filled_quantity) == (OrderStatus.CANCELLED, D(1))

    run(check)


def test_fill_or_kill_fills_whole_or_not_at_all() -> None:
    async def check(exchange: MemoryExchange) -> None:
        exchange.set_book(exchange.id_of("BTC"), [(99, 5)], [(101, 1)])
        order = await place(exchange, request(exchange, "a", quantity="3", tif=TimeInForce.FOK))

        assert (order.status, order.filled_quantity) == (OrderStatus.CANCELLED, ZERO)

    run(check)


def test_a_resting_order_fills_at_its_price_when_the_book_trades_through() -> None:
    async def check(exchange: MemoryExchange) -> None:
        name = exchange.id_of("BTC")
        exchange.set_book(name, [(99, 5)], [(101, 5)])
        order = await place(exchange, request(exchange, "a", price="100", tif=TimeInForce.GTC, post_only=True))
        assert order.status is OrderStatus.OPEN
        exchange.set_book(name, [(97, 5)], [(98, "0.4"), (100, "0.1")])

        order = await trading_of(exchange).fetch_order(name, ClientOrderId("a"))
        assert (order.status, order.filled_quantity, order.average_price) == (
            OrderStatus.PARTIALLY_FILLED,
            D("0.5"),
            D(100),
        )

    run(check)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"quantity": "0.0001"}, BelowMinimum),
        ({"quantity": "0.001", "price": "100"}, BelowMinimum),
        ({"tif": TimeInForce.GTC, "post_only": True}, WouldCross),
        ({"quantity": "1000"}, InsufficientMargin),
        ({"reduce_only": True}, Rejected),
        ({"name": "x" * 33}, Rejected),
    ],
)
def test_rules_refuse_and_leave_nothing_behind(changes: dict[str, object], error: type[Exception]) -> None:
    async def check(exchange: MemoryExchange) -> None:
        with pytest.raises(error):
            await place(exchange, request(exchange, **{"name": "a", **changes}))  # type: ignore[arg-type]
        assert await trading_of(exchange).fetch_open_orders() == []
        assert await trading_of(exchange).fetch_positions() == []
        with pytest.raises(UnknownOrder):
            await trading_of(exchange).fetch_order(exchange.id_of("BTC"), ClientOrderId("a"))

    run(check)


def test_a_client_order_id_is_taken_once() -> None:
    async def check(exchange: MemoryExchange) -> None:
        await place(exchange, request(exchange, "a"))
        with pytest.raises(Rejected, match="was used"):
            await place(exchange, request(exchange, "a"))
        (position,) = await trading_of(exchange).fetch_positions()
        assert position.quantity == 1

    run(check)


def test_reduce_only_never_opens() -> None:
    async def check(exchange: MemoryExchange) -> None:
        await place(exchange, request(exchange, "a"))
        order = await place(exchange, request(exchange, "b", Side.SELL, "5", "40000", reduce_only=True))

        assert (order.status, order.filled_quantity) == (OrderStatus.FILLED, D(1))
        assert await trading_of(exchange).fetch_positions() == []

    run(check)


def test_a_closing_order_has_a_minimum_of_its_own() -> None:
    async def check(exchange: MemoryExchange) -> None:
        rules = sample_instrument("memory", "BTC", min_notional=D(10), closing_min_notional=D(100))
        exchange.add_instrument(rules, 50_000)
        await place(exchange, request(exchange, "a", quantity="0.002"))
        small = request(exchange, "b", Side.SELL, "0.001", "50000", reduce_only=True)
        with pytest.raises(BelowMinimum) as caught:
            await place(exchange, small)
        assert caught.value.code == "below_minimum"
        await place(exchange, request(exchange, "c", Side.SELL, "0.002", "50000", reduce_only=True))
        exchange.add_instrument(sample_instrument("memory", "BTC"))
        assert (await trading_of(exchange).prepare_order(small)).request == small

    run(check)


async def armed_exchange(exchange: MemoryExchange) -> tuple[FakeClock, DeadMansSwitch]:
    clock, trading = exchange.clock, trading_of(exchange)
    assert isinstance(clock, FakeClock)
    assert isinstance(trading, DeadMansSwitch)
    await place(exchange, request(exchange, "a", price="40000", tif=TimeInForce.GTC))
    await trading.arm_dead_mans_switch(100)
    return clock, trading


def test_a_dead_mans_switch_cancels_at_its_deadline_whoever_looks_first() -> None:
    async def check(exchange: MemoryExchange) -> None:
        clock, _ = await armed_exchange(exchange)
        assert Capability.DEAD_MANS_SWITCH in exchange.capabilities
        deadline_ns = clock.now_ns() + 100
        clock.advance(99)
        assert len(await trading_of(exchange).fetch_open_orders()) == 1
        clock.advance(50)
        # A book that would have filled it comes too late.
        exchange.set_price(exchange.id_of("BTC"), 30_000)
        assert await trading_of(exchange).fetch_fills(0) == []
        order = await trading_of(exchange).fetch_order(exchange.id_of("BTC"), ClientOrderId("a"))
        assert (order.status, order.ts_event_ns, order.reason) == (
            OrderStatus.CANCELLED,
            deadline_ns,
            "dead man's switch",
        )

    run(check)


def test_a_dead_mans_switch_is_put_off_disarmed_and_refuses_a_negative_time() -> None:
    async def check(exchange: MemoryExchange) -> None:
        clock, trading = await armed_exchange(exchange)
        clock.advance(90)
        await trading.arm_dead_mans_switch(100)
        clock.advance(90)
        with pytest.raises(Rejected):
            await trading.arm_dead_mans_switch(-1)
        await trading.arm_dead_mans_switch(0)
        clock.advance(1000)
        assert len(await trading_of(exchange).fetch_open_orders()) == 1

    run(check)


def test_an_answer_about_a_dead_mans_switch_can_be_lost() -> None:
    async def check(exchange: MemoryExchange) -> None:
        clock, trading = await armed_exchange(exchange)
        exchange.faults.once("arm_dead_mans_switch", Fault.unknown_before())
        with pytest.raises(OutcomeUnknown):
            await trading.arm_dead_mans_switch(0)
        clock.advance(100)
        assert await trading_of(exchange).fetch_open_orders() == []

    run(check)


@pytest.mark.parametrize(
    ("fault", "error", "held"),
    [
        (Fault.not_sent(), ConnectFailed, False),
        (Fault.rejected(), Rejected, False),
        (Fault.unknown_before(), OutcomeUnknown, False),
        (Fault.unknown_after(), OutcomeUnknown, True),
    ],
)
def test_a_scripted_fault_hits_one_send(fault: Fault, error: type[Exception], held: bool) -> None:
    async def check(exchange: MemoryExchange) -> None:
        exchange.faults.once("send_order", fault)
        with pytest.raises(error):
            await place(exchange, request(exchange, "a"))
        assert bool(await trading_of(exchange).fetch_positions()) is held
        await place(exchange, request(exchange, "b"))
        assert exchange.faults.calls["send_order"] == 2

    run(check)


def test_a_scripted_partial_fill() -> None:
    async def check(exchange: MemoryExchange) -> None:
        exchange.faults.once("send_order", Fault.partial_fill("0.4"))
        order = await place(exchange, request(exchange, "a"))

        assert (order.status, order.filled_quantity) == (OrderStatus.CANCELLED, D("0.4"))

    run(check)


def test_a_delay_waits_on_the_clock_and_a_lasting_fault_ends() -> None:
    async def check(exchange: MemoryExchange) -> None:
        clock = exchange.clock
        assert isinstance(clock, FakeClock)
        exchange.faults.always("fetch_bbo", Fault(delay_ns=5))
        reading = asyncio.create_task(exchange.market.fetch_bbo(exchange.id_of("BTC")))
        await clock.run_for(4)
        assert not reading.done()
        await clock.run_for(1)
        assert reading.done()
        exchange.faults.always("fetch_bbo", None)
        await exchange.market.fetch_bbo(exchange.id_of("BTC"))

    run(check)


@pytest.mark.parametrize("fault", [Fault.unknown_before(), Fault.unknown_after()])
def test_a_read_whose_answer_is_lost_gives_none(fault: Fault) -> None:
    async def check(exchange: MemoryExchange) -> None:
        exchange.faults.once("fetch_positions", fault)
        with pytest.raises(OutcomeUnknown):
            await trading_of(exchange).fetch_positions()
        assert await trading_of(exchange).fetch_positions() == []

    run(check)


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        ("send_oder", Fault.not_sent()),
        ("cancel_order", Fault.partial_fill(1)),
        ("fetch_bbo", Fault(book=EMPTY)),
    ],
)
def test_a_script_that_could_never_happen_is_refused(operation: str, fault: Fault) -> None:
    faults = MemoryExchange().faults
    with pytest.raises(ValueError, match=operation):
        faults.once(operation, fault)
    with pytest.raises(ValueError, match=operation):
        faults.always(operation, fault)


def test_funding_is_paid_by_the_long_side_on_a_positive_rate() -> None:
    async def check(exchange: MemoryExchange) -> None:
        name = exchange.id_of("BTC")
        await place(exchange, request(exchange, "a"))
        exchange.set_mark(name, 50_000)
        payment = exchange.settle_funding(name, "0.0001")

        assert payment is not None
        assert payment.amount == D(-5)
        (rate,) = await exchange.market.fetch_funding_history(name, 0, exchange.clock.now_ns() + 1)
        assert rate.rate == D("0.0001")
        assert list(await trading_of(exchange).fetch_funding_payments(0)) == [payment]

    run(check)


def test_leverage_is_read_back_and_bounded() -> None:
    async def check(exchange: MemoryExchange) -> None:
        name, trading = exchange.id_of("BTC"), trading_of(exchange)
        await trading.set_leverage(name, D(3), MarginMode.ISOLATED)
        assert await trading.fetch_leverage(name) == (D(3), MarginMode.ISOLATED)
        with pytest.raises(Rejected):
            await trading.set_leverage(name, D(21), MarginMode.CROSS)

    run(check)


def test_streams_start_with_a_snapshot_and_tell_of_changes() -> None:
    async def check(exchange: MemoryExchange) -> None:
        books = exchange.streams.watch_order_book(exchange.id_of("BTC"))
        first = await anext(books)
        exchange.set_price(exchange.id_of("BTC"), 40_000)
        second = await anext(books)
        assert second.sequence > first.sequence

        account = exchange.streams.watch_account()
        reading = asyncio.create_task(first_of(account))
        await exchange.clock.sleep_until(0)
        await place(exchange, request(exchange, "a"))
        assert isinstance(await reading, Order)
        assert isinstance(await anext(account), Fill)

    run(check)


TRADES = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(1, 900), st.integers(30_000, 60_000)), min_size=1, max_size=30
)


@settings(max_examples=60, deadline=None)
@given(TRADES)
def test_equity_is_exactly_what_fills_fees_and_prices_make_it(trades: list[tuple[Side, int, int]]) -> None:
    async def check(exchange: MemoryExchange) -> None:
        name = exchange.id_of("BTC")
        for number, (side, lots, price) in enumerate(trades):
            exchange.set_price(name, price, size=1000)
            worst = str(price * 2 if side is Side.BUY else price // 2)
            await place(exchange, request(exchange, str(number), side, str(D(lots) / 1000), worst))
        fills = await trading_of(exchange).fetch_fills(0)
        (balance,) = await trading_of(exchange).fetch_balances()
        held = sum((fill.quantity * fill.side.sign for fill in fills), ZERO)
        mark = (await exchange.market.fetch_bbo(name)).mid_price
        with exact_money():
            spent = sum((fill.side.sign * fill.quantity * fill.price + fill.fee for fill in fills), ZERO)
            assert balance.equity == D(10**9) - spent + held * mark

    run(check, deposit=10**9)
