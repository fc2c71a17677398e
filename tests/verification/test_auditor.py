"""The auditor catches every violation there is a code for: each history here is made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from arb.model import (
    SECOND_NS,
    ZERO,
    ClientOrderId,
    Dust,
    Event,
    EventKind,
    ExchangeName,
    ExchangeOrderId,
    Fill,
    FillId,
    Hedge,
    HedgeId,
    HedgeStatus,
    Lease,
    Leg,
    Liquidity,
    Order,
    OrderPurpose,
    OrderRecord,
    OrderRequest,
    OrderStatus,
    PositionSide,
    Severity,
    Side,
)
from arb.risk import EVERYTHING, Halt
from arb.simulation import VENUE_PREFIXES
from arb.storage import Parts, RunAccount, Unattributed
from arb.testing import START_NS, sample_instrument
from arb.verification import (
    Auditor,
    AuditRules,
    Books,
    Changes,
    Code,
    Sight,
    check_books,
    check_dust,
    check_money,
    check_rest,
)

PRICE = Decimal(50_000)
TARGET = Decimal("0.1")
HEDGE = HedgeId("h")
LISTED = {one.id: one for one in (sample_instrument("left"), sample_instrument("right"))}
LEFT, RIGHT = LISTED
PROCESS = "sim:1"


class Story:
    """A made-up history, told to an auditor step by step."""

    def __init__(self) -> None:
        self.now_ns = START_NS
        self.halts: list[Halt] = []
        self.readable_since_ns = 0
        sight = Sight(
            now_ns=lambda: self.now_ns,
            instrument=LISTED.__getitem__,
            usd_per_base=lambda _instrument: PRICE,
            halts=lambda: self.halts,
            readable_since_ns=lambda _exchange: self.readable_since_ns,
        )
        self.auditor = Auditor(7, START_NS, sight, AuditRules())
        self.auditor.process_started(PROCESS)
        self.auditor.process_ready(PROCESS)
        self._fills = 0

    def wait(self, seconds: int) -> None:
        self.now_ns += seconds * SECOND_NS

    def commit(self, *, hedge: Hedge | None = None, orders: Sequence[OrderRecord] = (), **more: Any) -> None:
        hedges = () if hedge is None else (hedge,)
        self.auditor.committed(PROCESS, Changes(hedges=hedges, orders=tuple(orders), **more))

    def alarm(self) -> None:
        event = Event(
            ts_ns=self.now_ns, kind=EventKind.HEDGE_HALTED, subject=HEDGE, message="halted", severity=Severity.ALARM
        )
        self.commit(events=(event,))

    def halt(self, subject: str = "") -> None:
        self.auditor.halts_change()
        self.halts.append(
            Halt(
                halt_id=1,
                scope=EVERYTHING,
                reason="test",
                raised_ns=self.now_ns,
                raised_by="somebody",
                subject=subject,
            )
        )

    def lift(self) -> None:
        self.auditor.halts_lift(self.halts)
        self.halts.clear()

    def force(self, prefix: str, index: int, quantity: Decimal) -> None:
        """Let the venue reduce a leg by itself."""
        own = new_order(index, OrderPurpose.FORCED)
        request = replace(own.order.request, client_order_id=ClientOrderId(f"{prefix}1"), quantity=quantity)
        self.execute(replace(own, order=replace(own.order, request=request)))

    def execute(self, record: OrderRecord, quantity: Decimal | None = None, *, fill_id: str = "") -> None:
        """Let the venue execute an order that arrived, all of it or some."""
        request = record.order.request
        filled = request.quantity if quantity is None else quantity
        self._fills += 1
        fill = Fill(
            fill_id=FillId(fill_id or str(self._fills)),
            client_order_id=request.client_order_id,
            exchange_order_id=ExchangeOrderId("1"),
            instrument=request.instrument,
            side=request.side,
            price=request.price,
            quantity=filled,
            fee=ZERO,
            fee_currency="USDC",
            liquidity=Liquidity.TAKER,
            ts_event_ns=self.now_ns,
        )
        status = OrderStatus.FILLED if filled == request.quantity else OrderStatus.CANCELLED
        self.auditor.records(str(LISTED[request.instrument].exchange), [fill, done(record, status, filled).order])

    @property
    def codes(self) -> set[Code]:
        return {violation.code for violation in self.auditor.violations}


def new_hedge(status: HedgeStatus = HedgeStatus.OPENING, **changes: Any) -> Hedge:
    legs = tuple(
        Leg(instrument=name, side=side, target_quantity=TARGET, multiplier=Decimal(1))
        for name, side in ((LEFT, PositionSide.LONG), (RIGHT, PositionSide.SHORT))
    )
    hedge = Hedge(
        id=HEDGE,
        strategy="carry",
        base="BTC",
        legs=legs,
        status=status,
        created_ns=START_NS,
        max_slippage_bps=Decimal(20),
        entry_reason="test",
    )
    return replace(hedge, **changes)


def new_order(index: int, purpose: OrderPurpose = OrderPurpose.ENTRY, attempt: int = 0, **changes: Any) -> OrderRecord:
    opening = purpose.opens_risk
    side = Side.BUY if (index == 0) is opening else Side.SELL
    request = OrderRequest(
        client_order_id=ClientOrderId(f"{HEDGE}-{index}-{attempt}"),
        instrument=(LEFT, RIGHT)[index],
        side=side,
        quantity=TARGET,
        price=PRICE,
        reduce_only=not opening,
    )
    return OrderRecord(
        order=Order(request=replace(request, **changes), status=OrderStatus.SUBMITTED, ts_event_ns=START_NS),
        hedge_id=HEDGE,
        leg_index=index,
        purpose=purpose,
        attempt=attempt,
        arrival_price=PRICE,
        created_ns=START_NS,
    )


def done(record: OrderRecord, status: OrderStatus, filled: Decimal = ZERO) -> OrderRecord:
    return replace(record, order=replace(record.order, status=status, filled_quantity=filled))


def sent(story: Story, record: OrderRecord) -> None:
    story.auditor.sent(PROCESS, record.order.request)
    story.auditor.arrived(record.order.request)


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def opened(story: Story) -> Story:
    """Both legs are filled and the hedge is open."""
    entries = [new_order(index) for index in (0, 1)]
    story.commit(hedge=new_hedge(), orders=entries)
    for entry in entries:
        sent(story, entry)
        story.execute(entry)
    story.commit(hedge=new_hedge(HedgeStatus.OPEN), orders=[done(one, OrderStatus.FILLED, TARGET) for one in entries])
    return story


def test_a_good_history_has_no_violation(opened: Story) -> None:
    exits = [new_order(index, OrderPurpose.EXIT, 1) for index in (0, 1)]
    opened.commit(hedge=new_hedge(HedgeStatus.CLOSING, closing_ns=START_NS), orders=exits)
    for order in exits:
        sent(opened, order)
        opened.execute(order)
    opened.commit(hedge=new_hedge(HedgeStatus.CLOSED), orders=[done(one, OrderStatus.FILLED, TARGET) for one in exits])
    check_rest(opened.auditor, {}, START_NS)

    assert opened.auditor.violations == []


def test_more_than_the_target_is_a_duplicate(opened: Story) -> None:
    again = new_order(0, OrderPurpose.COMPLETE, 1)
    opened.commit(orders=[again])
    sent(opened, again)
    opened.execute(again)

    assert Code.DUPLICATE in opened.codes


def test_an_order_filled_beyond_its_quantity_is_a_duplicate(story: Story) -> None:
    entry = new_order(0)
    story.commit(hedge=new_hedge(), orders=[entry])
    sent(story, entry)
    story.execute(entry, TARGET * 2)

    assert Code.DUPLICATE in story.codes


def test_a_fill_that_comes_twice_is_a_duplicate(story: Story) -> None:
    entry = new_order(0)
    story.commit(hedge=new_hedge(), orders=[entry])
    sent(story, entry)
    story.execute(entry, TARGET / 2, fill_id="x")
    story.execute(entry, TARGET / 2, fill_id="x")

    assert Code.DUPLICATE in story.codes


def test_an_order_without_a_record_is_unrecorded(story: Story) -> None:
    story.auditor.sent(PROCESS, new_order(0).order.request)

    assert story.codes == {Code.UNRECORDED}


def test_an_order_larger_than_its_record_is_unrecorded(story: Story) -> None:
    story.commit(hedge=new_hedge(), orders=[new_order(0)])
    story.auditor.sent(PROCESS, new_order(0, quantity=TARGET * 2).order.request)

    assert Code.UNRECORDED in story.codes


def one_leg_filled(story: Story) -> None:
    entry = new_order(0)
    story.commit(hedge=new_hedge(), orders=[entry])
    sent(story, entry)
    story.wait(60)  # a new process has its time to look around
    story.execute(entry)
    story.commit(orders=[done(entry, OrderStatus.FILLED, TARGET)])


def test_a_leg_alone_beyond_its_budget_is_naked(story: Story) -> None:
    one_leg_filled(story)
    for _ in range(6):
        story.wait(10)
        story.commit()

    assert story.codes == {Code.NAKED}


@pytest.mark.parametrize("end", ["filled", "next phase", "told", "process ended", "episode ended"])
def test_what_ends_an_exposure_late_does_not_undo_it(story: Story, end: str) -> None:
    other = new_order(1)
    one_leg_filled(story)
    story.commit(orders=[other])
    sent(story, other)
    story.wait(26)  # 15 until the budget is spent, 10 until somebody has to know
    if end == "filled":
        story.execute(other)
    elif end == "next phase":
        story.commit(hedge=new_hedge(HedgeStatus.REPAIRING, repairing_ns=story.now_ns))
    elif end == "told":
        story.halt()
        story.alarm()
    elif end == "process ended":
        story.auditor.process_ended(PROCESS)
    else:
        story.auditor.exposure.times()

    assert story.codes == {Code.NAKED}


def test_time_without_a_process_is_no_time_to_tell_in(story: Story) -> None:
    one_leg_filled(story)
    story.wait(20)
    story.auditor.process_ended(PROCESS)
    story.wait(100)
    story.auditor.process_started("sim:2")
    story.wait(15 + 4)
    story.auditor.committed("sim:2", Changes())
    assert story.codes == set()
    story.wait(2)
    story.auditor.committed("sim:2", Changes())

    assert story.codes == {Code.NAKED}


def test_a_halt_of_something_else_that_is_lifted_gives_no_new_budget(story: Story) -> None:
    one_leg_filled(story)
    story.wait(10)
    story.halt()
    story.wait(4)
    story.lift()
    story.wait(12)
    story.commit()

    assert story.codes == {Code.NAKED}


@pytest.mark.parametrize("told", [True, False])
def test_a_lift_does_not_make_an_alarm_unneeded(story: Story, told: bool) -> None:
    one_leg_filled(story)
    story.wait(20)
    story.halt(HEDGE)
    story.lift()
    if told:
        story.alarm()
    story.wait(6)
    story.commit()

    assert story.codes == (set() if told else {Code.NAKED})


def test_after_a_lift_the_budget_is_whole_and_another_breach_is_told_again(story: Story) -> None:
    one_leg_filled(story)
    story.wait(20)
    story.halt(HEDGE)
    story.alarm()
    story.wait(100)
    story.lift()
    story.wait(24)
    story.commit()
    assert story.codes == set()
    story.halt(HEDGE)
    story.wait(2)
    story.commit()

    assert story.codes == {Code.NAKED}


def test_an_alarm_stays_told_when_its_halt_is_lifted(story: Story) -> None:
    story.commit(hedge=new_hedge(HedgeStatus.HALTED))
    story.halt(HEDGE)
    story.alarm()
    story.lift()
    check_rest(story.auditor, {}, START_NS)

    assert story.codes == set()


def test_a_reduction_by_the_venue_excuses_nothing_once_it_was_mended(opened: Story) -> None:
    opened.wait(60)
    opened.force("adl-", 0, TARGET / 2)
    for index, purpose in ((1, OrderPurpose.UNWIND), (0, OrderPurpose.EXIT)):
        order = new_order(index, purpose, 1, quantity=TARGET / 2)
        opened.commit(orders=[order])
        sent(opened, order)
        opened.execute(order)
    opened.wait(60)
    opened.readable_since_ns = opened.now_ns  # the venue that had reduced is down
    opened.commit()

    assert opened.codes == {Code.NAKED}


def test_a_reduction_by_the_venue_is_excused_until_it_can_be_seen(opened: Story) -> None:
    opened.wait(60)
    opened.force("adl-", 0, TARGET)
    opened.wait(60)
    opened.readable_since_ns = opened.now_ns
    opened.commit()

    assert opened.codes == set()


@pytest.mark.parametrize("prefix", VENUE_PREFIXES)
def test_an_order_of_the_venue_itself_needs_no_record(opened: Story, prefix: str) -> None:
    opened.force(prefix, 0, TARGET)

    assert opened.codes == set()


@pytest.mark.parametrize("first", ["rests", "is filled", "is refused"])
def test_an_order_that_reaches_its_venue_again_is_a_duplicate(story: Story, first: str) -> None:
    entry = new_order(0)
    story.commit(hedge=new_hedge(), orders=[entry])
    sent(story, entry)
    if first == "is filled":
        story.execute(entry)
    if first == "is refused":
        story.commit(orders=[done(entry, OrderStatus.REJECTED)])
    story.auditor.arrived(entry.order.request)

    assert Code.DUPLICATE in story.codes


def test_a_leg_alone_for_a_short_time_is_within_the_budget(story: Story) -> None:
    one_leg_filled(story)
    story.wait(10)
    story.commit()

    assert story.codes == set()
    (naked,) = story.auditor.exposure.times()
    assert naked.seconds == 10
    assert naked.counted < naked.budget


def test_a_halt_with_an_alarm_explains_a_leg_alone(story: Story) -> None:
    one_leg_filled(story)
    story.wait(10)
    story.commit(hedge=new_hedge(HedgeStatus.HALTED))
    story.alarm()
    for _ in range(20):
        story.wait(10)
        story.commit()

    assert story.codes == set()


def test_without_a_process_nobody_can_hedge(story: Story) -> None:
    one_leg_filled(story)
    story.auditor.process_ended(PROCESS)
    story.wait(3600)
    story.auditor.process_started("sim:2")
    story.wait(10)
    story.auditor.committed("sim:2", Changes())

    assert story.codes == set()


@pytest.mark.parametrize("status", [OrderStatus.NOT_SENT, OrderStatus.REJECTED])
def test_an_order_said_to_be_absent_that_the_venue_has_is_a_guess(story: Story, status: OrderStatus) -> None:
    entry = new_order(0)
    story.commit(hedge=new_hedge(), orders=[entry])
    sent(story, entry)
    story.execute(entry)
    story.commit(orders=[done(entry, status)])

    assert Code.GUESS in story.codes


def test_an_order_that_arrives_after_it_was_called_absent_is_a_guess(story: Story) -> None:
    entry = new_order(0)
    story.commit(hedge=new_hedge(), orders=[entry])
    story.auditor.sent(PROCESS, entry.order.request)
    story.commit(orders=[done(entry, OrderStatus.NOT_SENT)])
    assert story.codes == set()
    story.auditor.arrived(entry.order.request)

    assert story.codes == {Code.GUESS}


@pytest.mark.parametrize("filled", [ZERO, TARGET])
def test_an_order_that_its_venue_took_before_it_refused_it_has_ended_unfilled(story: Story, filled: Decimal) -> None:
    entry = new_order(0)
    story.commit(hedge=new_hedge(), orders=[entry])
    sent(story, entry)
    story.auditor.refused(entry.order.request)
    story.commit(orders=[done(entry, OrderStatus.EXPIRED, filled)])

    assert (Code.GUESS in story.codes) == bool(filled)


def test_an_order_that_no_venue_ever_saw_has_not_ended(story: Story) -> None:
    entry = new_order(0)
    story.commit(hedge=new_hedge(), orders=[entry])
    sent(story, entry)
    story.commit(orders=[done(entry, OrderStatus.EXPIRED)])

    assert Code.GUESS in story.codes


def test_a_filled_quantity_that_the_venue_does_not_know_is_a_guess(story: Story) -> None:
    entry = new_order(0)
    story.commit(hedge=new_hedge(), orders=[entry])
    sent(story, entry)
    story.execute(entry, TARGET / 2)
    story.commit(orders=[done(entry, OrderStatus.FILLED, TARGET)])

    assert Code.GUESS in story.codes


def test_a_recovery_that_touches_what_was_at_rest_is_found(opened: Story) -> None:
    opened.auditor.process_ended(PROCESS)
    opened.auditor.process_started("sim:2")
    opened.auditor.committed("sim:2", Changes(hedges=(new_hedge(HedgeStatus.OPEN, opened_ns=START_NS + 1),)))

    assert opened.codes == {Code.RESTART}


def test_a_recovery_that_sends_orders_for_what_was_at_rest_is_found(opened: Story) -> None:
    opened.auditor.process_ended(PROCESS)
    opened.auditor.process_started("sim:2")
    leaving = new_order(0, OrderPurpose.EXIT, 1)
    opened.auditor.committed("sim:2", Changes(orders=(leaving,)))
    opened.auditor.sent("sim:2", leaving.order.request)

    assert opened.codes == {Code.RESTART}


def test_a_deadline_that_moves_is_found(story: Story) -> None:
    entry = replace(new_order(0), rest_until_ns=START_NS + 1)
    story.commit(hedge=new_hedge(), orders=[entry])
    story.commit(orders=[replace(entry, rest_until_ns=START_NS + 2)])

    assert story.codes == {Code.RESTART}


def test_books_that_differ_from_the_venues_are_found(opened: Story) -> None:
    nothing = Books(fills={}, payments={})
    check_books(opened.auditor, nothing, Books(fills={}, payments={}, positions={LEFT: TARGET}))

    assert opened.codes == {Code.LEDGER}


def run_account(**changes: Any) -> RunAccount:
    account = RunAccount(
        start_ns=None,
        end_ns=None,
        equity_start_usd=ZERO,
        equity_end_usd=ZERO,
        equity_change=ZERO,
        parts=Parts(),
        unexplained=ZERO,
        hedges_opened=0,
        hedges_closed=0,
        max_abs_delta_usd=ZERO,
        hedges=(),
        unattributed=Unattributed(fills=(), payments=(), parts=Parts(), total_usd=ZERO),
        wallets=(),
        alarms=(),
    )
    return replace(account, **changes)


@pytest.mark.parametrize("wrong", [{"unexplained": Decimal("1e-8")}, {"parts": Parts(fees=Decimal("1e-8"))}])
def test_a_cent_without_a_part_is_found(story: Story, wrong: dict[str, Any]) -> None:
    check_money(story.auditor, run_account())
    assert story.codes == set()
    check_money(story.auditor, run_account(**wrong))

    assert story.codes == {Code.MONEY}


def test_a_closing_order_that_is_not_reduce_only_is_found(opened: Story) -> None:
    leaving = new_order(0, OrderPurpose.EXIT, 1, reduce_only=False)
    opened.commit(orders=[leaving])
    opened.auditor.sent(PROCESS, leaving.order.request)

    assert opened.codes == {Code.NOT_REDUCING}


def test_a_closing_order_that_turns_a_position_is_found(opened: Story) -> None:
    leaving = new_order(0, OrderPurpose.EXIT, 1, quantity=TARGET * 2)
    opened.commit(orders=[leaving])
    sent(opened, leaving)
    opened.execute(leaving)

    assert Code.NOT_REDUCING in opened.codes


@pytest.mark.parametrize("status", [HedgeStatus.OPENING, HedgeStatus.CLOSING, HedgeStatus.REPAIRING])
def test_a_hedge_that_still_moves_is_stuck(story: Story, status: HedgeStatus) -> None:
    story.commit(hedge=new_hedge(status))
    check_rest(story.auditor, {HEDGE: START_NS}, START_NS)

    assert story.codes == {Code.STUCK}


def test_a_hedge_halted_without_an_alarm_is_stuck(story: Story) -> None:
    story.commit(hedge=new_hedge(HedgeStatus.HALTED))
    check_rest(story.auditor, {}, START_NS)

    assert story.codes == {Code.STUCK}


@pytest.mark.parametrize("status", [HedgeStatus.OPEN, HedgeStatus.ABANDONED])
def test_a_hedge_at_rest_with_one_leg_is_stuck(story: Story, status: HedgeStatus) -> None:
    entry = new_order(0)
    story.commit(hedge=new_hedge(), orders=[entry])
    sent(story, entry)
    story.execute(entry)
    story.commit(hedge=new_hedge(status), orders=[done(entry, OrderStatus.FILLED, TARGET)])
    check_rest(story.auditor, {}, START_NS)

    assert story.codes == {Code.STUCK}


def test_an_opening_order_under_a_halt_is_found(story: Story) -> None:
    story.commit(hedge=new_hedge(), orders=[new_order(0)])
    story.halts = [Halt(halt_id=1, scope="left", reason="test", raised_ns=START_NS, raised_by="somebody")]
    story.auditor.sent(PROCESS, new_order(0).order.request)

    assert story.codes == {Code.HALTED_OPENING}


def test_a_recovery_may_repair_what_a_venue_changed_before_the_hedge_came_to_rest(story: Story) -> None:
    one_leg_filled(story)
    story.commit(hedge=new_hedge(HedgeStatus.OPEN))
    story.wait(1)
    story.auditor.process_started("sim:2")
    story.auditor.committed("sim:2", Changes(hedges=(new_hedge(HedgeStatus.REPAIRING),)))

    assert Code.RESTART not in story.codes


@pytest.mark.parametrize(("reason", "is_stuck"), [("below_minimum: 5 USD", False), ("refused", True)])
def test_a_difference_that_its_venue_refused_to_mend_as_too_small_is_no_unrest(
    story: Story, reason: str, is_stuck: bool
) -> None:
    one_leg_filled(story)
    hedge = new_hedge(HedgeStatus.OPEN)
    unwind = new_order(0, purpose=OrderPurpose.UNWIND)
    refused = replace(unwind, order=replace(unwind.order, status=OrderStatus.REJECTED, reason=reason))
    story.commit(hedge=hedge, orders=[refused])
    name = unwind.order.request.instrument
    large = replace(LISTED[name], min_notional=PRICE * 10)
    story.auditor.sight = replace(story.auditor.sight, instrument=lambda _instrument: large)
    check_rest(story.auditor, {}, story.now_ns)

    assert (Code.STUCK in story.codes) == is_stuck


def test_what_forbids_an_order_counts_when_its_bytes_leave(story: Story) -> None:
    """A venue may work on a request for a while before the order reaches the account."""
    entry = new_order(0).order.request
    story.commit(hedge=new_hedge(), orders=[new_order(0)])
    left = story.auditor.forbidden(entry)
    story.halts = [Halt(halt_id=1, scope="left", reason="test", raised_ns=START_NS, raised_by="somebody")]
    story.auditor.sent(PROCESS, entry, left)
    assert story.codes == set()

    story.auditor.sent(PROCESS, entry, story.auditor.forbidden(entry))
    assert story.codes == {Code.HALTED_OPENING}


def test_a_halt_of_another_exchange_forbids_nothing(story: Story) -> None:
    story.commit(hedge=new_hedge(), orders=[new_order(0)])
    story.halts = [Halt(halt_id=1, scope="right", reason="test", raised_ns=START_NS, raised_by="somebody")]
    story.auditor.sent(PROCESS, new_order(0).order.request)

    assert story.codes == set()


def test_an_opening_order_of_a_halted_hedge_is_found(story: Story) -> None:
    story.commit(hedge=new_hedge(HedgeStatus.HALTED), orders=[new_order(0)])
    story.auditor.sent(PROCESS, new_order(0).order.request)

    assert story.codes == {Code.HALTED_OPENING}


def test_a_price_beyond_every_band_is_found(story: Story) -> None:
    entry = new_order(0, price=PRICE * 2)
    story.commit(hedge=new_hedge(), orders=[entry])
    story.auditor.sent(PROCESS, entry.order.request)

    assert story.codes == {Code.UNBOUNDED_PRICE}


def test_dust_that_is_not_declared_is_found(story: Story) -> None:
    legs = tuple(replace(leg, entry_quantity=TARGET) for leg in new_hedge().legs[:1]) + new_hedge().legs[1:]
    story.commit(hedge=new_hedge(HedgeStatus.CLOSED, legs=legs))
    declared = Dust(hedge_id=HEDGE, leg_index=0, instrument=LEFT, quantity=TARGET, price=PRICE, declared_ns=START_NS)
    check_dust(story.auditor, (declared,))
    assert story.codes == set()
    check_dust(story.auditor, ())

    assert story.codes == {Code.DUST}


def test_orders_without_end_are_found(story: Story) -> None:
    story.commit(hedge=new_hedge())
    for attempt in range(AuditRules().max_orders + 1):
        order = new_order(0, attempt=attempt)
        story.commit(orders=[order])
        sent(story, order)

    assert story.codes == {Code.DUST}


def test_a_process_that_writes_under_the_lease_of_another_is_found(story: Story) -> None:
    lease = Lease(account=ExchangeName("left"), holder="sim:2", token=2, expires_ns=START_NS + SECOND_NS)
    story.commit(hedge=new_hedge(), orders=[new_order(0)], leases=(lease,))
    story.auditor.sent(PROCESS, new_order(0).order.request)

    assert story.codes == {Code.TWO_WRITERS}


def test_two_processes_without_a_lease_are_found(story: Story) -> None:
    story.auditor.process_started("sim:2")
    story.commit(hedge=new_hedge(), orders=[new_order(0)])
    story.auditor.sent(PROCESS, new_order(0).order.request)

    assert story.codes == {Code.TWO_WRITERS}


def test_one_thing_is_told_once(story: Story) -> None:
    for _ in range(3):
        story.auditor.sent(PROCESS, new_order(0).order.request)

    assert len(story.auditor.violations) == 1
    assert str(story.auditor.violations[0]).startswith("unrecorded at 0.000 s (seed 7): order h-0-0 was sent")


def test_a_forced_reduction_may_be_answered_by_any_later_process(opened: Story) -> None:
    opened.force("liquidation-", 0, TARGET)
    for process in (PROCESS, "sim:2"):
        opened.auditor.process_ended(process)
        opened.auditor.process_started(f"sim:{2 if process == PROCESS else 3}")
        if process == PROCESS:
            opened.auditor.process_ready("sim:2")  # and dies before it has answered
    repairing = new_hedge(HedgeStatus.REPAIRING, repairing_ns=START_NS)
    for _ in range(2):
        opened.auditor.committed("sim:3", Changes(hedges=(repairing,)))
        opened.wait(1)

    assert opened.codes == set()
