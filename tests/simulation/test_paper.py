from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from types import ModuleType
from typing import Any, cast

import pytest

from arb.api import (
    PLUGIN_API,
    Capability,
    Context,
    Exchange,
    ExchangeError,
    ExchangeSpec,
    ExchangeTraits,
    MarketData,
    NotSent,
    OutcomeUnknown,
    Rejected,
    Settings,
    Streams,
    Trading,
)
from arb.model import (
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    Averaging,
    ClientOrderId,
    ExchangeName,
    FundingRate,
    Instrument,
    Order,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
)
from arb.simulation import (
    PROFILES,
    PaperExchange,
    SeededMarket,
    SimulatedExchange,
    SimulatedVenue,
    VenueRules,
    open_paper_exchange,
    open_simulated_exchange,
)
from arb.testing import ExchangeConformance, FakeClock, FakeContext, Fault, MemoryExchange, MemoryState

START_NS = 1_767_225_600_000_000_000 + 30 * MINUTE_NS


class Untouchable:
    """An exchange whose trading must not even be looked at."""

    def __init__(self, inner: MemoryExchange | SimulatedExchange) -> None:
        self._inner = inner

    @property
    def name(self) -> ExchangeName:
        return self._inner.name

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self._inner.capabilities

    @property
    def traits(self) -> Any:
        return self._inner.traits

    @property
    def market(self) -> MarketData:
        return self._inner.market

    @property
    def streams(self) -> Streams | None:
        return self._inner.streams

    @property
    def trading(self) -> Trading | None:
        raise AssertionError("paper trading touched the real account")


class AccruingMarket:
    """The public side of an exchange whose funding accrues at every moment."""

    def __init__(self, inner: MarketData) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def fetch_instruments(self) -> Sequence[Instrument]:
        return [replace(each, funding_interval_ns=0) for each in await self._inner.fetch_instruments()]

    async def fetch_funding_rates(self) -> Sequence[FundingRate]:
        return [replace(rate, interval_ns=0, next_funding_ns=None) for rate in await self._inner.fetch_funding_rates()]


class Accruing(Untouchable):
    @property
    def market(self) -> MarketData:
        return cast("MarketData", AccruingMarket(super().market))


class Desk:
    """One inner exchange, its clock and the paper exchange on it."""

    def __init__(self, capabilities: frozenset[Capability] | None = None) -> None:
        self.clock = FakeClock(START_NS)
        self.inner = MemoryExchange(
            "mem",
            clock=self.clock,
            prices={"BTC": 50_000, "ETH": 3_000},
            capabilities=frozenset(Capability) if capabilities is None else capabilities,
            traits=ExchangeTraits(read_after_write_ns=0, averaging=Averaging.LINEAR),
        )
        self.btc = self.inner.id_of("BTC")
        self.eth = self.inner.id_of("ETH")
        self.state = MemoryState()
        self.announce()
        self._orders = 0

    def announce(self) -> None:
        for instrument in (self.btc, self.eth):
            self.inner.set_funding(instrument, "0.0001")

    @asynccontextmanager
    async def open(self, seen: type[Untouchable] = Untouchable) -> AsyncIterator[PaperExchange]:
        context = FakeContext("mem", clock=self.clock, state=self.state)
        async with open_paper_exchange(seen(self.inner), context, deposits={"USDC": Decimal(10_000)}) as paper:
            yield paper

    async def order(self, paper: PaperExchange, side: Side, quantity: str, price: str, **more: Any) -> Order:
        self._orders += 1
        name = ClientOrderId(f"o{self._orders}")
        request = OrderRequest(
            client_order_id=name,
            instrument=self.btc,
            side=side,
            quantity=Decimal(quantity),
            price=Decimal(price),
            **more,
        )
        return await paper.trading.send_order(await paper.trading.prepare_order(request))

    def to_next_settlement(self, seconds: int = 0) -> int:
        """Move to the next settlement plus seconds and return it."""
        interval = 8 * HOUR_NS
        hour = (self.clock.now_ns() // interval + 1) * interval
        self.clock.move_to(hour + seconds * SECOND_NS)
        return hour


def run(test: Callable[[Desk], Awaitable[None]], capabilities: frozenset[Capability] | None = None) -> None:
    asyncio.run(test(Desk(capabilities)))  # type: ignore[arg-type]


def test_it_is_a_simulated_exchange_with_the_public_side_of_the_inner_one() -> None:
    async def test(desk: Desk) -> None:
        async with desk.open() as paper:
            exchange: Exchange = paper
            assert isinstance(exchange, Exchange)
            assert Capability.SIMULATED in exchange.capabilities
            assert Capability.TRADING in exchange.capabilities
            assert exchange.name == "mem"
            assert exchange.traits.averaging is Averaging.LINEAR
            assert await exchange.market.fetch_instruments() == await desk.inner.market.fetch_instruments()
            assert await exchange.market.fetch_bbo(desk.btc) == await desk.inner.market.fetch_bbo(desk.btc)
            assert await exchange.market.fetch_fx_rates() == {"USDC": 1}
            assert await exchange.market.fetch_stats() == await desk.inner.market.fetch_stats()
            assert await exchange.market.fetch_funding_rates() == await desk.inner.market.fetch_funding_rates()

    run(test)


def test_public_capabilities_are_the_inner_ones() -> None:
    async def test(desk: Desk) -> None:
        async with desk.open() as paper:
            assert Capability.BOOK_STREAM not in paper.capabilities
            assert Capability.FUNDING_HISTORY not in paper.capabilities
            assert Capability.ACCOUNT_STREAM in paper.capabilities
            assert Capability.DEAD_MANS_SWITCH in paper.capabilities

    run(test, frozenset({Capability.PREDICTED_FUNDING}))


def test_an_order_meets_the_book_of_its_arrival() -> None:
    async def test(desk: Desk) -> None:
        async with desk.open() as paper:
            await paper.market.fetch_order_book(desk.btc, 10)
            desk.inner.set_book(desk.btc, [("40000", 1)], [("41000", "0.1"), ("41010", "0.1")])
            report = await desk.order(paper, Side.BUY, "0.15", "42000")
            assert report.status is OrderStatus.FILLED
            assert report.average_price is not None
            assert report.average_price.quantize(Decimal("0.01")) == Decimal("41003.33")
            [position] = await paper.trading.fetch_positions()
            assert position.quantity == Decimal("0.15")
            fills = await paper.trading.fetch_fills(0)
            assert [fill.price for fill in fills] == [41_000, 41_010]
            # The inner snapshot still shows what we took; a second order does not take it again.
            again = await desk.order(paper, Side.BUY, "0.1", "42000")
            assert again.filled_quantity == Decimal("0.05")

    run(test)


def test_a_book_that_cannot_be_read_means_nothing_was_sent() -> None:
    async def test(desk: Desk) -> None:
        async with desk.open() as paper:
            desk.inner.faults.once("fetch_order_book", Fault(error=OutcomeUnknown("timed out", exchange="mem")))
            with pytest.raises(NotSent, match="did nothing"):
                await desk.order(paper, Side.BUY, "0.1", "54000")
            assert not await paper.trading.fetch_fills(0)
            desk.inner.faults.always("fetch_stats", Fault(error=ExchangeError("down", exchange="mem")))
            desk.clock.advance(MINUTE_NS)
            with pytest.raises(NotSent):
                await paper.trading.fetch_balances()
            await paper.trading.cancel_all()

    run(test)


def test_a_resting_order_fills_when_the_inner_book_reaches_it() -> None:
    async def test(desk: Desk) -> None:
        async with desk.open() as paper:
            report = await desk.order(paper, Side.BUY, "0.1", "49000", time_in_force=TimeInForce.GTC, post_only=True)
            assert report.status is OrderStatus.OPEN
            desk.inner.set_price(desk.btc, 48_900)
            for _ in range(3):
                desk.clock.advance(3 * SECOND_NS)
                await paper.trading.fetch_open_orders()
            report = await paper.trading.fetch_order(desk.btc, report.request.client_order_id)
            assert (report.status, report.average_price) == (OrderStatus.FILLED, Decimal(49_000))

    run(test)


def test_funding_is_paid_at_the_settled_rate_and_only_when_it_is_known() -> None:
    async def test(desk: Desk) -> None:
        async with desk.open() as paper:
            await desk.order(paper, Side.SELL, "0.1", "49000")
            cash = (await paper.trading.fetch_balances())[0].cash
            hour = desk.to_next_settlement(seconds=2)
            assert not await paper.trading.fetch_funding_payments(0)
            assert (await paper.trading.fetch_balances())[0].cash == cash
            desk.announce()
            desk.clock.advance(5 * MINUTE_NS)
            history = await desk.inner.market.fetch_funding_rates()
            assert history
            # The venue's own record shows the rate late, stamped some milliseconds off.
            later = desk.clock.now_ns()
            settle_late(desk, hour + 7_000_000, "0.0003")
            [payment] = await paper.trading.fetch_funding_payments(0)
            assert payment.settled_ns == hour
            assert payment.rate == Decimal("0.0003")
            assert payment.quantity == Decimal("-0.1")
            assert payment.amount == Decimal("0.1") * Decimal(50_000) * Decimal("0.0003")
            assert (await paper.trading.fetch_balances())[0].cash == cash + payment.amount
            assert desk.clock.now_ns() == later
            desk.clock.advance(MINUTE_NS)
            assert len(await paper.trading.fetch_funding_payments(0)) == 1

    run(test)


def settle_late(desk: Desk, ts_ns: int, rate: str) -> None:
    """Put a settlement of the past into the inner exchange's history."""
    past = MemoryExchange("mem", clock=FakeClock(ts_ns), prices={"BTC": 50_000})
    past.settle_funding(desk.btc, rate)
    [settled] = asyncio_result(past.market.fetch_funding_history(desk.btc, ts_ns, ts_ns + 1))
    desk.inner.add_history(settled)


def asyncio_result(call: Any) -> Any:
    """Drive a coroutine that waits for nothing."""
    try:
        call.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waited")


def test_the_position_at_the_settlement_counts_not_the_one_when_the_rate_is_known() -> None:
    async def test(desk: Desk) -> None:
        async with desk.open() as paper:
            await desk.order(paper, Side.SELL, "0.1", "49000")
            hour = desk.to_next_settlement(seconds=30)
            desk.announce()
            await desk.order(paper, Side.BUY, "0.1", "51000", reduce_only=True)
            assert not await paper.trading.fetch_positions()
            desk.clock.advance(MINUTE_NS)
            settle_late(desk, hour, "0.0001")
            [payment] = await paper.trading.fetch_funding_payments(0)
            assert payment.quantity == Decimal("-0.1")

    run(test)


def test_an_account_survives_a_restart_with_its_open_settlements() -> None:
    async def test(desk: Desk) -> None:
        async with desk.open() as paper:
            await desk.order(paper, Side.SELL, "0.1", "49000")
            before = await paper.trading.fetch_balances()
        first = desk.to_next_settlement()
        desk.to_next_settlement()
        third = desk.to_next_settlement(seconds=40)
        desk.announce()
        for hour in (first, first + 8 * HOUR_NS):
            settle_late(desk, hour, "0.0001")
        async with desk.open() as paper:
            payments = await paper.trading.fetch_funding_payments(0)
            assert [payment.settled_ns for payment in payments] == [first, first + 8 * HOUR_NS]
            desk.clock.advance(MINUTE_NS)
            settle_late(desk, third, "-0.0002")
            payments = await paper.trading.fetch_funding_payments(0)
            assert [payment.settled_ns for payment in payments] == [first, first + 8 * HOUR_NS, third]
            after = await paper.trading.fetch_balances()
            assert after[0].cash == before[0].cash + sum(payment.amount for payment in payments)

    run(test)


def test_a_settlement_still_unknown_at_a_restart_is_booked_later() -> None:
    async def test(desk: Desk) -> None:
        async with desk.open() as paper:
            await desk.order(paper, Side.SELL, "0.1", "49000")
            hour = desk.to_next_settlement(seconds=5)
            desk.announce()
            await desk.order(paper, Side.BUY, "0.1", "51000", reduce_only=True)
        desk.clock.advance(MINUTE_NS)
        async with desk.open() as paper:
            assert not await paper.trading.fetch_funding_payments(0)
            desk.clock.advance(MINUTE_NS)
            settle_late(desk, hour, "0.0001")
            assert len(await paper.trading.fetch_funding_payments(0)) == 1

    run(test)


def test_funding_that_accrues_is_paid_when_the_position_changes() -> None:
    async def test(desk: Desk) -> None:
        begin = desk.clock.now_ns() // HOUR_NS * HOUR_NS  # half an hour ago
        desk.inner.set_funding(desk.btc, "0.0008")  # for eight hours
        async with desk.open(Accruing) as paper:
            await desk.order(paper, Side.SELL, "0.1", "49000")
            cash = (await paper.trading.fetch_balances())[0].cash
            desk.clock.move_to(begin + HOUR_NS + MINUTE_NS)
            assert not await paper.trading.fetch_funding_payments(0)
            assert (await paper.trading.fetch_balances())[0].cash == cash
        desk.clock.move_to(begin + 3 * HOUR_NS + 15 * MINUTE_NS)
        async with desk.open(Accruing) as paper:
            desk.inner.set_funding(desk.btc, "-0.0008")
            await paper.market.fetch_funding_rates()
            await desk.order(paper, Side.SELL, "0.1", "49000")
            [first] = await paper.trading.fetch_funding_payments(0)
            # Half an hour before the stop, and for what nobody looked at stands what is seen after it.
            hours = Decimal("0.5") - Decimal("2.25")
            assert first.amount == Decimal("0.1") * 50_000 * hours * Decimal("0.0001")
            assert (first.settled_ns, first.quantity) == (desk.clock.now_ns(), Decimal("-0.1"))
            desk.clock.advance(30 * MINUTE_NS)
            await desk.order(paper, Side.BUY, "0.2", "51000")
            [_, second] = await paper.trading.fetch_funding_payments(0)
            assert second.amount == -Decimal("0.2") * 50_000 * Decimal("0.5") * Decimal("0.0001")
            desk.clock.advance(2 * HOUR_NS)
            await desk.order(paper, Side.SELL, "0.1", "49000")
            assert len(await paper.trading.fetch_funding_payments(0)) == 2, "nothing accrues on nothing"

    run(test)


def test_no_position_is_opened_where_funding_cannot_be_accounted_for() -> None:
    async def test(desk: Desk) -> None:
        desk.inner.set_funding(desk.btc, None)
        async with desk.open() as paper:
            with pytest.raises(Rejected, match="no coming funding settlement"):
                await desk.order(paper, Side.BUY, "0.1", "54000")

    run(test)


def test_time_does_not_pass_a_settlement_while_the_schedule_cannot_be_read() -> None:
    async def test(desk: Desk) -> None:
        async with desk.open() as paper:
            await desk.order(paper, Side.SELL, "0.1", "49000")
            desk.inner.faults.always("fetch_funding_rates", Fault(error=ExchangeError("down", exchange="mem")))
            hours = [desk.to_next_settlement(), desk.to_next_settlement(seconds=90)]
            with pytest.raises(NotSent):
                await paper.trading.fetch_positions()
            desk.inner.faults.always("fetch_funding_rates", None)
            desk.announce()
            for hour in hours:
                settle_late(desk, hour, "0.0001")
            await paper.trading.fetch_positions()
            assert [p.settled_ns for p in await paper.trading.fetch_funding_payments(0)] == hours

    run(test)


def test_calls_at_once_are_applied_one_after_the_other() -> None:
    async def test(desk: Desk) -> None:
        async with desk.open() as paper:
            desk.inner.set_book(desk.btc, [("49000", 1)], [("50000", "0.3")])
            reports = await asyncio.gather(*(desk.order(paper, Side.BUY, "0.1", "50000") for _ in range(5)))
            assert sum(report.filled_quantity for report in reports) == Decimal("0.3")

    run(test)


def test_streams_are_the_inner_books_and_the_paper_account() -> None:
    async def test(desk: Desk) -> None:
        async with desk.open() as paper:
            books = aiter(paper.streams.watch_order_book(desk.btc))
            book = await anext(books)
            assert book.instrument == desk.btc
            account = aiter(paper.streams.watch_account())
            first = asyncio.ensure_future(anext(account))
            await desk.clock.sleep_until(0)
            await desk.order(paper, Side.BUY, "0.1", "54000")
            assert getattr(await first, "instrument", None) == desk.btc or isinstance(await first, Order)
            await account.aclose()  # type: ignore[attr-defined]
            await books.aclose()  # type: ignore[attr-defined]

    run(test)


@asynccontextmanager
async def open_paper_over_seeded(_: Settings, context: Context) -> AsyncIterator[PaperExchange]:
    name, profile = ExchangeName(context.name), PROFILES["hyperliquid-like"]
    market = SeededMarket(
        seed=3,
        exchange=name,
        profile=profile,
        assets=("BTC", "ETH"),
        fees=profile.fees,
        quote=None,
        interval_ns=None,
    )
    venue = SimulatedVenue(market, VenueRules(), name=name, deposits={}, start_ns=context.clock.now_ns())
    theirs = FakeContext(context.name, clock=context.clock)
    async with (
        open_simulated_exchange(venue, theirs) as inner,
        open_paper_exchange(Untouchable(inner), context, deposits={"USDC": Decimal(100_000)}) as paper,
    ):
        yield paper


def paper_plugin() -> ModuleType:
    """A plugin module whose exchange is paper trading over a seeded market."""
    spec = ExchangeSpec(
        name="paper",
        settings=Settings,
        open=open_paper_over_seeded,
        capabilities=frozenset(Capability) - {Capability.TRANSFERS},
    )
    module: Any = ModuleType("paper_over_seeded")
    module.PLUGIN_API = PLUGIN_API
    module.arb_exchanges = lambda: [spec]
    return module  # type: ignore[no-any-return]


class TestPaperConformance(ExchangeConformance):
    plugin = paper_plugin()
