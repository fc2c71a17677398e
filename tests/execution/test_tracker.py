from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.execution.conftest import BookSource

from arb.api import CachedBook, ConnectFailed
from arb.execution._quality import ExecutionQuality, QualitySum, quality
from arb.execution._tracker import HORIZONS_NS, ExecutionTracker, MarkoutRecorder
from arb.marketdata import PriceProvider
from arb.model import (
    MILLISECOND_NS,
    MINUTE_NS,
    SECOND_NS,
    ZERO,
    ClientOrderId,
    ExchangeName,
    ExchangeOrderId,
    Fill,
    FillId,
    Hedge,
    HedgeId,
    HedgeStatus,
    Instrument,
    InstrumentId,
    Leg,
    Liquidity,
    Markout,
    Order,
    OrderMode,
    OrderPurpose,
    OrderRecord,
    OrderReport,
    OrderRequest,
    OrderStatus,
    PositionSide,
    Side,
)
from arb.storage import Journal
from arb.testing import START_NS, FakeClock, Fault, MemoryExchange, MemoryStorage, sample_instrument

ONE, TWO = sample_instrument("one"), sample_instrument("two", quote="USDT")
RULES: dict[InstrumentId, Instrument] = {ONE.id: ONE, TWO.id: TWO}


def order(
    name: str = "o1",
    *,
    instrument: InstrumentId = ONE.id,
    side: Side = Side.BUY,
    arrival: str = "100",
    status: OrderStatus = OrderStatus.FILLED,
    filled: str = "0",
    mode: OrderMode = OrderMode.MARKET,
    purpose: OrderPurpose = OrderPurpose.ENTRY,
    hedge: str = "h1",
) -> OrderRecord:
    request = OrderRequest(
        client_order_id=ClientOrderId(name), instrument=instrument, side=side, quantity=Decimal(100), price=Decimal(200)
    )
    return OrderRecord(
        order=Order(request=request, status=status, filled_quantity=Decimal(filled)),
        hedge_id=HedgeId(hedge),
        leg_index=0,
        purpose=purpose,
        attempt=0,
        arrival_price=Decimal(arrival),
        created_ns=START_NS,
        mode=mode,
    )


def fill(
    name: str = "o1",
    *,
    quantity: str = "1",
    price: str = "101",
    after_ns: int = 0,
    instrument: InstrumentId = ONE.id,
    side: Side = Side.BUY,
    maker: bool = False,
    fill_id: str | None = None,
) -> Fill:
    return Fill(
        fill_id=FillId(fill_id or f"{name}-{after_ns}-{quantity}"),
        client_order_id=ClientOrderId(name),
        exchange_order_id=ExchangeOrderId("x"),
        instrument=instrument,
        side=side,
        price=Decimal(price),
        quantity=Decimal(quantity),
        fee=ZERO,
        fee_currency="USDC",
        liquidity=Liquidity.MAKER if maker else Liquidity.TAKER,
        ts_event_ns=START_NS + after_ns,
    )


def markout(name: str, horizon_ns: int, mid: str, *, taken_ns: int) -> Markout:
    return Markout(
        client_order_id=ClientOrderId(name), horizon_ns=horizon_ns, mid_price=Decimal(mid), ts_ns=START_NS + taken_ns
    )


def of(
    records: Sequence[OrderRecord], fills: Sequence[Fill] = (), markouts: Sequence[Markout] = (), **more: Any
) -> ExecutionQuality:
    return quality(records, fills, markouts, RULES, **more)


# --- one order --------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "arrival", "paid"), [(Side.BUY, "100", "1.5"), (Side.SELL, "103", "1.5")])
def test_slippage_is_what_was_paid_beyond_the_arrival_price(side: Side, arrival: str, paid: str) -> None:
    fills = [
        fill(quantity="3", price="101", side=side),
        fill(quantity="1", price="103", side=side),
    ]
    (one,) = of([order(side=side, arrival=arrival)], fills).orders
    assert (one.filled_quantity, one.notional) == (Decimal(4), Decimal(406))
    assert one.slippage == Decimal(paid) * 4
    assert one.slippage_bps == Decimal(paid) / Decimal(arrival) * 10_000
    assert one.quote == "USDC"


def test_a_price_better_than_on_arrival_is_a_negative_cost() -> None:
    (one,) = of([order(arrival="102")], [fill(price="101")]).orders
    assert one.slippage == -1


def test_times_run_from_the_decision_and_never_backwards() -> None:
    (one,) = of([order()], [fill(after_ns=7 * SECOND_NS), fill(after_ns=2 * SECOND_NS)]).orders
    assert (one.first_fill_ns, one.last_fill_ns) == (2 * SECOND_NS, 7 * SECOND_NS)
    (early,) = of([order()], [fill(after_ns=-5 * MILLISECOND_NS)]).orders
    assert (early.first_fill_ns, early.last_fill_ns) == (0, 0)


def test_the_makers_share_is_of_the_notional() -> None:
    (one,) = of([order()], [fill(quantity="3", price="100", maker=True), fill(quantity="1", price="100")]).orders
    assert one.maker_share == Decimal("0.75")


def test_what_is_not_filled_has_no_quality_rather_than_a_perfect_one() -> None:
    found = of([order(status=OrderStatus.REJECTED)], [fill("not ours"), fill("o1", instrument=TWO.id)])
    (one,) = found.orders
    assert (one.slippage_bps, one.maker_share, one.first_fill_ns, one.last_fill_ns) == (None, None, None, None)
    total = found.total["USDC"]
    assert (total.slippage_bps, total.maker_share, total.first_fill_ns, total.markouts_bps) == (None, None, None, {})


def test_a_quantity_whose_fills_are_not_on_record_is_told() -> None:
    (one,) = of([order(filled="5")], [fill(quantity="2")]).orders
    assert (one.filled_quantity, one.missing_quantity) == (Decimal(2), Decimal(3))


def test_an_instrument_nobody_knows_the_rules_of_has_no_currency() -> None:
    elsewhere = InstrumentId("BTC-PERP.gone")
    found = of([order(instrument=elsewhere)], [fill(instrument=elsewhere)])
    assert found.orders[0].quote is None
    assert found.total[None].notional == 101


@pytest.mark.parametrize(("side", "gained"), [(Side.BUY, "2"), (Side.SELL, "-2")])
def test_a_markout_is_positive_where_the_price_went_our_way(side: Side, gained: str) -> None:
    fills = [fill(quantity="2", price="100", side=side)]
    later = [markout("o1", SECOND_NS, "101", taken_ns=SECOND_NS)]
    (one,) = of([order(side=side)], fills, later).orders
    assert one.markouts == {SECOND_NS: Decimal(gained)}
    assert one.markouts_bps == {SECOND_NS: Decimal(gained) * 50}


def test_a_markout_from_before_the_last_fills_horizon_counts_for_nothing() -> None:
    fills = [fill(), fill(after_ns=9 * SECOND_NS)]
    taken = [
        markout("o1", SECOND_NS, "101", taken_ns=10 * SECOND_NS - 1),
        markout("o1", MINUTE_NS, "101", taken_ns=69 * SECOND_NS),
    ]
    (one,) = of([order()], fills, taken).orders
    assert set(one.markouts) == {MINUTE_NS}


# --- sums -------------------------------------------------------------------------------------


def test_sums_are_weighted_and_never_mix_currencies() -> None:
    records = [
        order("o1"),
        order("o2", mode=OrderMode.POST_ONLY, purpose=OrderPurpose.EXIT),
        order("o3", instrument=TWO.id),
    ]
    fills = [
        fill("o1", quantity="1", price="102", after_ns=1),
        fill("o2", quantity="3", price="100", after_ns=3, maker=True),
        fill("o3", instrument=TWO.id, price="110", after_ns=9),
    ]
    taken = [
        markout("o1", SECOND_NS, "103.02", taken_ns=2 * SECOND_NS),
        markout("o2", SECOND_NS, "100", taken_ns=2 * SECOND_NS),
        markout("o2", MINUTE_NS, "101", taken_ns=2 * MINUTE_NS),
    ]
    found = of(records, fills, taken)
    total = found.total["USDC"]
    assert (total.orders, total.notional, total.slippage) == (2, Decimal(402), Decimal(2))
    assert total.slippage_bps == 50
    assert total.maker_share == Decimal(300) / 402
    assert (total.first_fill_ns, total.last_fill_ns) == (1, 1)
    # 1.02 gained on 402 after a second; after a minute only the second order was measured.
    assert total.markouts_bps == {SECOND_NS: Decimal("1.02") / 402 * 10_000, MINUTE_NS: Decimal(100)}
    assert found.total["USDT"].slippage == 10
    assert {key: one.orders for key, one in found.by_exchange.items()} == {
        (ExchangeName("one"), "USDC"): 2,
        (ExchangeName("two"), "USDT"): 1,
    }
    assert found.by_mode[OrderMode.POST_ONLY, "USDC"].maker_share == 1
    assert found.by_mode[OrderMode.MARKET, "USDC"].maker_share == 0
    assert found.by_purpose[OrderPurpose.EXIT, "USDC"].slippage_bps == 0


def test_refusals_and_doubts_are_counted() -> None:
    records = [
        order("o1", status=OrderStatus.REJECTED),
        order("o2", status=OrderStatus.NOT_SENT),
        order("o3", status=OrderStatus.IN_DOUBT),
        order("o4", status=OrderStatus.FILLED),
    ]
    total = of(records).total["USDC"]
    assert (total.orders, total.rejected, total.not_sent, total.doubts) == (4, 1, 1, 1)
    # The record keeps what was learnt: this one was in doubt until a read told.
    learnt = [report("o4", OrderStatus.SUBMITTED), report("o4", OrderStatus.IN_DOUBT), report("o4", OrderStatus.FILLED)]
    assert of(records, reports=learnt).total["USDC"].doubts == 2


def report(name: str, status: OrderStatus) -> OrderReport:
    return OrderReport(
        client_order_id=ClientOrderId(name),
        ts_ns=START_NS,
        status=status,
        filled_quantity=ZERO,
        average_price=None,
        source="send_order",
    )


def test_what_was_forced_on_us_is_not_our_execution() -> None:
    records = [order("o1"), order("o2", purpose=OrderPurpose.FORCED)]
    found = of(records, [fill("o1"), fill("o2", price="150")])
    assert found.by_purpose[OrderPurpose.FORCED, "USDC"].slippage == 50
    assert found.total["USDC"].slippage == 1
    assert found.by_exchange[ExchangeName("one"), "USDC"].orders == 1
    assert found.by_mode[OrderMode.MARKET, "USDC"].orders == 1


fills_of_some = st.lists(
    st.builds(
        lambda name, quantity, price, maker, number: fill(
            name, quantity=str(quantity), price=str(price), maker=maker, after_ns=number, fill_id=str(number)
        ),
        st.sampled_from(["o1", "o2", "o3"]),
        st.integers(1, 9),
        st.integers(90, 110),
        st.booleans(),
        st.integers(0, 10**9),
    ),
    max_size=8,
)


@given(fills_of_some, st.permutations(["o1", "o2", "o3"]))
def test_the_parts_make_the_whole_in_any_order(fills: list[Fill], names: list[str]) -> None:
    modes = dict(zip(("o1", "o2", "o3"), OrderMode, strict=False))
    records = [order(name, mode=modes[name]) for name in names]
    found = of(records, fills[::-1])
    total = found.total["USDC"]

    def added(sums: Sequence[QualitySum]) -> tuple[int, Decimal, Decimal]:
        notional, slippage = (sum((getattr(one, name) for one in sums), ZERO) for name in ("notional", "slippage"))
        return sum(one.orders for one in sums), notional, slippage

    for parts in (found.by_mode, found.by_exchange, found.by_purpose):
        assert added(list(parts.values())) == (total.orders, total.notional, total.slippage)
    assert total.notional == sum((one.quantity * one.price for one in fills), ZERO)
    assert total == of(sorted(records, key=str), fills).total["USDC"]


# --- markouts are taken -----------------------------------------------------------------------


class Desk:
    """One venue, a journal and the recorder of markouts, on a clock that stands still."""

    def __init__(self, journal: Journal, storage: MemoryStorage) -> None:
        self.clock = FakeClock()
        self.venue = MemoryExchange("one", clock=self.clock, prices={"BTC": 100})
        self.journal = journal
        self.storage = storage
        self.prices = PriceProvider(self.clock, {self.venue.name: self.venue}, {}, {"rest": BookSource()})
        self.recorder = self.restart()

    def restart(self) -> MarkoutRecorder:
        self.recorder = MarkoutRecorder(self.prices, self.journal, self.clock)
        return self.recorder

    async def at(
        self, after_ns: int, fills: Sequence[Fill], *, price: int = 100, records: Sequence[OrderRecord] | None = None
    ) -> list[tuple[str, int]]:
        """Move time and look; return order and horizon of what was stored."""
        self.clock.move_to(START_NS + after_ns)
        self.venue.set_price(ONE.id, price)
        orders = [order()] if records is None else records
        found = await self.recorder.due(self.clock.now_ns(), fills, orders)
        return [(one.client_order_id, one.horizon_ns) for one in found]

    @property
    def fetches(self) -> int:
        return self.venue.faults.calls["fetch_order_book"]


def at_desk(case: Callable[[Desk], Awaitable[None]]) -> None:
    async def run() -> None:
        storage = MemoryStorage()
        desk = Desk(await Journal.open(storage), storage)
        await case(desk)
        await desk.prices.close()
        storage.close()

    asyncio.run(run())


def test_each_horizon_is_stored_once_when_it_has_passed() -> None:
    async def case(d: Desk) -> None:
        fills = [fill()]
        assert await d.at(SECOND_NS - 1, fills) == []
        assert await d.at(SECOND_NS, fills, price=103) == [("o1", SECOND_NS)]
        assert await d.at(SECOND_NS, fills) == []
        assert await d.at(10 * SECOND_NS, fills, price=104) == [("o1", 10 * SECOND_NS)]
        assert await d.at(MINUTE_NS, fills, price=105) == [("o1", MINUTE_NS)]
        assert await d.at(5 * MINUTE_NS, fills, price=106) == [("o1", 5 * MINUTE_NS)]
        stored = await d.journal.markouts()
        assert [(one.horizon_ns, one.mid_price) for one in stored] == [
            (horizon, Decimal(price)) for horizon, price in zip(HORIZONS_NS, (103, 104, 105, 106), strict=True)
        ]
        assert [one.ts_ns - START_NS for one in stored] == list(HORIZONS_NS)
        assert await d.journal.clock() == d.clock.now_ns()

    at_desk(case)


def test_while_nothing_is_due_nothing_is_read() -> None:
    async def case(d: Desk) -> None:
        d.storage.close()
        assert await d.at(SECOND_NS - 1, [fill()]) == []
        assert await d.at(SECOND_NS, []) == []
        # Too late for the first horizon, too early for the second.
        assert await d.at(2 * SECOND_NS + 1, [fill()]) == []
        assert await d.at(d.recorder.lookback_ns + 1, [fill()]) == []
        assert d.fetches == 0

    at_desk(case)


def test_a_price_that_cannot_be_had_is_no_markout() -> None:
    async def case(d: Desk) -> None:
        d.venue.faults.always("fetch_order_book", Fault(error=ConnectFailed("no route", exchange="one")))
        assert await d.at(SECOND_NS, [fill()]) == []
        d.venue.faults.always("fetch_order_book", None)
        # A little late is still told by the time it was taken; much later is another moment.
        assert await d.at(2 * SECOND_NS, [fill()]) == [("o1", SECOND_NS)]
        assert [one.ts_ns for one in await d.journal.markouts()] == [START_NS + 2 * SECOND_NS]
        assert await d.at(15 * SECOND_NS + 1, [fill()]) == []
        assert await d.at(90 * SECOND_NS, [fill()]) == [("o1", MINUTE_NS)]

    at_desk(case)


class KeepingTier:
    """Keeps every book."""

    def __init__(self) -> None:
        self._books: dict[InstrumentId, CachedBook] = {}

    async def get(self, instruments: Sequence[InstrumentId]) -> Mapping[InstrumentId, CachedBook]:
        return {name: self._books[name] for name in instruments if name in self._books}

    async def put(self, books: Mapping[InstrumentId, CachedBook]) -> None:
        self._books.update(books)

    async def drop(self, instruments: Sequence[InstrumentId]) -> None:
        for name in instruments:
            self._books.pop(name, None)


def test_a_cached_price_from_before_the_horizon_is_not_the_price_after_it() -> None:
    async def case(d: Desk) -> None:
        d.prices = PriceProvider(d.clock, {d.venue.name: d.venue}, {"memory": KeepingTier()}, {"rest": BookSource()})
        d.restart()
        d.clock.advance(SECOND_NS - 1)
        await d.prices.get_book(ONE.id, 0)
        assert await d.at(SECOND_NS, [fill()], price=103) == []
        assert await d.at(SECOND_NS + SECOND_NS // 2, [fill()], price=104) == [("o1", SECOND_NS)]
        assert [one.mid_price for one in await d.journal.markouts()] == [Decimal(104)]

    at_desk(case)


def test_fills_of_nobodys_orders_are_passed_over() -> None:
    async def case(d: Desk) -> None:
        assert await d.at(SECOND_NS, [fill("by hand"), fill(instrument=TWO.id)]) == []
        assert d.fetches == 0

    at_desk(case)


def test_orders_of_one_instrument_share_one_price() -> None:
    async def case(d: Desk) -> None:
        fills, records = [fill("o1"), fill("o2")], [order("o1"), order("o2")]
        assert await d.at(SECOND_NS, fills, records=records) == [("o1", SECOND_NS), ("o2", SECOND_NS)]
        assert d.fetches == 1

    at_desk(case)


def test_a_later_fill_moves_the_horizons_of_its_order() -> None:
    async def case(d: Desk) -> None:
        first, second = fill(), fill(after_ns=3 * SECOND_NS)
        assert await d.at(SECOND_NS, [first], price=103) == [("o1", SECOND_NS)]
        assert await d.at(4 * SECOND_NS, [first, second], price=107) == [("o1", SECOND_NS)]
        assert await d.at(10 * SECOND_NS, [first, second]) == []
        assert await d.at(13 * SECOND_NS, [first, second]) == [("o1", 10 * SECOND_NS)]
        taken = await d.journal.markouts()
        assert (taken[0].horizon_ns, taken[0].mid_price) == (SECOND_NS, Decimal(107))
        (one,) = of([order()], [first, second], taken).orders
        assert set(one.markouts) == {SECOND_NS, 10 * SECOND_NS}

    at_desk(case)


def test_a_restart_takes_no_markout_twice() -> None:
    async def case(d: Desk) -> None:
        assert await d.at(SECOND_NS, [fill()], price=103) == [("o1", SECOND_NS)]
        d.restart()
        assert await d.at(SECOND_NS + 1, [fill()], price=109) == []
        assert [one.mid_price for one in await d.journal.markouts()] == [Decimal(103)]

    at_desk(case)


def test_a_venue_whose_clock_is_behind_does_not_move_the_fill_before_the_decision() -> None:
    async def case(d: Desk) -> None:
        early = fill(after_ns=-2 * SECOND_NS)
        assert await d.at(0, [early]) == []
        assert await d.at(SECOND_NS, [early]) == [("o1", SECOND_NS)]

    at_desk(case)


# --- from the journal -------------------------------------------------------------------------


def hedge(name: str) -> Hedge:
    return Hedge(
        id=HedgeId(name),
        strategy="carry",
        base="BTC",
        legs=(Leg(instrument=ONE.id, side=PositionSide.LONG, target_quantity=Decimal(1), multiplier=Decimal(1)),),
        status=HedgeStatus.OPENING,
        created_ns=START_NS,
        max_slippage_bps=Decimal(10),
        entry_reason="test",
    )


def test_the_tracker_reads_the_record_of_all_or_of_one_hedge() -> None:
    async def case(d: Desk) -> None:
        tracker = ExecutionTracker(d.journal)
        assert (await tracker.quality()).total == {}
        records = [order("o1", hedge="h1"), order("o2", hedge="h2")]
        async with d.journal.transaction() as tx:
            await tx.put_instruments([ONE], seen_ns=START_NS)
            for name in ("h1", "h2"):
                await tx.put_hedge(hedge(name))
            for record in records:
                await tx.put_order(record)
            await tx.add_fills([fill("o1"), fill("o2", quantity="5")])
            await tx.add_order_reports([report("o2", OrderStatus.IN_DOUBT)])
            await tx.put_markouts([markout("o1", SECOND_NS, "101", taken_ns=SECOND_NS)])
        whole, one = await tracker.quality(), await tracker.quality(HedgeId("h1"))
        total = whole.total["USDC"]
        assert (total.orders, total.doubts, total.slippage) == (2, 1, Decimal(6))
        assert [order.client_order_id for order in one.orders] == ["o1"]
        assert (one.total["USDC"].doubts, one.total["USDC"].markouts_bps) == (0, {SECOND_NS: ZERO})

    at_desk(case)
