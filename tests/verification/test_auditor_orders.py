"""Orders the auditor objects to: doubled, unrecorded, guessed at, not reducing, forbidden or written by two."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.verification.conftest import PRICE, PROCESS, TARGET, Story, done, new_hedge, new_order, sent

from arb.model import SECOND_NS, ZERO, ExchangeName, HedgeStatus, Lease, OrderPurpose, OrderStatus
from arb.risk import Halt
from arb.simulation import VENUE_PREFIXES
from arb.testing import START_NS
from arb.verification import AuditRules, Code


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


def test_an_opening_order_under_a_halt_is_found(story: Story) -> None:
    story.commit(hedge=new_hedge(), orders=[new_order(0)])
    story.halts = [Halt(halt_id=1, scope="left", reason="test", raised_ns=START_NS, raised_by="somebody")]
    story.auditor.sent(PROCESS, new_order(0).order.request)

    assert story.codes == {Code.HALTED_OPENING}


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
