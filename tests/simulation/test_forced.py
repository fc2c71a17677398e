"""What a venue does to an account by itself: auto-deleveraging, liquidation on demand, delisting."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arb.api import Rejected
from arb.model import (
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    ZERO,
    ClientOrderId,
    ExchangeName,
    FeeSchedule,
    Instrument,
    InstrumentId,
    InstrumentStatus,
    MarginMode,
    MarginTier,
    Order,
    OrderRequest,
    OrderStatus,
    Side,
    TimeInForce,
    exact_money,
)
from arb.simulation import ScriptedMarket, SimulatedVenue, VenueRules

BTC, ETH = InstrumentId("BTC-PERP.v"), InstrumentId("ETH-PERP.v")
NAME = ExchangeName("v")


def instrument(identifier: InstrumentId, status: InstrumentStatus = InstrumentStatus.TRADING) -> Instrument:
    return Instrument(
        id=identifier,
        symbol=identifier,
        base=identifier.partition("-")[0],
        quote="USDC",
        tick_size=D("0.1"),
        lot_size=D("0.01"),
        fees=FeeSchedule(maker=D("-0.0001"), taker=D("0.0005")),
        margin_tiers=(MarginTier(max_notional=None, maintenance_rate=D("0.02"), max_leverage=D(20)),),
        funding_interval_ns=HOUR_NS,
        status=status,
    )


class Stage:
    """A venue in a scripted market: BTC and ETH at 99/101, mark 100.3."""

    def __init__(self, cash: int = 10_000) -> None:
        self.market = ScriptedMarket(instrument(BTC), instrument(ETH))
        for each in (BTC, ETH):
            self.market.show(each, [(99, 10), (98, 100)], [(101, 10), (102, 100)])
            self.market.mark(each, "100.3")
        self.venue = SimulatedVenue(self.market, VenueRules(), name=NAME, deposits={"USDC": D(cash)})
        self.count = 0

    def send(
        self,
        side: Side,
        quantity: object,
        price: object,
        *,
        of: InstrumentId = BTC,
        now_ns: int = 0,
        tif: TimeInForce = TimeInForce.IOC,
        name: str = "",
        reduce_only: bool = False,
    ) -> Order:
        self.count += 1
        request = OrderRequest(
            client_order_id=ClientOrderId(name or f"o{self.count}"),
            instrument=of,
            side=side,
            quantity=D(str(quantity)),
            price=D(str(price)),
            time_in_force=tif,
            reduce_only=reduce_only,
        )
        return self.venue.place(request, now_ns)

    def held(self, of: InstrumentId = BTC) -> D:
        return next((row.quantity for row in self.venue.positions() if row.instrument == of), ZERO)

    def cash(self) -> D:
        return self.venue.balances()[0].cash

    def order(self, name: str, of: InstrumentId = BTC) -> Order:
        return self.venue.order(of, ClientOrderId(name))

    def set_status(self, of: InstrumentId, status: InstrumentStatus) -> None:
        self.market.relist(instrument(of, status))


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, 101), (Side.SELL, 99)])
def test_deleveraging_closes_a_part_at_the_mark_price_without_a_fee(side: Side, price: int) -> None:
    stage = Stage()
    stage.send(side, 4, price)
    before = stage.cash()
    fill = stage.venue.deleverage(BTC, D(1), SECOND_NS)
    assert fill is not None
    assert [fill.side, fill.price, fill.quantity, fill.fee] == [side.opposite, D("100.3"), 1, 0]
    assert fill.realized_pnl == (D("100.3") - price) * side.sign
    assert stage.cash() - before == fill.realized_pnl
    assert stage.held() == 3 * side.sign
    order = stage.order(fill.client_order_id)
    assert order.request.client_order_id.startswith("adl-")
    assert (order.status, order.reason, order.request.reduce_only) == (OrderStatus.FILLED, "auto-deleveraging", True)
    assert [order.filled_quantity, order.average_price, order.ts_event_ns] == [1, D("100.3"), SECOND_NS]
    assert list(stage.venue.records(0))[-2:] == [fill, order]


def test_deleveraging_never_goes_beyond_the_position_and_ends_orders_that_reduced_it() -> None:
    stage = Stage()
    stage.send(Side.BUY, 2, 101)
    stage.send(Side.SELL, 2, 105, tif=TimeInForce.GTC, reduce_only=True, name="exit")
    stage.send(Side.BUY, 1, 90, tif=TimeInForce.GTC, name="entry")
    fill = stage.venue.deleverage(BTC, D(100), SECOND_NS)
    assert fill is not None
    assert fill.quantity == 2
    assert stage.held() == 0
    assert stage.order("exit").status is OrderStatus.CANCELLED
    assert [order.request.client_order_id for order in stage.venue.open_orders()] == ["entry"]


def test_deleveraging_takes_whole_lots_and_nothing_where_nothing_can_be_closed() -> None:
    stage = Stage()
    before = stage.venue.snapshot()
    assert stage.venue.deleverage(BTC, D(1), 0) is None
    assert stage.venue.deleverage(InstrumentId("NO-PERP.v"), D(1), 0) is None
    assert stage.venue.snapshot() == before
    stage.send(Side.BUY, 2, 101)
    assert stage.venue.deleverage(BTC, D("0.009"), 0) is None
    assert stage.held() == 2
    fill = stage.venue.deleverage(BTC, D("0.529"), 0)
    assert fill is not None
    assert fill.quantity == D("0.52")


@pytest.mark.parametrize("name", ["adl-1", "adl-", "liquidation-7", "delisting-x"])
def test_the_ids_of_the_venue_are_reserved(name: str) -> None:
    stage = Stage()
    with pytest.raises(Rejected, match="are the venue's") as caught:
        stage.send(Side.BUY, 1, 101, name=name)
    assert caught.value.code == "client_order_id"


def test_a_healthy_position_can_be_liquidated_for_a_drill_at_the_book_with_the_fee() -> None:
    stage = Stage()
    stage.send(Side.BUY, 12, 102)
    stage.send(Side.BUY, 1, 101, of=ETH)
    for of in (BTC, ETH):
        stage.send(Side.BUY, 1, 90, of=of, tif=TimeInForce.GTC, name=f"rest-{of}")
    before, known = stage.cash(), len(stage.venue.fills(0))
    report = stage.venue.liquidate(BTC, SECOND_NS)
    assert report is not None
    assert (report.status, report.reason) == (OrderStatus.FILLED, "liquidation of the account")
    assert report.request.client_order_id.startswith("liquidation-")
    fills = stage.venue.fills(0)[known:]
    assert [(fill.price, fill.quantity) for fill in fills] == [(D(99), D(10)), (D(98), D(2))]
    assert [fill.fee for fill in fills] == [fill.price * fill.quantity * D("0.0055") for fill in fills]
    assert stage.cash() - before == sum((fill.realized_pnl or ZERO) - fill.fee for fill in fills)
    assert [stage.held(BTC), stage.held(ETH)] == [0, 1]
    # Under cross margin every order of the currency goes, as in a liquidation that is due.
    assert stage.venue.open_orders() == []


def test_a_liquidation_on_demand_is_the_one_that_would_be_due() -> None:
    def stage_at(mark: str) -> Stage:
        stage = Stage(cash=1000)
        stage.send(Side.BUY, 20, 102)
        stage.market.mark(BTC, mark, ts_ns=SECOND_NS)
        stage.market.show(BTC, [(52, 15), (51, 100)], [(53, 100)], ts_ns=SECOND_NS)
        return stage

    due, drill = stage_at("50"), stage_at("100")
    due.venue.advance(MINUTE_NS)
    drill.venue.liquidate(BTC, MINUTE_NS)
    assert due.venue.fills(0) == drill.venue.fills(0)
    assert [fill.client_order_id.startswith("liquidation-") for fill in due.venue.fills(0)][-2:] == [True, True]
    assert due.cash() == drill.cash()


def test_an_isolated_position_is_liquidated_with_its_own_orders_only() -> None:
    stage = Stage()
    stage.venue.set_leverage(BTC, D(5), MarginMode.ISOLATED, 0)
    for of in (BTC, ETH):
        stage.send(Side.BUY, 1, 101, of=of)
        stage.send(Side.BUY, 1, 90, of=of, tif=TimeInForce.GTC)
    assert stage.venue.liquidate(BTC, SECOND_NS) is not None
    assert [order.request.instrument for order in stage.venue.open_orders()] == [ETH]


def test_a_liquidation_leaves_what_the_book_cannot_take() -> None:
    stage = Stage()
    assert stage.venue.liquidate(BTC, 0) is None
    stage.send(Side.BUY, 10, 101)
    stage.market.show(BTC, [("99", "0.5")], [(101, 10)], ts_ns=SECOND_NS)
    assert stage.venue.liquidate(BTC, SECOND_NS) is not None
    assert stage.held() == D("9.5")
    stage.market.show(BTC, [], [(101, 10)], ts_ns=2 * SECOND_NS)
    assert stage.venue.liquidate(BTC, 2 * SECOND_NS) is None
    assert stage.held() == D("9.5")


def test_a_delisting_cancels_orders_and_closes_at_the_last_mark_price_without_a_fee() -> None:
    stage = Stage()
    stage.send(Side.SELL, 3, 99)
    stage.send(Side.BUY, 1, 101, of=ETH)
    stage.send(Side.BUY, 1, 95, tif=TimeInForce.GTC, name="rest")
    stage.set_status(BTC, InstrumentStatus.DELISTED)
    before = stage.cash()
    assert stage.venue.advance(MINUTE_NS)
    assert [stage.held(BTC), stage.held(ETH)] == [0, 1]
    rest = stage.order("rest")
    assert (rest.status, rest.reason, rest.ts_event_ns) == (OrderStatus.CANCELLED, "delisting", MINUTE_NS)
    fill = stage.venue.fills(0)[-1]
    assert fill.client_order_id.startswith("delisting-")
    assert [fill.side, fill.price, fill.quantity, fill.fee, fill.ts_event_ns] == [
        Side.BUY,
        D("100.3"),
        3,
        0,
        MINUTE_NS,
    ]
    assert stage.cash() - before == fill.realized_pnl == D("-3.9")
    order = stage.order(fill.client_order_id)
    assert (order.status, order.reason, order.request.reduce_only) == (OrderStatus.FILLED, "delisting", True)
    assert not stage.venue.advance(2 * MINUTE_NS)
    with pytest.raises(Rejected) as caught:
        stage.send(Side.BUY, 1, 101, now_ns=2 * MINUTE_NS)
    assert caught.value.code == "not_trading"


def test_a_delisted_position_without_a_known_mark_price_waits_for_one() -> None:
    market = ScriptedMarket(instrument(BTC))
    market.show(BTC, [(99, 10)], [(101, 10)])
    market.mark(BTC, 100)
    venue = SimulatedVenue(market, VenueRules(), name=NAME, deposits={"USDC": D(1000)})
    request = OrderRequest(
        client_order_id=ClientOrderId("a"), instrument=BTC, side=Side.BUY, quantity=D(1), price=D(101)
    )
    venue.place(request, 0)
    blind = ScriptedMarket(instrument(BTC, InstrumentStatus.DELISTED))
    other = SimulatedVenue(blind, VenueRules(), name=NAME, deposits={"USDC": D(1000)})
    head, records = venue.head().replace('"marks":{"BTC-PERP.v":"100"}', '"marks":{}'), [venue.records_text(0)]
    other.restore_parts(head, records)
    other.advance(HOUR_NS)
    assert [row.quantity for row in other.positions()] == [1]
    blind.mark(BTC, 90, ts_ns=2 * HOUR_NS)
    other.advance(2 * HOUR_NS)
    assert other.positions() == []
    assert other.fills(0)[-1].price == 90


@pytest.mark.parametrize("status", [InstrumentStatus.SUSPENDED, InstrumentStatus.REDUCE_ONLY])
def test_only_a_delisting_closes_a_position(status: InstrumentStatus) -> None:
    stage = Stage()
    stage.send(Side.BUY, 1, 101)
    stage.set_status(BTC, status)
    stage.venue.advance(HOUR_NS)
    assert stage.held() == 1
    with pytest.raises(Rejected):
        stage.send(Side.BUY, 1, 101, now_ns=HOUR_NS)
    if status is InstrumentStatus.REDUCE_ONLY:
        stage.send(Side.SELL, 1, 99, now_ns=HOUR_NS, reduce_only=True)
        assert stage.held() == 0


def test_changed_fees_and_tiers_hold_from_the_next_order_on_and_old_money_stays() -> None:
    stage = Stage()
    stage.send(Side.BUY, 1, 101)
    before = stage.cash()
    tiers = (MarginTier(max_notional=None, maintenance_rate=D("0.4"), max_leverage=D(2)),)
    dear = FeeSchedule(maker=D("0.001"), taker=D("0.002"))
    stage.market.relist(replace(instrument(BTC), fees=dear, margin_tiers=tiers))
    assert stage.cash() == before
    assert stage.held() == 1
    stage.send(Side.SELL, 1, 99, now_ns=SECOND_NS)
    assert [fill.fee for fill in stage.venue.fills(0)] == [D("0.0505"), D("0.198")]
    assert stage.cash() == before - 2 - D("0.198")
    with pytest.raises(Rejected, match="between 1 and 2"):
        stage.venue.set_leverage(BTC, D(3), MarginMode.CROSS, SECOND_NS)


def test_a_position_that_a_coarser_lot_leaves_uneven_can_still_be_deleveraged_whole() -> None:
    stage = Stage()
    stage.send(Side.BUY, "1.25", 101)
    stage.market.relist(replace(instrument(BTC), lot_size=D("0.1")))
    fill = stage.venue.deleverage(BTC, D("1.24"), SECOND_NS)
    assert fill is not None
    assert fill.quantity == D("1.2")
    assert stage.venue.deleverage(BTC, D("0.05"), SECOND_NS) is not None
    assert stage.held() == 0


def test_an_instrument_that_is_listed_later_can_be_traded() -> None:
    stage = Stage()
    sol = InstrumentId("SOL-PERP.v")
    with pytest.raises(Rejected) as caught:
        stage.send(Side.BUY, 1, 101, of=sol)
    assert caught.value.code == "unknown_instrument"
    stage.market.relist(instrument(sol))
    stage.market.show(sol, [(99, 10)], [(101, 10)])
    stage.market.mark(sol, 100)
    assert stage.send(Side.BUY, 1, 101, of=sol).status is OrderStatus.FILLED


Step = tuple[str, InstrumentId, Side, int, int, TimeInForce, int]

steps = st.lists(
    st.tuples(
        st.sampled_from(["order", "order", "order", "adl", "liquidate", "delist", "relist", "isolate"]),
        st.sampled_from([BTC, ETH]),
        st.sampled_from(list(Side)),
        st.integers(1, 1500),
        st.integers(930, 1070),
        st.sampled_from(list(TimeInForce)),
        st.integers(0, 40),
    ),
    max_size=18,
)


def busy_stage() -> Stage:
    """A venue among trades, books, marks and settlements that go by for ten hours."""
    stage = Stage(cash=5000)
    for minute in range(0, 600, 7):
        swing, at = (minute * 7919) % 11 - 5, minute * MINUTE_NS
        for each in (BTC, ETH):
            stage.market.show(each, [(98 + swing, 5), (97 + swing, 9)], [(99 + swing, 4), (101 + swing, 9)], ts_ns=at)
            stage.market.mark(each, D(98 + swing) + D("0.0000001"), ts_ns=at)
            stage.market.trade(each, Side.SELL if minute % 2 else Side.BUY, 98 + swing, 3, ts_ns=at + 1)
    for hour in range(1, 14):
        stage.market.settle(BTC, hour * HOUR_NS, D(hour - 4) / 10_000)
        stage.market.settle(ETH, hour * HOUR_NS, D("0.00012345"))
    return stage


def take(stage: Stage, step: Step, now_ns: int) -> None:
    kind, of, side, lots, price, tif, _ = step
    if kind == "adl":
        stage.venue.deleverage(of, D(lots) / 100, now_ns)
    elif kind == "liquidate":
        stage.venue.liquidate(of, now_ns)
    elif kind == "delist":
        stage.set_status(of, InstrumentStatus.DELISTED)
        stage.venue.advance(now_ns)
    elif kind == "relist":
        stage.set_status(of, InstrumentStatus.TRADING)
    else:
        try:
            if kind == "isolate":
                stage.venue.set_leverage(of, D(7), MarginMode.ISOLATED, now_ns)
            else:
                stage.send(side, D(lots) / 100, D(price) / 10, of=of, now_ns=now_ns, tif=tif)
        except Rejected:
            return


@settings(max_examples=120, deadline=None)
@given(steps)
def test_cash_and_positions_are_exact_whatever_the_venue_does(plan: list[Step]) -> None:
    stage, now_ns = busy_stage(), 0
    for step in plan:
        now_ns += step[-1] * MINUTE_NS
        take(stage, step, now_ns)
    stage.venue.advance(now_ns + 2 * HOUR_NS)
    fills, payments = stage.venue.fills(0), stage.venue.payments(0)
    positions, (balance,) = stage.venue.positions(), stage.venue.balances()
    with exact_money():
        booked = D(5000) + sum((payment.amount for payment in payments), ZERO)
        booked += sum(((fill.realized_pnl or ZERO) - fill.fee for fill in fills), ZERO)
        assert balance.cash == booked
        paid = sum((fill.side.sign * fill.quantity * fill.price + fill.fee for fill in fills), ZERO)
        worth = sum((row.quantity * row.mark_price for row in positions), ZERO)
        assert balance.equity == D(5000) - paid + sum((payment.amount for payment in payments), ZERO) + worth
        held = {row.instrument: row.quantity for row in positions}
        for of in (BTC, ETH):
            traded = sum((f.side.sign * f.quantity for f in fills if f.instrument == of), ZERO)
            assert held.get(of, ZERO) == traded
    check_forced(stage)


def check_forced(stage: Stage) -> None:
    """Whatever the venue does by itself makes a position smaller; only liquidation costs a fee."""
    held = {BTC: ZERO, ETH: ZERO}
    for fill in stage.venue.fills(0):
        before = held[fill.instrument]
        after = before + fill.side.sign * fill.quantity
        cause = fill.client_order_id.partition("-")[0]
        if cause in ("adl", "delisting", "liquidation"):
            assert abs(after) < abs(before)
            assert after * before >= 0
            assert (fill.fee > 0) == (cause == "liquidation")
            assert stage.venue.order(fill.instrument, fill.client_order_id).status is OrderStatus.FILLED
        held[fill.instrument] = after


@settings(max_examples=40, deadline=None)
@given(steps, steps)
def test_a_restored_venue_goes_on_as_the_one_it_was_taken_from(first: list[Step], then: list[Step]) -> None:
    stage, now_ns = busy_stage(), 0
    for step in first:
        now_ns += step[-1] * MINUTE_NS
        take(stage, step, now_ns)
    twin = busy_stage()
    twin.venue.restore(stage.venue.snapshot())
    twin.count = stage.count
    for listed in stage.market.instruments():
        twin.market.relist(listed)
    for step in then:
        now_ns += step[-1] * MINUTE_NS
        take(stage, step, now_ns)
        take(twin, step, now_ns)
    assert twin.venue.snapshot() == stage.venue.snapshot()
