"""Whatever the hedge and its markets are and the venues fill, it ends and every order is safe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from math import lcm
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.execution.playing import POLICY, Play, play, quote

from arb.execution._building import entry_order
from arb.execution._repair import next_repair
from arb.execution._steps import Cancel, PlannedOrder, Send, Settle
from arb.execution._tries import tradable
from arb.model import (
    HEDGE_TRANSITIONS,
    SECOND_NS,
    ZERO,
    EntryPolicy,
    HedgeStatus,
    LegOrder,
    OrderMode,
    OrderPurpose,
    OrderStatus,
)
from arb.testing import START_NS, sample_instrument

RESTING: Final = (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED)

Draw = Callable[[st.SearchStrategy[Any]], Any]


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
