"""The decision what to do next, played through with venues that fill whatever they like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from math import lcm
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arb.execution import ExecutionPolicy
from arb.execution._building import entry_order, new_record
from arb.execution._legs import with_fills
from arb.execution._next_step import Situation, next_step
from arb.execution._repair import next_repair
from arb.execution._steps import Cancel, LegQuote, NextStep, PlannedOrder, Send, Settle, Wait
from arb.execution._tries import tradable
from arb.model import (
    HEDGE_TRANSITIONS,
    SECOND_NS,
    ZERO,
    BookLevel,
    EntryPolicy,
    ExchangeOrderId,
    Fill,
    FillId,
    Hedge,
    HedgeId,
    HedgeStatus,
    Instrument,
    InstrumentId,
    InstrumentStatus,
    Leg,
    LegOrder,
    Liquidity,
    OrderBook,
    OrderMode,
    OrderPurpose,
    OrderRecord,
    OrderStatus,
    PositionSide,
    Side,
)
from arb.testing import START_NS, sample_instrument

POLICY: Final = ExecutionPolicy()
RESTING: Final = (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED)
BOOK_SIZE: Final = Decimal(10**6)

Draw = Callable[[st.SearchStrategy[Any]], Any]


def quote(instrument: Instrument, price: Decimal, *, spread_bps: int = 2, usd: Decimal | None = Decimal(1)) -> LegQuote:
    """Return a market with one deep level on each side."""
    half = price * spread_bps / 20_000
    book = OrderBook(
        instrument=instrument.id,
        bids=(BookLevel(price - half, BOOK_SIZE),),
        asks=(BookLevel(price + half, BOOK_SIZE),),
        sequence=1,
        ts_event_ns=START_NS,
        ts_init_ns=START_NS,
    )
    return LegQuote(
        instrument=instrument,
        book=book,
        mid_price=price,
        mid_usd=None if usd is None else price * usd,
        fee=instrument.fees.taker,
    )


@dataclass(repr=False)
class Play:
    """A hedge, its record and its markets, which a test moves on.

    Attributes:
        steps: How many decisions were asked for.
    """

    hedge: Hedge
    instruments: dict[InstrumentId, Instrument]
    quotes: dict[int, LegQuote]
    records: list[OrderRecord] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    now_ns: int = START_NS
    may_open: bool = True
    pilot: int = 0
    steps: int = 0

    def __repr__(self) -> str:
        legs = ", ".join(
            f"{leg.side} {leg.target_quantity} x {leg.multiplier} (+{leg.entry_quantity} -{leg.exit_quantity})"
            for leg in self.hedge.legs
        )
        orders = ", ".join(
            f"{one.leg_index}: {one.purpose} {one.mode} {one.order.filled_quantity}/{one.order.request.quantity} "
            f"{one.order.status}"
            for one in self.records
        )
        entry = self.hedge.entry
        return f"<{self.hedge.status} {entry.mode} {entry.leg_order} pilot {self.pilot}: {legs}; orders {orders}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))  # hypothesis would show every field

    def instrument(self, index: int) -> Instrument:
        return self.instruments[self.hedge.legs[index].instrument]

    def decide(self) -> NextStep:
        self.steps += 1
        return next_step(
            Situation(
                hedge=self.hedge,
                records=self.records,
                instruments=self.instruments,
                quotes=self.quotes,
                policy=POLICY,
                now_ns=self.now_ns,
                may_open=self.may_open,
                pilot=self.pilot,
            )
        )

    def send(self, planned: PlannedOrder, status: OrderStatus, filled: Decimal) -> None:
        """Record an order with its outcome."""
        record = new_record(
            self.hedge, planned, self.instrument(planned.leg_index), self.quotes[planned.leg_index], now_ns=self.now_ns
        )
        self.records.append(replace(record, order=replace(record.order, status=status)))
        self.fill(len(self.records) - 1, filled, status)

    def fill(self, number: int, quantity: Decimal, status: OrderStatus) -> None:
        """Let an order of the record fill some more."""
        record = self.records[number]
        total = record.order.filled_quantity + quantity
        self.records[number] = replace(record, order=replace(record.order, status=status, filled_quantity=total))
        if quantity:
            request = record.order.request
            self.fills.append(
                Fill(
                    fill_id=FillId(f"f{len(self.fills)}"),
                    client_order_id=request.client_order_id,
                    exchange_order_id=ExchangeOrderId("o"),
                    instrument=request.instrument,
                    side=request.side,
                    price=request.price,
                    quantity=quantity,
                    fee=ZERO,
                    fee_currency="USDC",
                    liquidity=Liquidity.TAKER,
                    ts_event_ns=self.now_ns,
                )
            )
            self.hedge = with_fills(self.hedge, self.records, self.fills)


def play(
    *sides_and_targets: str,
    status: HedgeStatus = HedgeStatus.OPENING,
    entry: EntryPolicy | None = None,
    filled: Sequence[str] | None = None,
) -> Play:
    """Return a play of signed legs of BTC at 50 000; `filled` is what each entry has filled already."""
    instruments = [sample_instrument(f"v{index}", "BTC") for index in range(len(sides_and_targets))]
    legs = tuple(
        Leg(
            instrument=instrument.id,
            side=PositionSide.SHORT if target.startswith("-") else PositionSide.LONG,
            target_quantity=abs(Decimal(target)),
            multiplier=instrument.multiplier,
        )
        for instrument, target in zip(instruments, sides_and_targets, strict=True)
    )
    hedge = Hedge(
        id=HedgeId("h"),
        strategy="s",
        base="BTC",
        legs=legs,
        status=HedgeStatus.OPENING,
        created_ns=START_NS,
        max_slippage_bps=Decimal(10),
        entry_reason="",
        entry=entry or EntryPolicy(),
    )
    made = Play(
        hedge=hedge,
        instruments={one.id: one for one in instruments},
        quotes={index: quote(one, Decimal(50_000)) for index, one in enumerate(instruments)},
    )
    for index, quantity in enumerate(filled or ()):
        made.send(entry_order(made.hedge, index, OrderMode.MARKET), OrderStatus.CANCELLED, Decimal(quantity))
    if status is not HedgeStatus.OPENING:
        made.now_ns += 10 * SECOND_NS
        made.hedge = replace(
            made.hedge,
            status=status,
            opened_ns=START_NS,
            closing_ns=made.now_ns if status is HedgeStatus.CLOSING else None,
            repairing_ns=made.now_ns if status is HedgeStatus.REPAIRING else None,
        )
    return made


def sent(step: NextStep) -> list[tuple[int, OrderPurpose, Side, Decimal]]:
    """Return the orders of a step."""
    assert isinstance(step, Send), step
    return [(one.leg_index, one.purpose, one.side, one.quantity) for one in step.orders]


# What one order can carry.


@settings(deadline=None)
@given(
    lot=st.decimals("0.0001", "5", places=4),
    least=st.decimals("0", "5", places=4),
    most=st.none() | st.decimals("1", "50", places=3),
    multiplier=st.sampled_from([Decimal(1), Decimal("0.01"), Decimal(1000)]),
    base=st.decimals("0.0001", "100000", places=4),
    price=st.none() | st.decimals("0.01", "1000", places=2),
    notional=st.decimals("0", "100", places=1),
    closing=st.booleans(),
)
def test_what_can_be_traded_is_whole_lots_within_every_rule_and_the_most_of_it(
    lot: Decimal,
    least: Decimal,
    most: Decimal | None,
    multiplier: Decimal,
    base: Decimal,
    price: Decimal | None,
    notional: Decimal,
    closing: bool,
) -> None:
    instrument = sample_instrument(
        lot_size=lot,
        min_quantity=least,
        max_quantity=most,
        multiplier=multiplier,
        min_notional=notional if not closing else Decimal(10**9),
        closing_min_notional=notional if closing else Decimal(10**9),
    )
    quantity = tradable(instrument, base, price, closing=closing)
    largest = int(base / multiplier / lot)
    if most is not None:
        largest = min(largest, int(most / lot))
    allowed = largest * lot
    fits = allowed > 0 and allowed >= least and (price is None or allowed * price >= notional)
    assert quantity == (allowed if fits else 0)


# Entries.


def test_an_entry_of_unequal_legs_is_mended_by_the_cheaper_leg() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0.04"])
    one.quotes[0] = quote(one.instrument(0), Decimal(50_000), spread_bps=8)
    assert sent(one.decide()) == [(1, OrderPurpose.COMPLETE, Side.SELL, Decimal("0.06"))]
    one.quotes[1] = quote(one.instrument(1), Decimal(50_000), spread_bps=12)
    assert sent(one.decide()) == [(0, OrderPurpose.UNWIND, Side.SELL, Decimal("0.06"))]


def test_a_book_that_gives_a_part_only_is_no_cheaper_way() -> None:
    """The rest would stand alone until the next attempt."""
    one = play("0.1", "-0.1", filled=["0.1", "0"])
    one.quotes[0] = quote(one.instrument(0), Decimal(50_000), spread_bps=18)
    book = one.quotes[1].book
    thin = replace(book, bids=(BookLevel(book.bids[0].price, Decimal("0.002")),))
    one.quotes[1] = replace(one.quotes[1], book=thin)
    assert sent(one.decide()) == [(0, OrderPurpose.UNWIND, Side.SELL, Decimal("0.1"))]


def test_a_way_that_gives_a_part_goes_before_one_that_nobody_can_price() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0"])
    one.quotes[0] = quote(one.instrument(0), Decimal(50_000), usd=None)
    book = one.quotes[1].book
    thin = replace(book, bids=(BookLevel(book.bids[0].price, Decimal("0.002")),))
    one.quotes[1] = replace(one.quotes[1], book=thin)
    assert sent(one.decide()) == [(1, OrderPurpose.COMPLETE, Side.SELL, Decimal("0.1"))]


def test_a_way_that_has_a_book_goes_before_one_whose_price_is_only_remembered() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0.04"])
    one.quotes[0] = replace(one.quotes[0], is_fresh=False, is_remembered=True)
    one.quotes[1] = quote(one.instrument(1), Decimal(50_000), spread_bps=8)
    assert sent(one.decide()) == [(1, OrderPurpose.COMPLETE, Side.SELL, Decimal("0.06"))]


@pytest.mark.parametrize("reason", ["budget", "status", "no book", "no dollars", "thin"])
def test_what_may_or_can_not_be_completed_is_taken_back(reason: str) -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0.04"])
    one.quotes[0] = quote(one.instrument(0), Decimal(50_000), spread_bps=18)
    name = one.hedge.legs[1].instrument
    if reason == "budget":
        one.may_open = False
    elif reason == "status":
        one.instruments[name] = replace(one.instruments[name], status=InstrumentStatus.REDUCE_ONLY)
    elif reason == "no book":
        del one.quotes[1]
    elif reason == "no dollars":
        one.quotes[1] = quote(one.instrument(1), Decimal(50_000), usd=None)
    else:
        one.quotes[1] = quote(one.instrument(1), Decimal(50_000), spread_bps=50)
    assert sent(one.decide()) == [(0, OrderPurpose.UNWIND, Side.SELL, Decimal("0.06"))]


def test_of_two_legs_that_could_be_taken_back_one_with_a_price_is() -> None:
    one = play("0.2", "-0.1", "-0.1", filled=["0", "0.1", "0.1"])
    one.may_open = False
    del one.quotes[1]
    one.quotes[2] = quote(one.instrument(2), Decimal(50_000), usd=None)
    assert sent(one.decide()) == [(2, OrderPurpose.UNWIND, Side.BUY, Decimal("0.1"))]


def test_without_any_price_a_repair_waits() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0"])
    one.quotes.clear()
    assert isinstance(one.decide(), Wait)


def test_each_further_attempt_may_cost_twice_as_much_up_to_the_policy() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0"])
    one.may_open = False
    bands: list[Decimal] = []
    while not isinstance(step := one.decide(), Settle):
        assert isinstance(step, Send)
        assert step.is_retry is bool(bands)
        bands.append(step.orders[0].band_bps)
        one.send(step.orders[0], OrderStatus.CANCELLED, ZERO)
    assert bands == [10, 20, 40, 80, 160, 300]
    assert step.status is HedgeStatus.HALTED
    assert "0.1 BTC is not hedged after 6 unwind orders" in step.note


def test_orders_that_never_left_are_no_attempts() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0"])
    one.may_open = False
    for _ in range(50):
        step = one.decide()
        assert isinstance(step, Send)
        assert step.orders[0].band_bps == 10
        one.send(step.orders[0], OrderStatus.NOT_SENT, ZERO)


def test_a_reduction_that_the_venue_called_too_small_is_not_repeated() -> None:
    one = play("0.1", "-0.1", filled=["0.003", "0"])
    one.may_open = False
    step = one.decide()
    assert isinstance(step, Send)
    one.send(step.orders[0], OrderStatus.REJECTED, ZERO)
    last = one.records[-1]
    one.records[-1] = replace(last, order=replace(last.order, reason="below_minimum min_notional: too small"))
    ended = one.decide()
    assert isinstance(ended, Settle)
    assert ended.status is HedgeStatus.ABANDONED
    assert "0.003 BTC-PERP.v0 is left" in ended.note


def test_three_legs_that_balance_with_one_empty_are_not_called_too_little_to_trade() -> None:
    one = play("0.2", "-0.1", "-0.1", filled=["0.1", "0.1", "0"])
    one.may_open = False
    step = one.decide()
    assert not isinstance(step, Settle) or step.status is HedgeStatus.OPEN, step


# A pilot and those who follow it.


def piloted(*legs: str, mode: OrderMode = OrderMode.POST_ONLY) -> Play:
    """Return an entry whose first leg rests."""
    one = play(*legs, entry=EntryPolicy(mode=mode, leg_order=LegOrder.PILOT_FIRST))
    one.send(entry_order(one.hedge, 0, mode), OrderStatus.OPEN, ZERO)
    return one


def test_a_resting_pilot_is_left_alone_until_its_deadline() -> None:
    one = piloted("0.1", "-0.1")
    assert isinstance(one.decide(), Wait)
    one.now_ns += 30 * SECOND_NS
    assert one.decide() == Cancel(leg_indices=(0,))


def test_a_resting_pilot_is_taken_back_at_once_when_nothing_may_be_opened() -> None:
    one = piloted("0.1", "-0.1")
    one.may_open = False
    assert one.decide() == Cancel(leg_indices=(0,))


@pytest.mark.parametrize(
    "legs", [("0.3", "-0.1", "-0.2"), ("0.3", "-0.1", "-0.1", "-0.1"), ("0.7", "-0.3", "-0.4"), ("0.07", "-0.07")]
)
def test_a_pilot_that_is_filled_whole_is_followed_by_every_whole_target(legs: tuple[str, ...]) -> None:
    one = piloted(*legs)
    one.fill(0, Decimal(legs[0]), OrderStatus.FILLED)
    assert sent(one.decide()) == [
        (index, OrderPurpose.ENTRY, Side.SELL, abs(Decimal(target))) for index, target in enumerate(legs) if index
    ]


def test_followers_are_not_sent_twice_for_the_same_fill() -> None:
    one = piloted("0.1", "-0.1")
    one.fill(0, Decimal("0.04"), OrderStatus.PARTIALLY_FILLED)
    step = one.decide()
    assert sent(step) == [(1, OrderPurpose.ENTRY, Side.SELL, Decimal("0.04"))]
    assert isinstance(step, Send)
    one.send(step.orders[0], OrderStatus.FILLED, Decimal("0.04"))
    assert isinstance(one.decide(), Wait)
    one.fill(0, Decimal("0.01"), OrderStatus.PARTIALLY_FILLED)
    assert sent(one.decide()) == [(1, OrderPurpose.ENTRY, Side.SELL, Decimal("0.01"))]


def test_a_follower_that_could_not_leave_is_sent_again_after_a_wait() -> None:
    one = piloted("0.1", "-0.1")
    one.fill(0, Decimal("0.04"), OrderStatus.PARTIALLY_FILLED)
    step = one.decide()
    assert isinstance(step, Send)
    one.send(step.orders[0], OrderStatus.NOT_SENT, ZERO)
    again = one.decide()
    assert not isinstance(again, Send) or again.is_retry


@pytest.mark.parametrize("mode", [OrderMode.POST_ONLY, OrderMode.LIMIT_THEN_MARKET, OrderMode.AGGRESSIVE])
def test_a_pilot_that_nobody_can_follow_is_taken_back_and_never_made_larger(mode: OrderMode) -> None:
    one = piloted("0.1", "-0.1", mode=mode)
    one.fill(0, Decimal("0.04"), OrderStatus.PARTIALLY_FILLED)
    step = one.decide()
    assert isinstance(step, Send)
    one.send(step.orders[0], OrderStatus.REJECTED, ZERO)
    assert one.decide() == Cancel(leg_indices=(0,))
    one.fill(0, ZERO, OrderStatus.CANCELLED)
    (order,) = sent(one.decide())
    assert order[1] in (OrderPurpose.UNWIND, OrderPurpose.COMPLETE), order


# Exits.


def test_an_exit_sends_all_legs_or_none() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0.1"], status=HedgeStatus.CLOSING)
    step = one.decide()
    assert sent(step) == [
        (0, OrderPurpose.EXIT, Side.SELL, Decimal("0.1")),
        (1, OrderPurpose.EXIT, Side.BUY, Decimal("0.1")),
    ]
    assert isinstance(step, Send)
    assert step.all_or_none
    del one.quotes[1]
    assert isinstance(one.decide(), Wait)
    one.now_ns += POLICY.calm_wait_ns + 1
    assert one.decide() == Settle(status=HedgeStatus.OPEN, note="no leg could be closed: BTC-PERP.v1 has no price")


def test_an_exit_of_equal_legs_does_not_leave_by_a_price_that_is_only_remembered() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0.1"], status=HedgeStatus.CLOSING)
    one.quotes[0] = replace(one.quotes[0], is_fresh=False, is_remembered=True)
    assert one.decide() == Wait(why="BTC-PERP.v0 has no price")
    one.now_ns += POLICY.calm_wait_ns + 1
    assert one.decide() == Settle(status=HedgeStatus.OPEN, note="no leg could be closed: BTC-PERP.v0 has no price")


def test_an_exit_of_which_one_leg_is_left_goes_on_by_a_price_that_is_only_remembered() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0"], status=HedgeStatus.CLOSING)
    one.quotes[0] = replace(one.quotes[0], is_fresh=False, is_remembered=True)
    assert sent(one.decide()) == [(0, OrderPurpose.EXIT, Side.SELL, Decimal("0.1"))]


@pytest.mark.parametrize("remembered", [0, 1])
def test_an_exit_that_is_uneven_sends_the_excess_alone_where_a_price_is_only_remembered(remembered: int) -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0.06"], status=HedgeStatus.CLOSING)
    one.quotes[remembered] = replace(one.quotes[remembered], is_fresh=False, is_remembered=True)
    assert sent(one.decide()) == [(0, OrderPurpose.EXIT, Side.SELL, Decimal("0.04"))]


def test_an_exit_that_is_uneven_sends_the_excess_while_another_leg_has_no_price() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0.06"], status=HedgeStatus.CLOSING)
    del one.quotes[1]
    step = one.decide()
    assert sent(step) == [(0, OrderPurpose.EXIT, Side.SELL, Decimal("0.04"))]
    assert isinstance(step, Send)
    assert not step.all_or_none
    other = play("0.1", "-0.1", filled=["0.06", "0.1"], status=HedgeStatus.CLOSING)
    del other.quotes[1]
    assert isinstance(other.decide(), Wait)


def test_only_a_hedge_that_moves_has_a_next_step() -> None:
    one = play("0.1", "-0.1", filled=["0.1", "0.1"])
    for status in set(HedgeStatus) - {HedgeStatus.OPENING, HedgeStatus.CLOSING, HedgeStatus.REPAIRING}:
        one.hedge = replace(one.hedge, status=status)
        with pytest.raises(ValueError, match="nothing to do"):
            one.decide()


# Anything at all.

LOTS = st.sampled_from([Decimal("0.001"), Decimal("0.002"), Decimal("0.003"), Decimal("0.01"), Decimal("0.05")])


@st.composite
def plays(draw: st.DrawFn) -> Play:
    """Return a hedge that moves, with legs of any fill."""
    shorts = draw(st.integers(1, 2))
    units = [draw(st.integers(1, 6)) for _ in range(shorts)]
    multipliers = [draw(st.sampled_from([Decimal(1), Decimal("0.1"), Decimal(10)])) for _ in range(shorts + 1)]
    lots = [draw(LOTS) for _ in multipliers]
    # Targets that all legs can trade exactly: whole multiples of every lot.
    steps = [int(lot * multiplier * 10_000) for lot, multiplier in zip(lots, multipliers, strict=True)]
    quantum = Decimal(lcm(*steps)) / 10_000
    bases = [quantum * sum(units), *(-quantum * unit for unit in units)]
    if draw(st.booleans()):
        bases = [-base for base in bases]
    status = draw(st.sampled_from([HedgeStatus.OPENING, HedgeStatus.CLOSING, HedgeStatus.REPAIRING]))
    mode = draw(st.sampled_from(list(OrderMode)))
    leg_order = LegOrder.PILOT_FIRST if mode.rests else draw(st.sampled_from(list(LegOrder)))
    made = play(*(str(base) for base in bases), entry=EntryPolicy(mode=mode, leg_order=leg_order))
    legs, rules = [], {}
    for leg, base, lot, multiplier in zip(made.hedge.legs, bases, lots, multipliers, strict=True):
        legs.append(replace(leg, target_quantity=abs(base) / multiplier, multiplier=multiplier))
        rules[leg.instrument] = replace(
            made.instruments[leg.instrument],
            lot_size=lot,
            multiplier=multiplier,
            min_quantity=draw(st.sampled_from([ZERO, lot, 2 * lot])),
            min_notional=draw(st.sampled_from([ZERO, Decimal(10), Decimal(500)])),
            closing_min_notional=draw(st.sampled_from([ZERO, Decimal(10)])),
        )
    made.hedge, made.instruments = replace(made.hedge, legs=tuple(legs)), rules
    made.pilot = draw(st.integers(0, shorts)) if leg_order is LegOrder.PILOT_FIRST else 0
    for index in range(len(legs)):
        draw_quote(draw, made, index, always=True)
    begin(draw, made, status)
    return made


def draw_quote(draw: Draw, one: Play, index: int, *, always: bool = False) -> None:
    instrument = one.instrument(index)
    one.quotes.pop(index, None)
    if always or draw(st.booleans()):
        price = 1_000 * instrument.multiplier
        usd = Decimal(1) if always else draw(st.sampled_from([Decimal(1), None]))
        one.quotes[index] = quote(instrument, price, spread_bps=draw(st.sampled_from([1, 5, 30])), usd=usd)


def begin(draw: Draw, one: Play, status: HedgeStatus) -> None:
    """Send the first orders, and fill anything where the hedge was open once."""
    if status is HedgeStatus.OPENING:
        first = range(len(one.hedge.legs)) if one.hedge.entry.leg_order is LegOrder.TOGETHER else [one.pilot]
        for index in first:
            end(draw, one, entry_order(one.hedge, index, one.hedge.entry.mode))
        return
    for index, leg in enumerate(one.hedge.legs):
        most = int(leg.target_quantity / one.instrument(index).lot_size)
        filled = draw(st.integers(0, most)) * one.instrument(index).lot_size
        one.send(entry_order(one.hedge, index, OrderMode.MARKET), OrderStatus.CANCELLED, filled)
    one.now_ns += SECOND_NS
    changes = {"closing_ns" if status is HedgeStatus.CLOSING else "repairing_ns": one.now_ns}
    one.hedge = replace(one.hedge, status=status, opened_ns=draw(st.none() | st.just(START_NS)), **changes)  # type: ignore[arg-type]


def end(draw: Draw, one: Play, planned: PlannedOrder) -> None:
    """Send an order and let anything become of it."""
    lot = one.instrument(planned.leg_index).lot_size
    share = draw(st.sampled_from(["none", "some", "all"]))
    filled = {"none": ZERO, "all": planned.quantity}.get(share)
    if filled is None:
        filled = draw(st.integers(0, int(planned.quantity / lot))) * lot
    if filled == planned.quantity:
        status = OrderStatus.FILLED
    elif planned.mode.rests and draw(st.booleans()):
        status = OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.OPEN
    elif filled:
        status = OrderStatus.CANCELLED
    else:
        status = draw(st.sampled_from([OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.NOT_SENT]))
    one.send(planned, status, filled)


def check_orders(one: Play, step: Send) -> None:
    """Check what has to hold for every order that is about to leave."""
    for planned in step.orders:
        leg, rules = one.hedge.legs[planned.leg_index], one.instrument(planned.leg_index)
        assert planned.leg_index in one.quotes, "an order without a price"
        opens = planned.purpose.opens_risk
        assert planned.side is (leg.entry_side if opens else leg.entry_side.opposite)
        assert planned.reduce_only is not opens
        assert planned.attempt not in {each.attempt for each in one.records if each.leg_index == planned.leg_index}
        assert planned.quantity > 0
        assert planned.quantity % rules.lot_size == 0
        assert planned.quantity >= rules.min_quantity
        assert planned.band_bps <= max(POLICY.max_band_bps, one.hedge.max_slippage_bps)
        if opens:
            assert one.may_open
            assert leg.entry_quantity + planned.quantity <= leg.target_quantity
            assert one.hedge.status is HedgeStatus.OPENING
        else:
            assert planned.quantity <= leg.open_quantity
        if planned.purpose in (OrderPurpose.UNWIND, OrderPurpose.COMPLETE):
            change = planned.quantity * planned.side.sign * leg.multiplier
            before, after = one.hedge.imbalance, one.hedge.imbalance + change
            assert abs(after) < abs(before)
            assert before * after >= 0, "an order larger than the imbalance"
            assert len(step.orders) == 1
    indices = [planned.leg_index for planned in step.orders]
    assert len(set(indices)) == len(indices)


def check_followers(one: Play, step: Send) -> None:
    """Check that what follows a pilot leaves the legs more equal, or takes the pilot's own rest."""
    entries = [each for each in step.orders if each.purpose is OrderPurpose.ENTRY]
    if not entries:
        return
    own = [each for each in entries if each.leg_index == one.pilot]
    change = sum((each.quantity * each.side.sign * one.hedge.legs[each.leg_index].multiplier for each in entries), ZERO)
    if own:
        assert one.hedge.entry.mode is OrderMode.LIMIT_THEN_MARKET
    else:
        assert abs(one.hedge.imbalance + change) <= abs(one.hedge.imbalance)


def check_end(one: Play, step: Settle) -> None:
    """Check that nothing could have been done any more."""
    assert step.status in HEDGE_TRANSITIONS[one.hedge.status]
    if step.status is HedgeStatus.HALTED:
        assert any(
            sum(each.order.status is not OrderStatus.NOT_SENT for each in one.records if each.leg_index == index) >= 6
            for index in range(len(one.hedge.legs))
        )
        return
    assert not any(each.order.status in RESTING for each in one.records)
    excess = one.hedge.imbalance
    for index, leg in enumerate(one.hedge.legs):
        price = one.quotes[index].mid_price if index in one.quotes else None
        left = abs(excess) if leg.side.sign * excess > 0 else ZERO
        base = min(left, max(leg.open_quantity, ZERO) * leg.multiplier)
        if step.status.is_final:
            base = max(leg.open_quantity, ZERO) * leg.multiplier
        if base:
            assert not tradable(one.instrument(index), base, price, closing=True), "this much could have been traded"


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(plays(), st.data())
def test_whatever_the_venues_do_it_ends_and_every_order_is_safe(one: Play, data: st.DataObject) -> None:
    never_left = 0
    for _ in range(120):
        step = one.decide()
        if isinstance(step, Settle):
            check_end(one, step)
            return
        if isinstance(step, Send):
            check_orders(one, step)
            check_followers(one, step)
            for planned in step.orders:
                end(data.draw, one, planned)
                never_left += one.records[-1].order.status is OrderStatus.NOT_SENT
        elif isinstance(step, Cancel):
            for number, record in enumerate(one.records):
                if record.leg_index in step.leg_indices and record.order.status in RESTING:
                    one.fill(number, ZERO, OrderStatus.CANCELLED)
        else:
            for index in range(len(one.hedge.legs)):
                draw_quote(data.draw, one, index, always=one.steps > 20)
            for number, record in enumerate(one.records):
                if record.order.status in RESTING and data.draw(st.booleans()):
                    lot = one.instrument(record.leg_index).lot_size
                    more = min(lot * data.draw(st.integers(1, 10)), record.order.remaining_quantity)
                    done = more == record.order.remaining_quantity
                    one.fill(number, more, OrderStatus.FILLED if done else OrderStatus.PARTIALLY_FILLED)
        one.now_ns += data.draw(st.integers(0, 5)) * SECOND_NS
        one.may_open = one.may_open and data.draw(st.sampled_from([True, True, True, False]))
    raise AssertionError(f"no end after {one.steps} steps, {never_left} of them never left: {one.decide()}")


@settings(deadline=None)
@given(plays())
def test_a_repair_asks_for_no_order_the_legs_could_not_use(one: Play) -> None:
    step = next_repair(one.hedge, one.records, one.instruments, one.quotes, POLICY, may_complete=True)
    if isinstance(step, Send):
        (order,) = step.orders
        leg = one.hedge.legs[order.leg_index]
        assert order.quantity * leg.multiplier <= abs(one.hedge.imbalance)
        room = leg.open_quantity if order.reduce_only else leg.target_quantity - leg.entry_quantity
        assert order.quantity <= room
