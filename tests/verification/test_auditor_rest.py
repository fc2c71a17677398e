"""What has to hold over restarts and at rest: deadlines, books, money, dust, and no hedge that is stuck."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.verification.conftest import (
    HEDGE,
    LEFT,
    LISTED,
    PRICE,
    PROCESS,
    TARGET,
    Story,
    done,
    new_hedge,
    new_order,
    one_leg_filled,
    sent,
)

from arb.model import ZERO, Dust, HedgeStatus, OrderPurpose, OrderStatus
from arb.storage import Parts, RunAccount, Unattributed
from arb.testing import START_NS
from arb.verification import Books, Changes, Code, check_books, check_dust, check_money, check_rest


def test_a_good_history_has_no_violation(opened: Story) -> None:
    exits = [new_order(index, OrderPurpose.EXIT, 1) for index in (0, 1)]
    opened.commit(hedge=new_hedge(HedgeStatus.CLOSING, closing_ns=START_NS), orders=exits)
    for order in exits:
        sent(opened, order)
        opened.execute(order)
    opened.commit(hedge=new_hedge(HedgeStatus.CLOSED), orders=[done(one, OrderStatus.FILLED, TARGET) for one in exits])
    check_rest(opened.auditor, {}, START_NS)

    assert opened.auditor.violations == []


def test_an_alarm_stays_told_when_its_halt_is_lifted(story: Story) -> None:
    story.commit(hedge=new_hedge(HedgeStatus.HALTED))
    story.halt(HEDGE)
    story.alarm()
    story.lift()
    check_rest(story.auditor, {}, START_NS)

    assert story.codes == set()


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


def test_a_recovery_may_repair_what_a_venue_changed_before_the_hedge_came_to_rest(story: Story) -> None:
    entries = [new_order(index) for index in (0, 1)]
    story.commit(hedge=new_hedge(), orders=entries)
    for entry in entries:
        sent(story, entry)
        story.execute(entry)
    story.force("adl-", 0, TARGET / 1000)
    story.wait(1)
    story.commit(hedge=new_hedge(HedgeStatus.OPEN))
    story.wait(1)
    story.auditor.process_started("sim:2")
    story.auditor.committed("sim:2", Changes(hedges=(new_hedge(HedgeStatus.REPAIRING),)))

    assert Code.RESTART not in story.codes


def test_a_recovery_has_nothing_to_repair_of_what_was_on_record_when_the_hedge_came_to_rest(story: Story) -> None:
    one_leg_filled(story)
    story.commit(orders=[story.force("adl-", 0, TARGET)])
    story.wait(1)
    story.commit(hedge=new_hedge(HedgeStatus.OPEN))
    story.auditor.process_started("sim:2")
    story.auditor.committed("sim:2", Changes(hedges=(new_hedge(HedgeStatus.REPAIRING),)))

    assert Code.RESTART in story.codes


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


def test_dust_that_is_not_declared_is_found(story: Story) -> None:
    legs = tuple(replace(leg, entry_quantity=TARGET) for leg in new_hedge().legs[:1]) + new_hedge().legs[1:]
    story.commit(hedge=new_hedge(HedgeStatus.CLOSED, legs=legs))
    declared = Dust(hedge_id=HEDGE, leg_index=0, instrument=LEFT, quantity=TARGET, price=PRICE, declared_ns=START_NS)
    check_dust(story.auditor, (declared,))
    assert story.codes == set()
    check_dust(story.auditor, ())

    assert story.codes == {Code.DUST}


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


def test_legs_that_are_over_and_still_held_are_no_dust_though_a_venue_once_refused_something_small(
    opened: Story,
) -> None:
    small = new_order(0, OrderPurpose.UNWIND, 1)
    refused = done(small, OrderStatus.REJECTED)
    refused = replace(refused, order=replace(refused.order, reason="below_minimum: 5 USD"))
    opened.commit(hedge=new_hedge(HedgeStatus.CLOSED), orders=[refused])
    check_rest(opened.auditor, {}, START_NS)

    assert Code.STUCK in opened.codes
