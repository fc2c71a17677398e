from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal as D
from itertools import pairwise
from typing import TypeVar

import pytest

from arb.api import (
    BadResponse,
    BelowMinimum,
    Capability,
    ConfigError,
    ConnectFailed,
    Exchange,
    OutcomeUnknown,
    Rejected,
    StorageError,
    UnknownOrder,
)
from arb.model import (
    HOUR_NS,
    MILLISECOND_NS,
    MINUTE_NS,
    SECOND_NS,
    ClientOrderId,
    ExchangeName,
    Fill,
    FundingKind,
    FundingPayment,
    InstrumentId,
    MarginMode,
    Order,
    OrderBook,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
)
from arb.simulation import (
    PROFILES,
    Faults,
    Latency,
    SeededMarket,
    SimulatedExchange,
    SimulatedVenue,
    VenueRules,
    VirtualClock,
    open_simulated_exchange,
    run_virtual,
)
from arb.testing import FakeContext, MemoryState

T = TypeVar("T")

START_NS = 1_767_225_600 * SECOND_NS
BTC = InstrumentId("BTC-PERP.sim")
BUY = OrderRequest(
    client_order_id=ClientOrderId("a"), instrument=BTC, side=Side.BUY, quantity=D("0.1"), price=D(70_000)
)


class SlowState(MemoryState):
    """Keeps texts; each put takes a millisecond, and `broken` ones fail."""

    def __init__(self, values: dict[str, str] | None = None) -> None:
        super().__init__(values)
        self.broken = False
        self.puts: list[str] = []

    async def put(self, key: str, value: str) -> None:
        clock = VirtualClock.of_running_loop()
        await clock.sleep_until(clock.now_ns() + MILLISECOND_NS)
        if self.broken:
            raise StorageError("the disk is full")
        self.puts.append(key)
        self.values[key] = value


class Trip:
    """Raises the error planned for an operation, before or after its effect."""

    def __init__(self) -> None:
        self.plan: dict[tuple[str, str], Exception] = {}

    async def before(self, operation: str, subject: object) -> None:
        if error := self.plan.pop(("before", operation), None):
            raise error

    async def after(self, operation: str, subject: object) -> None:
        if error := self.plan.pop(("after", operation), None):
            raise error


def run(
    body: Callable[[SimulatedExchange], Awaitable[T]],
    *,
    state: MemoryState | None = None,
    latency: Latency | None = None,
    faults: Faults | None = None,
    world: str = "w",
    start_ns: int = START_NS,
) -> T:
    async def main() -> T:
        context = FakeContext("sim", clock=VirtualClock.of_running_loop(), state=state)
        market = SeededMarket(
            seed=1, exchange="sim", profile=PROFILES["hyperliquid-like"], assets=["BTC", "ETH"], quote="USDC"
        )
        venue = SimulatedVenue(
            market, VenueRules(), name=ExchangeName("sim"), deposits={"USDC": D(100_000)}, start_ns=start_ns
        )
        async with open_simulated_exchange(venue, context, world=world, latency=latency, faults=faults) as exchange:
            return await body(exchange)

    return run_virtual(main(), start_ns=start_ns)


async def send(exchange: SimulatedExchange, request: OrderRequest = BUY) -> Order:
    return await exchange.trading.send_order(await exchange.trading.prepare_order(request))


async def sleep(duration_ns: int) -> None:
    clock = VirtualClock.of_running_loop()
    await clock.sleep_until(clock.now_ns() + duration_ns)


def test_it_is_an_exchange_that_needs_no_arming() -> None:
    async def body(exchange: SimulatedExchange) -> None:
        assert isinstance(exchange, Exchange)
        assert Capability.SIMULATED in exchange.capabilities

    run(body)


def test_prepare_rounds_to_tick_and_lot_and_never_up() -> None:
    async def body(exchange: SimulatedExchange) -> None:
        wanted = replace(BUY, quantity=D("0.1000099"), price=D("80000.7"))
        prepared = await exchange.trading.prepare_order(wanted)
        assert (str(prepared.request.quantity), str(prepared.request.price)) == ("0.10000", "80000")
        with pytest.raises(BelowMinimum):
            await exchange.trading.prepare_order(replace(BUY, quantity=D("0.000001")))
        with pytest.raises(Rejected):
            await exchange.trading.prepare_order(replace(BUY, instrument=InstrumentId("X-PERP.sim")))
        with pytest.raises(Rejected, match="finite"):
            await exchange.trading.prepare_order(replace(BUY, price=D("Infinity")))

    run(body)


def test_an_answer_comes_after_its_effect_is_durable() -> None:
    state = SlowState()

    async def body(exchange: SimulatedExchange) -> dict[str, str]:
        report = await send(exchange)
        assert report.status is OrderStatus.FILLED
        return dict(state.values)

    killed = MemoryState(run(body, state=state))

    async def after(exchange: SimulatedExchange) -> None:
        assert (await exchange.trading.fetch_order(BTC, BUY.client_order_id)).status is OrderStatus.FILLED
        (position,) = await exchange.trading.fetch_positions()
        assert position.quantity == D("0.1")
        with pytest.raises(Rejected, match="used before"):
            await send(exchange)

    run(after, state=killed, start_ns=START_NS + HOUR_NS)


def test_a_crash_between_two_writes_leaves_the_account_as_acknowledged() -> None:
    state = SlowState()
    run(send, state=state)
    before = dict(state.values)
    again = replace(BUY, client_order_id=ClientOrderId("b"))
    run(lambda exchange: send(exchange, again), state=state)
    # History is written, the head is not.
    torn = MemoryState({**before, "records-0": state.values["records-0"]})

    async def after(exchange: SimulatedExchange) -> None:
        with pytest.raises(UnknownOrder):
            await exchange.trading.fetch_order(BTC, again.client_order_id)
        assert (await exchange.trading.fetch_positions())[0].quantity == D("0.1")
        await send(exchange, again)

    run(after, state=torn)


def test_history_is_stored_in_pieces_and_read_back_whole() -> None:
    state = MemoryState()

    async def body(exchange: SimulatedExchange) -> str:
        for number in range(90):
            side = Side.BUY if number % 2 else Side.SELL
            price = D(70_000) if side is Side.BUY else D(60_000)
            await send(exchange, replace(BUY, client_order_id=ClientOrderId(f"n{number}"), side=side, price=price))
            await sleep(SECOND_NS)
        return exchange.venue.snapshot()

    async def again(exchange: SimulatedExchange) -> str:
        return exchange.venue.snapshot()

    first = run(body, state=state)
    assert len([key for key in state.values if key.startswith("records-")]) > 2
    assert run(again, state=state) == first


def test_a_failing_storage_makes_an_order_doubtful_and_the_next_call_stores_it() -> None:
    state = SlowState()

    async def body(exchange: SimulatedExchange) -> None:
        state.broken = True
        with pytest.raises(OutcomeUnknown, match="disk is full"):
            await send(exchange)
        with pytest.raises(StorageError):
            await exchange.trading.fetch_positions()
        state.broken = False
        assert (await exchange.trading.fetch_order(BTC, BUY.client_order_id)).status is OrderStatus.FILLED

    run(body, state=state)
    assert '"BTC-PERP.sim"' in state.values["head"]


def test_a_cancelled_call_loses_nothing() -> None:
    state = SlowState()

    async def body(exchange: SimulatedExchange) -> None:
        task = asyncio.ensure_future(send(exchange))
        await sleep(MILLISECOND_NS // 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(body, state=state)

    async def after(exchange: SimulatedExchange) -> None:
        assert (await exchange.trading.fetch_order(BTC, BUY.client_order_id)).status is OrderStatus.FILLED

    run(after, state=state)


def test_orders_sent_at_once_are_taken_one_after_the_other_in_the_same_order() -> None:
    async def body(exchange: SimulatedExchange) -> list[str]:
        requests = [replace(BUY, client_order_id=ClientOrderId(f"n{number}")) for number in range(8)]
        await asyncio.gather(*(send(exchange, request) for request in requests))
        return [fill.client_order_id for fill in await exchange.trading.fetch_fills(0)]

    jitter = Latency(request_ns=20 * MILLISECOND_NS, jitter_ns=20 * MILLISECOND_NS)
    assert run(body, state=SlowState()) == [f"n{number}" for number in range(8)]
    mixed = run(body, state=SlowState(), latency=jitter)
    assert mixed == run(body, state=SlowState(), latency=jitter)
    assert sorted(mixed) == [f"n{number}" for number in range(8)]
    assert mixed != sorted(mixed)


def test_an_order_meets_the_book_of_its_arrival() -> None:
    async def body(exchange: SimulatedExchange) -> tuple[int, int]:
        report = await send(exchange)
        return report.ts_event_ns - START_NS, VirtualClock.of_running_loop().now_ns() - START_NS

    latency = Latency(request_ns=3 * SECOND_NS, answer_ns=4 * SECOND_NS)
    assert run(body, latency=latency) == (3 * SECOND_NS, 7 * SECOND_NS)


def test_faults_before_leave_no_trace_and_faults_after_hide_the_answer() -> None:
    trip = Trip()

    async def body(exchange: SimulatedExchange) -> None:
        trip.plan["before", "send_order"] = ConnectFailed("no line")
        with pytest.raises(ConnectFailed):
            await send(exchange)
        with pytest.raises(UnknownOrder):
            await exchange.trading.fetch_order(BTC, BUY.client_order_id)
        trip.plan["after", "send_order"] = OutcomeUnknown("silence")
        with pytest.raises(OutcomeUnknown):
            await send(exchange)
        assert (await exchange.trading.fetch_order(BTC, BUY.client_order_id)).status is OrderStatus.FILLED

    run(body, faults=trip)


def test_an_account_of_another_world_is_refused() -> None:
    state = MemoryState()
    run(send, state=state)
    with pytest.raises(ConfigError, match="another simulated market"):
        run(send, state=state, world="other")


def test_an_account_whose_instruments_are_gone_is_refused() -> None:
    state = MemoryState()
    run(send, state=state)
    state.values = {key: text.replace("BTC-PERP", "GONE-PERP") for key, text in state.values.items()}
    with pytest.raises(ConfigError, match=r"GONE-PERP\.sim, which the configured market does not list"):
        run(send, state=state)


def test_a_damaged_store_is_refused() -> None:
    state = MemoryState()
    run(send, state=state)
    state.values["records-0"] = "[]"
    with pytest.raises(StorageError, match="backup"):
        run(send, state=state)


def test_public_data_are_consistent_and_do_not_look_ahead() -> None:
    async def body(exchange: SimulatedExchange) -> None:
        market = exchange.market
        book = await market.fetch_order_book(BTC, 5)
        assert await market.fetch_bbo(BTC) == book.bbo()
        assert {row.instrument for row in await market.fetch_stats()} == {
            row.id for row in await market.fetch_instruments()
        }
        assert set(await market.fetch_fx_rates()) == {"USDC"}
        (rate, _) = await market.fetch_funding_rates()
        assert (rate.kind, rate.interval_ns, rate.next_funding_ns) == (
            FundingKind.PREDICTED,
            HOUR_NS,
            START_NS + HOUR_NS,
        )
        rows = await market.fetch_funding_history(BTC, START_NS - 24 * HOUR_NS, START_NS + 24 * HOUR_NS)
        assert [row.ts_event_ns for row in rows] == [START_NS + hour * HOUR_NS for hour in range(-24, 1)]
        assert await market.fetch_funding_history(BTC, START_NS, START_NS) == []
        assert len(await market.fetch_funding_history(BTC, 0, 2**62)) == 400 * 24 + 1
        with pytest.raises(Rejected):
            await market.fetch_order_book(InstrumentId("X-PERP.sim"), 1)

    run(body)


def test_what_was_taken_is_missing_from_the_public_book() -> None:
    async def body(exchange: SimulatedExchange) -> None:
        before = await exchange.market.fetch_order_book(BTC, 5)
        await send(exchange)
        after = await exchange.market.fetch_order_book(BTC, 5)
        size = sum(level.size for level in before.asks)
        assert sum(level.size for level in after.asks) == size - D("0.1")

    run(body)


def test_leverage_is_set_and_read_back() -> None:
    async def body(exchange: SimulatedExchange) -> None:
        await exchange.trading.set_leverage(BTC, D(3), MarginMode.CROSS)
        assert await exchange.trading.fetch_leverage(BTC) == (D(3), MarginMode.CROSS)

    run(body)


def test_the_book_stream_shows_each_state_once_and_ends_when_closed() -> None:
    async def body(exchange: SimulatedExchange) -> None:
        books: list[OrderBook] = []
        stream = exchange.streams.watch_order_book(BTC)
        async for book in stream:
            books.append(book)
            if len(books) == 4:
                break
        assert all(later.sequence == earlier.sequence + 1 for earlier, later in pairwise(books))

        async def watch() -> None:
            async for _ in exchange.streams.watch_order_book(BTC):
                pass

        task = asyncio.ensure_future(watch())
        await sleep(SECOND_NS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(BadResponse):
            await anext(aiter(exchange.streams.watch_order_book(InstrumentId("X-PERP.sim"))))

    run(body)


def test_the_trade_stream_yields_each_trade_once() -> None:
    async def body(exchange: SimulatedExchange) -> None:
        start_ns = VirtualClock.of_running_loop().now_ns()
        seen = []
        async for trade in exchange.streams.watch_trades(BTC):
            seen.append(trade)
            if len(seen) == 10:
                break
        expected = exchange.venue.market.trades(BTC, start_ns, VirtualClock.of_running_loop().now_ns())
        assert seen == list(expected)[:10]

    run(body)


def test_the_account_stream_tells_nothing_that_is_not_durable() -> None:
    state = SlowState()

    async def body(exchange: SimulatedExchange) -> None:
        told: list[tuple[str, int]] = []

        async def watch() -> None:
            async for change in exchange.streams.watch_account():
                told.append((type(change).__name__, len(state.puts)))

        task = asyncio.ensure_future(watch())
        await sleep(MINUTE_NS - MILLISECOND_NS // 2)
        stored = len(state.puts)
        await send(exchange)
        assert told == []
        await sleep(1)
        assert told
        assert {puts for _, puts in told} == {stored + 2}
        task.cancel()

    run(body, state=state)


def test_the_account_stream_tells_working_working_orders_then_every_change() -> None:
    async def body(exchange: SimulatedExchange) -> None:
        low = replace(BUY, client_order_id=ClientOrderId("low"), price=D(55_000), time_in_force=TimeInForce.GTC)
        await send(exchange, low)
        seen: list[Order | Fill | FundingPayment] = []

        async def watch() -> None:
            async for change in exchange.streams.watch_account():
                seen.append(change)

        task = asyncio.ensure_future(watch())
        await sleep(SECOND_NS)
        assert [type(each) for each in seen] == [Order]
        await send(exchange)
        await sleep(1)
        filled = len(seen)
        assert [type(each) for each in seen[1:]] == [Fill] * (filled - 2) + [Order]
        await exchange.trading.cancel_order(BTC, low.client_order_id)
        await sleep(HOUR_NS + MINUTE_NS)
        assert isinstance(seen[filled], Order)
        assert isinstance(seen[filled + 1], FundingPayment)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(body)
