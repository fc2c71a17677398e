"""Legs that stand alone beyond their budget are found, and what excuses them counts only as long as it lasts."""

from __future__ import annotations

import pytest
from tests.verification.conftest import HEDGE, PROCESS, TARGET, Story, new_hedge, new_order, one_leg_filled, sent

from arb.model import HedgeStatus, OrderPurpose
from arb.verification import Changes, Code


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
