from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arb.api import (
    BelowMinimum,
    ExchangeError,
    InMaintenance,
    InsufficientMargin,
    Rejected,
    StorageError,
    UnknownOrder,
    WouldCross,
)
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
    Liquidity,
    MarginMode,
    MarginTier,
    Order,
    OrderRequest,
    OrderStatus,
    PriceBase,
    Side,
    TimeInForce,
    exact_money,
)
from arb.simulation import ReduceOnlyExcess, ScriptedMarket, SimulatedVenue, VenueRules

BTC, ETH = InstrumentId("BTC-PERP.v"), InstrumentId("ETH-PERP.v")
NAME = ExchangeName("v")


def instrument(identifier: InstrumentId, base: PriceBase = PriceBase.MARK) -> Instrument:
    return Instrument(
        id=identifier,
        symbol=identifier,
        base=identifier.partition("-")[0],
        quote="USDC",
        tick_size=D("0.1"),
        lot_size=D("0.01"),
        fees=FeeSchedule(maker=D("-0.0001"), taker=D("0.0005")),
        margin_tiers=(
            MarginTier(max_notional=D(5000), maintenance_rate=D("0.02"), max_leverage=D(20)),
            MarginTier(max_notional=None, maintenance_rate=D("0.05"), max_leverage=D(10)),
        ),
        funding_interval_ns=HOUR_NS,
        min_quantity=D("0.02"),
        min_notional=D(5),
        max_quantity=D(500),
        funding_price_base=base,
    )


class Stage:
    """A venue in a scripted market: BTC at 99/101 with 10 contracts a level, mark 100."""

    def __init__(self, rules: VenueRules | None = None, cash: int = 1000, base: PriceBase = PriceBase.MARK) -> None:
        self.market = ScriptedMarket(instrument(BTC, base), instrument(ETH))
        for each in (BTC, ETH):
            self.market.show(each, [(99, 10), (98, 10), (95, 100)], [(101, 10), (102, 10), (105, 100)])
            self.market.mark(each, 100, index=D("100.5"))
        self.venue = SimulatedVenue(self.market, rules or VenueRules(), name=NAME, deposits={"USDC": D(cash)})
        self.count = 0

    def send(
        self,
        side: Side,
        quantity: object,
        price: object,
        *,
        now_ns: int = 0,
        tif: TimeInForce = TimeInForce.IOC,
        name: str = "",
        of: InstrumentId = BTC,
        post_only: bool = False,
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
            post_only=post_only,
            reduce_only=reduce_only,
        )
        return self.venue.place(request, now_ns)

    def rest(self, side: Side, quantity: object, price: object, *, now_ns: int = 0, reduce_only: bool = False) -> Order:
        return self.send(side, quantity, price, now_ns=now_ns, tif=TimeInForce.GTC, reduce_only=reduce_only)

    def held(self, of: InstrumentId = BTC) -> D:
        return next((row.quantity for row in self.venue.positions() if row.instrument == of), ZERO)

    def cash(self) -> D:
        return self.venue.balances()[0].cash

    def order(self, name: str) -> Order:
        return self.venue.order(BTC, ClientOrderId(name))


def test_a_taker_walks_the_depth_and_pays_the_fee_of_each_fill() -> None:
    stage = Stage(cash=10_000)
    report = stage.send(Side.BUY, 15, 103)
    assert [report.status, report.filled_quantity] == [OrderStatus.FILLED, 15]
    assert report.average_price == (D(1010) + D(510)) / 15
    fills = stage.venue.fills(0)
    assert [(fill.price, fill.quantity, fill.fee) for fill in fills] == [
        (D(101), D(10), D("0.505")),
        (D(102), D(5), D("0.255")),
    ]
    assert {fill.liquidity for fill in fills} == {Liquidity.TAKER}
    assert stage.cash() == D(10_000) - D("0.76")


def test_what_one_order_took_the_next_does_not_find_until_the_book_changes() -> None:
    stage = Stage(cash=100_000)
    stage.send(Side.BUY, 10, 101)
    assert stage.send(Side.BUY, 1, 101).filled_quantity == 0
    stage.market.show(BTC, [(99, 10)], [(101, 10)], ts_ns=SECOND_NS)
    assert stage.send(Side.BUY, 1, 101, now_ns=SECOND_NS).filled_quantity == 1


def test_ioc_cancels_the_rest_and_fok_takes_all_or_nothing() -> None:
    stage = Stage(cash=100_000)
    part = stage.send(Side.BUY, 12, 101)
    assert [part.status, part.filled_quantity] == [OrderStatus.CANCELLED, 10]
    nothing = stage.send(Side.SELL, 25, 98, tif=TimeInForce.FOK)
    assert [nothing.status, nothing.filled_quantity, nothing.average_price] == [OrderStatus.CANCELLED, 0, None]
    assert stage.send(Side.SELL, 20, 98, tif=TimeInForce.FOK).status is OrderStatus.FILLED


def test_a_gtc_order_takes_then_rests_then_fills_as_maker_with_a_rebate() -> None:
    stage = Stage(cash=100_000)
    report = stage.rest(Side.BUY, 12, 101)
    assert [report.status, report.filled_quantity] == [OrderStatus.PARTIALLY_FILLED, 10]
    stage.market.trade(BTC, Side.SELL, 101, 5, ts_ns=SECOND_NS)
    assert stage.venue.advance(2 * SECOND_NS)
    last = stage.venue.fills(0)[-1]
    assert [last.quantity, last.liquidity, last.fee, last.ts_event_ns] == [2, Liquidity.MAKER, D("-0.0202"), SECOND_NS]
    assert stage.order("o1").status is OrderStatus.FILLED
    assert stage.venue.open_orders() == []


def test_a_resting_order_waits_behind_the_size_shown_at_its_price() -> None:
    stage = Stage()
    stage.rest(Side.BUY, 1, 99)
    stage.market.trade(BTC, Side.SELL, 99, 9, ts_ns=1 * SECOND_NS)
    stage.market.trade(BTC, Side.SELL, 99, 1, ts_ns=2 * SECOND_NS)
    stage.venue.advance(2 * SECOND_NS)
    assert stage.held() == 0
    stage.market.trade(BTC, Side.SELL, 99, D("0.4"), ts_ns=3 * SECOND_NS)
    stage.venue.advance(3 * SECOND_NS)
    assert stage.held() == D("0.4")
    assert stage.order("o1").status is OrderStatus.PARTIALLY_FILLED


def test_a_book_that_moves_through_a_resting_order_fills_it_at_its_own_price() -> None:
    stage = Stage()
    stage.rest(Side.BUY, 1, 100)
    stage.market.show(BTC, [(96, 5)], [(97, 5)], ts_ns=SECOND_NS)
    stage.venue.advance(MINUTE_NS)
    (fill,) = stage.venue.fills(0)
    assert [fill.price, fill.quantity, fill.liquidity] == [100, 1, Liquidity.MAKER]


def test_own_orders_do_not_trade_with_each_other() -> None:
    stage = Stage()
    stage.rest(Side.BUY, 1, 100)
    stage.send(Side.SELL, 1, 99)
    assert stage.order("o1").reason == "self-trade prevention"
    assert stage.held() == -1


def test_post_only_rests_or_is_refused() -> None:
    stage = Stage()
    with pytest.raises(WouldCross):
        stage.send(Side.BUY, 1, 101, tif=TimeInForce.GTC, post_only=True)
    report = stage.send(Side.BUY, 1, "100.9", tif=TimeInForce.GTC, post_only=True)
    assert report.status is OrderStatus.OPEN


def test_reduce_only_is_cut_to_the_position_or_refused_as_the_rule_says() -> None:
    stage = Stage()
    stage.send(Side.BUY, 1, 101)
    report = stage.send(Side.SELL, 3, 99, reduce_only=True)
    assert [report.status, report.filled_quantity] == [OrderStatus.CANCELLED, 1]
    assert stage.held() == 0
    strict = Stage(VenueRules(reduce_only_excess=ReduceOnlyExcess.REJECT))
    strict.send(Side.BUY, 1, 101)
    with pytest.raises(Rejected, match="exceeds the position"):
        strict.send(Side.SELL, 3, 99, reduce_only=True)
    with pytest.raises(Rejected, match="no position"):
        strict.send(Side.BUY, 1, 101, reduce_only=True)


def test_resting_reduce_only_orders_end_with_the_position() -> None:
    stage = Stage()
    stage.send(Side.BUY, 2, 101)
    stage.rest(Side.SELL, 2, 104, reduce_only=True)
    stage.rest(Side.SELL, 2, 105, reduce_only=True)
    stage.market.trade(BTC, Side.BUY, 106, 1, ts_ns=SECOND_NS)
    stage.venue.advance(SECOND_NS)
    assert stage.held() == 1
    stage.send(Side.SELL, 1, 99, now_ns=2 * SECOND_NS)
    assert stage.held() == 0
    assert stage.order("o2").status is OrderStatus.CANCELLED
    assert stage.order("o3").status is OrderStatus.CANCELLED


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        ({"price": "101.05"}, Rejected, "tick_size"),
        ({"quantity": "1.005"}, Rejected, "lot_size"),
        ({"quantity": "0.01"}, BelowMinimum, "below_minimum"),
        ({"quantity": "0.04"}, BelowMinimum, "below_minimum"),
        ({"quantity": 501}, Rejected, "max_quantity"),
        ({"price": 111}, Rejected, "price_band"),
        ({"price": "1e15"}, Rejected, "out_of_range"),
        ({"quantity": "1e30"}, Rejected, "out_of_range"),
        ({"quantity": "Infinity"}, Rejected, "out_of_range"),
        ({"name": "x" * 33}, Rejected, "client_order_id"),
        ({"name": "liquidation-1"}, Rejected, "client_order_id"),
        ({"name": "first"}, Rejected, "duplicate_client_order_id"),
        ({"of": InstrumentId("NO-PERP.v")}, Rejected, "unknown_instrument"),
        ({"quantity": 200}, InsufficientMargin, "insufficient_margin"),
    ],
)
def test_bad_orders_are_refused_with_a_code_and_leave_no_trace(
    change: dict[str, object], error: type[ExchangeError], code: str
) -> None:
    stage = Stage()
    stage.send(Side.BUY, 1, 101, name="first")
    before = stage.venue.snapshot()
    wanted: dict[str, object] = {"quantity": 1, "price": 101, **change}
    quantity, price = wanted.pop("quantity"), wanted.pop("price")
    with pytest.raises(error) as caught:
        stage.send(Side.BUY, quantity, price, **wanted)  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.exchange) == (code, "v")
    assert stage.venue.snapshot() == before


def test_an_order_that_closes_has_a_minimum_of_its_own() -> None:
    stage = Stage()
    stage.send(Side.BUY, 1, 101)
    stage.market.relist(replace(instrument(BTC), min_notional=D(200), closing_min_notional=D(50)))
    with pytest.raises(BelowMinimum, match="minimum of 50 USDC") as caught:
        stage.send(Side.SELL, "0.5", 99, reduce_only=True)
    assert caught.value.code == "below_minimum"
    with pytest.raises(BelowMinimum, match="minimum of 200 USDC"):
        stage.send(Side.SELL, 1, 99)
    assert stage.send(Side.SELL, 1, 99, reduce_only=True).status is OrderStatus.FILLED


def test_without_a_market_nothing_is_taken_and_nothing_is_rejected() -> None:
    venue = SimulatedVenue(ScriptedMarket(instrument(BTC)), VenueRules(), name=NAME, deposits={"USDC": D(1000)})
    request = OrderRequest(
        client_order_id=ClientOrderId("a"), instrument=BTC, side=Side.BUY, quantity=D(1), price=D(100)
    )
    with pytest.raises(InMaintenance):
        venue.place(request, 0)


def test_margin_is_tied_up_by_working_orders_and_freed_by_cancelling() -> None:
    stage = Stage()
    stage.rest(Side.BUY, 40, 98)
    assert stage.venue.balances()[0].available == 1000 - D(40 * 98) / 5
    with pytest.raises(InsufficientMargin):
        stage.rest(Side.BUY, 20, 98)
    stage.venue.cancel(BTC, ClientOrderId("o1"), 0)
    stage.rest(Side.BUY, 20, 98)


def test_an_order_that_only_closes_needs_no_margin() -> None:
    stage = Stage(cash=210)
    stage.send(Side.BUY, 10, 101)
    assert stage.venue.balances()[0].available < 10
    assert stage.send(Side.SELL, 10, 99).status is OrderStatus.FILLED


def test_a_position_lets_orders_close_it_once() -> None:
    stage = Stage(cash=300)
    stage.send(Side.BUY, 10, 101)
    stage.rest(Side.SELL, 10, 104)
    with pytest.raises(InsufficientMargin):
        stage.rest(Side.SELL, 10, 104)


def test_cancel_of_the_unknown_and_of_the_final_differ() -> None:
    stage = Stage()
    stage.send(Side.BUY, 1, 101)
    with pytest.raises(UnknownOrder):
        stage.venue.cancel(BTC, ClientOrderId("never"), 0)
    with pytest.raises(UnknownOrder):
        stage.venue.cancel(ETH, ClientOrderId("o1"), 0)
    with pytest.raises(Rejected) as caught:
        stage.venue.cancel(BTC, ClientOrderId("o1"), 0)
    assert caught.value.code == "order_final"


def test_cancel_all_of_one_instrument_leaves_the_others() -> None:
    stage = Stage()
    for of in (BTC, ETH):
        stage.send(Side.BUY, 1, 95, tif=TimeInForce.GTC, of=of)
    stage.venue.cancel_all(BTC, 0)
    assert [order.request.instrument for order in stage.venue.open_orders()] == [ETH]
    stage.venue.cancel_all(None, 0)
    assert stage.venue.open_orders() == []


@pytest.mark.parametrize(("side", "sign"), [(Side.BUY, -1), (Side.SELL, 1)])
@pytest.mark.parametrize("rate", ["0.0001", "-0.0003"])
def test_longs_pay_shorts_when_the_rate_is_positive(side: Side, sign: int, rate: str) -> None:
    stage = Stage()
    stage.send(side, 2, 101 if side is Side.BUY else 99)
    stage.market.settle(BTC, HOUR_NS, rate)
    before = stage.cash()
    stage.venue.advance(HOUR_NS)
    (payment,) = stage.venue.payments(0)
    assert payment.amount == sign * 2 * 100 * D(rate)
    assert [payment.quantity, payment.price, payment.rate] == [-2 * sign, 100, D(rate)]
    assert (payment.settled_ns, payment.currency) == (HOUR_NS, "USDC")
    assert stage.cash() - before == payment.amount


def test_the_index_is_the_price_base_where_the_instrument_says_so() -> None:
    stage = Stage(base=PriceBase.ORACLE)
    stage.send(Side.BUY, 2, 101)
    stage.market.settle(BTC, HOUR_NS, "0.001")
    stage.venue.advance(HOUR_NS)
    assert stage.venue.payments(0)[0].price == D("100.5")


def test_only_what_is_held_before_the_settlement_counts() -> None:
    stage = Stage()
    for hour in (1, 2, 3):
        stage.market.settle(BTC, hour * HOUR_NS, "0.001")
    stage.send(Side.BUY, 1, 101, now_ns=HOUR_NS)
    stage.market.show(BTC, [(99, 10)], [(101, 10)], ts_ns=HOUR_NS + 1)
    stage.send(Side.SELL, 1, 99, now_ns=2 * HOUR_NS)
    stage.venue.advance(4 * HOUR_NS)
    assert [payment.settled_ns for payment in stage.venue.payments(0)] == [2 * HOUR_NS]


def test_a_rate_that_comes_late_is_booked_late_in_its_place() -> None:
    stage = Stage()
    stage.send(Side.BUY, 1, 101)
    stage.market.settle(BTC, HOUR_NS)
    stage.market.settle(BTC, 2 * HOUR_NS, "0.001")
    stage.venue.advance(2 * HOUR_NS)
    assert [payment.settled_ns for payment in stage.venue.payments(0)] == [2 * HOUR_NS]
    stage.send(Side.SELL, 1, 99, now_ns=2 * HOUR_NS)
    stage.market.settle(BTC, HOUR_NS, "0.002")
    assert stage.venue.advance(3 * HOUR_NS)
    payments = stage.venue.payments(0)
    assert [(payment.settled_ns, payment.amount) for payment in payments] == [
        (HOUR_NS, D("-0.2")),
        (2 * HOUR_NS, D("-0.1")),
    ]


def test_liquidation_cancels_orders_and_closes_at_the_book_with_its_fee() -> None:
    stage = Stage(cash=1000)
    stage.send(Side.BUY, 20, 102)
    stage.rest(Side.BUY, 1, 40)
    (position,) = stage.venue.positions()
    assert position.liquidation_price is not None
    stage.market.mark(BTC, position.liquidation_price - D("0.01"), ts_ns=SECOND_NS)
    stage.market.show(BTC, [(52, 15), (51, 100)], [(53, 100)], ts_ns=SECOND_NS)
    stage.venue.advance(MINUTE_NS)
    assert stage.held() == 0
    assert stage.order("o2").status is OrderStatus.CANCELLED
    forced = [fill for fill in stage.venue.fills(0) if fill.client_order_id.startswith("liquidation-")]
    assert [(fill.price, fill.quantity) for fill in forced] == [(D(52), D(15)), (D(51), D(5))]
    assert [fill.fee for fill in forced] == [fill.price * fill.quantity * D("0.0055") for fill in forced]
    assert stage.order(forced[0].client_order_id).status is OrderStatus.FILLED


def test_no_liquidation_one_tick_before_its_price() -> None:
    stage = Stage(cash=1000)
    stage.send(Side.SELL, 20, 98)
    price = stage.venue.positions()[0].liquidation_price
    assert price is not None
    stage.market.mark(BTC, price - D("0.01"), ts_ns=SECOND_NS)
    stage.venue.advance(MINUTE_NS)
    assert stage.held() == -20


def test_an_isolated_position_is_liquidated_alone() -> None:
    stage = Stage(cash=10_000)
    stage.venue.set_leverage(BTC, D(10), MarginMode.ISOLATED, 0)
    stage.send(Side.BUY, 5, 101)
    stage.send(Side.BUY, 5, 101, of=ETH)
    balance = stage.venue.balances()[0]
    assert balance.available == D("9999.495") - D("50.5") - 5 - D(100)
    for each in (BTC, ETH):
        stage.market.mark(each, 91, ts_ns=SECOND_NS)
        stage.market.show(each, [(91, 100)], [(92, 100)], ts_ns=SECOND_NS)
    stage.venue.advance(MINUTE_NS)
    assert [stage.held(BTC), stage.held(ETH)] == [0, 5]


def test_leverage_is_read_back_and_bounded() -> None:
    stage = Stage()
    assert stage.venue.leverage(BTC) == (D(5), MarginMode.CROSS)
    stage.venue.set_leverage(BTC, D(3), MarginMode.ISOLATED, 0)
    assert stage.venue.leverage(BTC) == (D(3), MarginMode.ISOLATED)
    for bad in (D("0.5"), D(21)):
        with pytest.raises(Rejected, match="between 1 and 20"):
            stage.venue.set_leverage(BTC, bad, MarginMode.CROSS, 0)
    with pytest.raises(Rejected, match="not listed"):
        stage.venue.set_leverage(InstrumentId("NO-PERP.v"), D(2), MarginMode.CROSS, 0)


def test_leverage_cannot_change_under_a_position_that_needs_it() -> None:
    stage = Stage(cash=250)
    stage.send(Side.BUY, 10, 101)
    with pytest.raises(InsufficientMargin):
        stage.venue.set_leverage(BTC, D(2), MarginMode.CROSS, 0)
    with pytest.raises(Rejected, match="close the position"):
        stage.venue.set_leverage(BTC, D(5), MarginMode.ISOLATED, 0)
    assert stage.venue.leverage(BTC) == (D(5), MarginMode.CROSS)


def test_time_never_goes_back() -> None:
    stage = Stage()
    stage.venue.advance(HOUR_NS)
    assert stage.send(Side.BUY, 1, 101, now_ns=5).ts_event_ns == HOUR_NS


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"head": "{}", "records": "[]"}', '{"head": 1, "records": 2}'])
def test_a_damaged_snapshot_is_refused_and_changes_nothing(text: str) -> None:
    stage = Stage()
    stage.send(Side.BUY, 1, 101)
    before = stage.venue.snapshot()
    with pytest.raises(StorageError, match="v: the stored account"):
        stage.venue.restore(text)
    assert stage.venue.snapshot() == before


def test_a_snapshot_without_its_whole_history_is_refused() -> None:
    stage = Stage()
    stage.send(Side.BUY, 1, 101)
    content = json.loads(stage.venue.snapshot())
    with pytest.raises(StorageError, match="records"):
        stage.venue.restore(json.dumps({**content, "records": "[]"}))


actions = st.lists(
    st.tuples(
        st.sampled_from([BTC, ETH]),
        st.sampled_from(list(Side)),
        st.integers(2, 1500),
        st.integers(930, 1070),
        st.sampled_from(list(TimeInForce)),
        st.booleans(),
        st.integers(0, 40),
    ),
    max_size=14,
)


def play(stage: Stage, rows: list[tuple[InstrumentId, Side, int, int, TimeInForce, bool, int]], ask: int) -> None:
    """Send orders some minutes apart while trades, books, marks and settlements go by; `ask` probes between."""
    now_ns = 0
    for minute in range(0, 600, 7):
        swing = (minute * 7919) % 11 - 5
        for each in (BTC, ETH):
            at = minute * MINUTE_NS
            stage.market.show(each, [(98 + swing, 5), (97 + swing, 9)], [(99 + swing, 4), (101 + swing, 9)], ts_ns=at)
            stage.market.mark(each, 98 + swing, ts_ns=at)
            stage.market.trade(each, Side.SELL if minute % 2 else Side.BUY, 98 + swing, 3, ts_ns=at + 1)
    for hour in range(1, 10):
        stage.market.settle(BTC, hour * HOUR_NS, D(hour - 4) / 10_000)
        stage.market.settle(ETH, hour * HOUR_NS, D("0.00012345"))
    for of, side, lots, price, tif, reduce_only, minutes in rows:
        end_ns = now_ns + minutes * MINUTE_NS
        for part in range(1, ask + 1):
            stage.venue.advance(now_ns + (end_ns - now_ns) * part // (ask + 1))
        now_ns = end_ns
        try:
            stage.send(side, D(lots) / 100, D(price) / 10, now_ns=now_ns, tif=tif, of=of, reduce_only=reduce_only)
        except Rejected:
            continue
    stage.venue.advance(now_ns + 2 * HOUR_NS)


@settings(max_examples=40, deadline=None)
@given(actions)
def test_cash_and_positions_are_exactly_the_sum_of_their_parts(
    rows: list[tuple[InstrumentId, Side, int, int, TimeInForce, bool, int]],
) -> None:
    stage = Stage(cash=5000)
    play(stage, rows, 0)
    fills, payments = stage.venue.fills(0), stage.venue.payments(0)
    positions, (balance,) = stage.venue.positions(), stage.venue.balances()
    with exact_money():
        parts = D(5000)
        for fill in fills:
            parts -= fill.side.sign * fill.quantity * fill.price + fill.fee
        parts += sum((payment.amount for payment in payments), ZERO)
        parts += sum((row.quantity * row.mark_price for row in positions), ZERO)
        assert balance.equity == parts
        assert balance.cash + sum((row.unrealized_pnl for row in positions), ZERO) == parts
        held = {row.instrument: row.quantity for row in positions}
        for of in (BTC, ETH):
            assert held.get(of, ZERO) == sum((f.side.sign * f.quantity for f in fills if f.instrument == of), ZERO)


@settings(max_examples=25, deadline=None)
@given(actions, st.integers(1, 5))
def test_the_result_does_not_depend_on_how_often_the_venue_is_asked(
    rows: list[tuple[InstrumentId, Side, int, int, TimeInForce, bool, int]], ask: int
) -> None:
    quiet, asked = Stage(cash=5000), Stage(cash=5000)
    play(quiet, rows, 0)
    play(asked, rows, ask)
    assert quiet.venue.snapshot() == asked.venue.snapshot()


@settings(max_examples=25, deadline=None)
@given(actions, actions)
def test_a_restored_venue_goes_on_as_the_one_it_was_taken_from(
    first: list[tuple[InstrumentId, Side, int, int, TimeInForce, bool, int]],
    then: list[tuple[InstrumentId, Side, int, int, TimeInForce, bool, int]],
) -> None:
    stage = Stage(cash=5000)
    play(stage, first, 0)
    text = stage.venue.snapshot()
    copy = SimulatedVenue(stage.market, VenueRules(), name=NAME, deposits={"USDC": D(1)})
    copy.restore(text)
    assert copy.snapshot() == text
    for venue in (stage.venue, copy):
        for number, (of, side, lots, price, tif, _, minutes) in enumerate(then):
            request = OrderRequest(
                client_order_id=ClientOrderId(f"then{number}"),
                instrument=of,
                side=side,
                quantity=D(lots) / 100,
                price=D(price) / 10,
                time_in_force=tif,
            )
            try:
                venue.place(request, venue.now_ns + minutes * MINUTE_NS)
            except Rejected:
                continue
    assert copy.snapshot() == stage.venue.snapshot()


@settings(max_examples=40, deadline=None)
@given(actions)
def test_reduce_only_never_opens_or_reverses(
    rows: list[tuple[InstrumentId, Side, int, int, TimeInForce, bool, int]],
) -> None:
    stage = Stage(cash=5000)
    play(stage, rows, 0)
    held = {BTC: ZERO, ETH: ZERO}
    for fill in stage.venue.fills(0):
        after = held[fill.instrument] + fill.side.sign * fill.quantity
        if stage.venue.order(fill.instrument, fill.client_order_id).request.reduce_only:
            before = held[fill.instrument]
            assert abs(after) < abs(before)
            assert after * before >= 0
        held[fill.instrument] = after
