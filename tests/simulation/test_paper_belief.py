"""A paper account and an exchange whose public answers are wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from arb.api import ConfigError, ExchangeError, NotSent, Rejected
from arb.model import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    ClientOrderId,
    FundingRate,
    Instrument,
    MarketStats,
    Order,
    OrderRequest,
    OrderStatus,
    Side,
)
from arb.simulation import PaperExchange, open_paper_exchange
from arb.testing import FakeClock, FakeContext, Fault, MemoryExchange, MemoryState

START_NS = 1_767_225_600_000_000_000 + 30 * MINUTE_NS


class Desk:
    """A paper account on an exchange that a test makes lie."""

    def __init__(self) -> None:
        self.clock = FakeClock(START_NS)
        self.inner = MemoryExchange("mem", clock=self.clock, prices={"BTC": 50_000})
        self.btc = self.inner.id_of("BTC")
        self.inner.set_funding(self.btc, "0.0001")
        self._orders = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[PaperExchange]:
        context = FakeContext("mem", clock=self.clock)
        async with open_paper_exchange(self.inner, context, deposits={"USDC": Decimal(10_000)}) as paper:
            yield paper

    async def order(self, paper: PaperExchange, side: Side, price: str) -> Order:
        self._orders += 1
        request = OrderRequest(
            client_order_id=ClientOrderId(f"o{self._orders}"),
            instrument=self.btc,
            side=side,
            quantity=Decimal("0.1"),
            price=Decimal(price),
        )
        return await paper.trading.send_order(await paper.trading.prepare_order(request))


def run(test: Callable[[Desk, PaperExchange], Awaitable[None]]) -> None:
    async def main() -> None:
        desk = Desk()
        async with desk.open() as paper:
            await test(desk, paper)

    asyncio.run(main())


@pytest.mark.parametrize("wrong", ["5000000", "500", "0", "-1"])
def test_one_impossible_mark_price_does_not_liquidate_the_account(wrong: str) -> None:
    async def test(desk: Desk, paper: PaperExchange) -> None:
        for _ in range(2):
            await desk.order(paper, Side.SELL, "49000")
        before = await paper.trading.fetch_positions()
        desk.inner.set_mark(desk.btc, Decimal(wrong))
        desk.clock.advance(11 * SECOND_NS)
        reasons = set()
        for seconds in (0, 11, 11):
            desk.clock.advance(seconds * SECOND_NS)
            with pytest.raises(NotSent, match="not believed: its mark price") as failed:
                await paper.trading.fetch_positions()
            reasons.add(str(failed.value))
        with pytest.raises(NotSent, match="not believed"):
            await desk.order(paper, Side.BUY, "60000")
        await paper.trading.cancel_all()
        assert len(reasons) == 1

        desk.inner.set_mark(desk.btc, Decimal(50_100))
        desk.clock.advance(11 * SECOND_NS)
        [position] = await paper.trading.fetch_positions()
        assert position.quantity == before[0].quantity == Decimal("-0.2")
        assert len(await paper.trading.fetch_fills(0)) == 2

    run(test)


def test_a_price_that_stays_is_believed_in_the_end() -> None:
    async def test(desk: Desk, paper: PaperExchange) -> None:
        await desk.order(paper, Side.BUY, "51000")
        desk.inner.set_mark(desk.btc, 101_000)
        desk.clock.advance(10 * MINUTE_NS)
        with pytest.raises(NotSent):
            await paper.trading.fetch_positions()
        desk.clock.advance(11 * SECOND_NS)
        [position] = await paper.trading.fetch_positions()
        assert position.mark_price == 101_000

    run(test)


@pytest.mark.parametrize(("mark", "believed"), [("5000000", False), ("500", False), ("120000", True), ("20000", True)])
def test_after_a_restart_the_entry_price_tells_what_is_possible(mark: str, believed: bool) -> None:
    async def main() -> None:
        desk, state = Desk(), MemoryState()
        deposits = {"USDC": Decimal(10_000)}
        context = FakeContext("mem", clock=desk.clock, state=state)
        async with open_paper_exchange(desk.inner, context, deposits=deposits) as paper:
            await desk.order(paper, Side.BUY, "51000")
        desk.inner.set_mark(desk.btc, Decimal(mark))
        desk.clock.advance(HOUR_NS)
        context = FakeContext("mem", clock=desk.clock, state=state)
        async with open_paper_exchange(desk.inner, context, deposits=deposits) as paper:
            if believed:
                [position] = await paper.trading.fetch_positions()
                assert position.mark_price == Decimal(mark)
                return
            with pytest.raises(NotSent, match="not believed"):
                await paper.trading.fetch_positions()
            desk.clock.advance(10 * MINUTE_NS + 11 * SECOND_NS)
            await paper.trading.fetch_positions()

    asyncio.run(main())


def test_a_large_but_possible_move_is_believed_at_once() -> None:
    async def test(desk: Desk, paper: PaperExchange) -> None:
        await desk.order(paper, Side.BUY, "51000")
        desk.inner.set_mark(desk.btc, 26_000)
        desk.clock.advance(11 * SECOND_NS)
        [position] = await paper.trading.fetch_positions()
        assert position.mark_price == 26_000

    run(test)


@pytest.mark.parametrize(
    ("bids", "asks", "why"),
    [
        ([("5000000", 1)], [("5000100", 1)], "at once"),
        ([("499", 1)], [("501", 1)], "at once"),
        ([("50200", 1)], [("50100", 1)], "crossed"),
        ([("50100", 1)], [("50100", 1)], "crossed"),
        ([("50000", 0)], [("50100", 1)], "positive"),
        ([("NaN", 1)], [("50100", 1)], "positive"),
        ([("50000", 1)], [("Infinity", 1)], "positive"),
        ([("49000", 1), ("50000", 1)], [("50100", 1)], "out of order"),
        ([("50000", 1)], [("50200", 1), ("50100", 1)], "out of order"),
    ],
)
def test_no_order_meets_a_book_that_cannot_be_true(
    bids: Sequence[tuple[str, int]], asks: Sequence[tuple[str, int]], why: str
) -> None:
    async def test(desk: Desk, paper: PaperExchange) -> None:
        await desk.order(paper, Side.BUY, "51000")
        desk.inner.set_book(desk.btc, bids, asks)
        for side in Side:
            with pytest.raises(NotSent, match=why):
                await desk.order(paper, side, "50000")
        assert len(await paper.trading.fetch_fills(0)) == 1

    run(test)


def test_an_empty_side_fills_nothing() -> None:
    async def test(desk: Desk, paper: PaperExchange) -> None:
        desk.inner.set_mark(desk.btc, 50_000)
        desk.inner.set_book(desk.btc, [("50000", 1)], [])
        report = await desk.order(paper, Side.BUY, "51000")
        assert (report.status, report.filled_quantity) == (OrderStatus.CANCELLED, Decimal(0))

    run(test)


@pytest.mark.parametrize("call", ["fetch_stats", "fetch_order_book", "fetch_funding_rates"])
def test_a_plugin_that_breaks_while_reading_did_nothing(call: str) -> None:
    async def test(desk: Desk, paper: PaperExchange) -> None:
        desk.inner.faults.always(call, Fault(error=KeyError("markPrice")))
        with pytest.raises(NotSent, match="KeyError: 'markPrice'"):
            await desk.order(paper, Side.BUY, "51000")

    run(test)


def test_an_exchange_that_hangs_holds_the_account_up_once_and_not_each_call() -> None:
    async def main() -> None:
        desk = Desk()
        context = FakeContext("mem", clock=desk.clock)
        opening = open_paper_exchange(
            desk.inner, context, deposits={"USDC": Decimal(10_000)}, read_timeout_ns=50_000_000
        )
        async with opening as paper:
            await desk.order(paper, Side.BUY, "51000")
            desk.clock.advance(MINUTE_NS)
            desk.inner.faults.always("fetch_stats", Fault(delay_ns=DAY_NS))
            before = desk.inner.faults.calls["fetch_stats"]
            for call in (paper.trading.fetch_balances, paper.trading.fetch_positions, paper.trading.fetch_open_orders):
                with pytest.raises(NotSent, match=r"no answer within 0\.05 s"):
                    await call()
            assert desk.inner.faults.calls["fetch_stats"] == before + 1
            desk.clock.advance(3 * SECOND_NS)
            with pytest.raises(NotSent):
                await paper.trading.fetch_balances()
            assert desk.inner.faults.calls["fetch_stats"] == before + 2
            await paper.trading.cancel_all()

    asyncio.run(main())


def test_a_history_that_breaks_leaves_a_payment_unknown() -> None:
    async def test(desk: Desk, paper: PaperExchange) -> None:
        await desk.order(paper, Side.BUY, "51000")
        desk.clock.advance(8 * HOUR_NS)
        desk.inner.set_funding(desk.btc, "0.0001")
        desk.inner.faults.always("fetch_funding_history", Fault(error=KeyError("fundingRate")))
        assert await paper.trading.fetch_positions()
        assert not await paper.trading.fetch_funding_payments(0)

    run(test)


class Delisted:
    """An exchange that lists nothing any more."""

    def __init__(self, inner: MemoryExchange) -> None:
        self._inner = inner
        self.name, self.capabilities, self.traits = inner.name, inner.capabilities, inner.traits
        self.trading = self.streams = None

    @property
    def market(self) -> Any:
        return self

    async def fetch_instruments(self) -> Sequence[Instrument]:
        return []

    async def fetch_stats(self) -> Sequence[MarketStats]:
        return []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner.market, name)


def test_an_account_with_a_position_in_a_delisted_instrument_can_be_opened_again() -> None:
    async def main() -> None:
        desk, state = Desk(), MemoryState()
        context = FakeContext("mem", clock=desk.clock, state=state)
        deposits = {"USDC": Decimal(10_000)}
        async with open_paper_exchange(desk.inner, context, deposits=deposits) as paper:
            await desk.order(paper, Side.BUY, "51000")
            before = await paper.trading.fetch_balances()
        context = FakeContext("mem", clock=desk.clock, state=state)
        async with open_paper_exchange(Delisted(desk.inner), context, deposits=deposits) as paper:
            [position] = await paper.trading.fetch_positions()
            assert (position.instrument, position.quantity) == (desk.btc, Decimal("0.1"))
            assert [row.cash for row in await paper.trading.fetch_balances()] == [row.cash for row in before]
            with pytest.raises(ExchangeError):
                await desk.order(paper, Side.BUY, "51000")

    asyncio.run(main())


def test_a_stored_listing_that_cannot_be_read_is_told() -> None:
    async def main() -> None:
        desk, state = Desk(), MemoryState()
        context = FakeContext("mem", clock=desk.clock, state=state)
        await context.state.put("listed", "[{}]")
        with pytest.raises(ConfigError, match="unreadable instruments"):
            async with open_paper_exchange(desk.inner, context, deposits={"USDC": Decimal(1)}):
                pass

    asyncio.run(main())


class WrongSchedule:
    """An exchange that announces funding in wrong units; everything else is the inner one's."""

    def __init__(self, inner: MemoryExchange, interval_ns: int, ahead_ns: int) -> None:
        self._inner = inner
        self._interval_ns = interval_ns
        self._ahead_ns = ahead_ns
        self.name, self.capabilities, self.traits = inner.name, inner.capabilities, inner.traits
        self.trading = self.streams = None

    @property
    def market(self) -> Any:
        return self

    async def fetch_funding_rates(self) -> Sequence[FundingRate]:
        next_ns = self._inner.clock.now_ns() + self._ahead_ns
        rates = await self._inner.market.fetch_funding_rates()
        return [replace(rate, interval_ns=self._interval_ns, next_funding_ns=next_ns) for rate in rates]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner.market, name)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("interval_ns", "ahead_ns"),
    [(28_800, 8 * HOUR_NS), (1, HOUR_NS), (8 * HOUR_NS, 50_000 * 365 * DAY_NS), (MINUTE_NS, 32 * DAY_NS)],
)
def test_a_schedule_in_another_unit_is_no_schedule(interval_ns: int, ahead_ns: int) -> None:
    async def main() -> None:
        desk = Desk()
        inner = WrongSchedule(desk.inner, interval_ns, ahead_ns)
        context = FakeContext("mem", clock=desk.clock)
        async with open_paper_exchange(inner, context, deposits={"USDC": Decimal(10_000)}) as paper:
            with pytest.raises(Rejected, match="no coming funding settlement"):
                await desk.order(paper, Side.BUY, "51000")

    asyncio.run(main())
