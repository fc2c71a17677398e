"""The rate budget: no window holds more than the limit, and the reserve is there when it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.api import RateLimited
from arb.model import SECOND_NS
from arb.net import RateBudget, RateLimit
from arb.simulation import VirtualClock, run_virtual
from arb.testing import START_NS, FakeClock, settle

TEN = RateLimit(weight=10, per_ns=SECOND_NS)


def test_what_fits_leaves_at_once_and_the_rest_when_the_window_has_moved_on() -> None:
    async def run() -> None:
        clock = FakeClock()
        budget = RateBudget(clock, [TEN])
        for _ in range(7):
            await budget.spend()
        late = asyncio.create_task(budget.spend())
        await settle()
        assert not late.done()
        await clock.run_for(SECOND_NS - 1)
        assert not late.done()
        await clock.run_for(1)
        assert late.done()

    asyncio.run(run())


def test_urgent_requests_use_the_reserve_and_pass_those_who_wait() -> None:
    async def run() -> None:
        clock = FakeClock()
        budget = RateBudget(clock, [TEN])
        await budget.spend(7)
        waiting = asyncio.create_task(budget.spend())
        await settle()
        for _ in range(3):
            await budget.spend(urgent=True)
        # Now the venue's own limit is reached, and the urgent one waits for it.
        urgent = asyncio.create_task(budget.spend(urgent=True))
        await settle()
        assert not urgent.done()
        await clock.run_for(SECOND_NS)
        assert urgent.done()
        assert waiting.done()

    asyncio.run(run())


def test_whoever_would_wait_too_long_is_refused_at_once_and_spends_nothing() -> None:
    async def run() -> None:
        clock = FakeClock()
        budget = RateBudget(clock, [TEN])
        await budget.spend(7)
        waiting = [asyncio.create_task(budget.spend(7, patience_ns=10 * SECOND_NS)) for _ in range(2)]
        await settle()
        with pytest.raises(RateLimited, match=r"our own budget is spent for another 3\.0 s") as refused:
            await budget.spend(patience_ns=2 * SECOND_NS)
        assert refused.value.retry_after_ns == 3 * SECOND_NS
        await clock.run_for(2 * SECOND_NS)
        assert all(task.done() for task in waiting)

    asyncio.run(run())


def test_one_that_gives_up_while_it_waits_spends_nothing() -> None:
    async def run() -> None:
        clock = FakeClock()
        budget = RateBudget(clock, [TEN])
        await budget.spend(7)
        waiting = asyncio.create_task(budget.spend(7))
        await settle()
        waiting.cancel()
        await settle()
        await clock.run_for(SECOND_NS)
        await budget.spend(7, patience_ns=0)

    asyncio.run(run())


def test_after_a_refusal_of_the_venue_nothing_leaves_until_it_takes_requests_again() -> None:
    async def run() -> None:
        clock = FakeClock()
        budget = RateBudget(clock, [TEN])
        budget.pause(START_NS + 5 * SECOND_NS)
        patiences_ns = {False: 30 * SECOND_NS, True: 3600 * SECOND_NS}
        both = [
            asyncio.create_task(budget.spend(urgent=each, patience_ns=patiences_ns[each])) for each in (False, True)
        ]
        await clock.run_for(5 * SECOND_NS - 1)
        assert not any(task.done() for task in both)
        budget.pause(START_NS + 60 * SECOND_NS)
        with pytest.raises(RateLimited):
            await budget.spend(patience_ns=SECOND_NS)
        await clock.run_for(56 * SECOND_NS)
        assert both[1].done()
        assert isinstance(both[0].exception(), RateLimited)

    asyncio.run(run())


def test_an_order_that_cannot_leave_within_two_seconds_is_refused_for_certain() -> None:
    """Execution gives it up after three; one that still waited here would be in doubt without having left."""

    async def run() -> None:
        clock = FakeClock()
        budget = RateBudget(clock, [TEN])
        budget.pause(START_NS + 2 * SECOND_NS)
        soon = asyncio.create_task(budget.spend(urgent=True))
        await clock.run_for(2 * SECOND_NS)
        assert soon.done()
        assert soon.exception() is None
        budget.pause(clock.now_ns() + 2 * SECOND_NS + 1)
        with pytest.raises(RateLimited) as refused:
            await budget.spend(urgent=True)
        assert refused.value.retry_after_ns == 2 * SECOND_NS + 1

    asyncio.run(run())


def test_what_has_left_is_counted_without_waiting() -> None:
    async def run() -> None:
        clock = FakeClock()
        budget = RateBudget(clock, [TEN])
        budget.charge(25)
        later = asyncio.create_task(budget.spend())
        await clock.run_for(SECOND_NS - 1)
        assert not later.done()
        await clock.run_for(1)
        assert later.done()

    asyncio.run(run())


def test_what_others_behind_the_same_address_have_used_counts_too() -> None:
    async def run() -> None:
        clock = FakeClock()
        budget = RateBudget(clock, [TEN, RateLimit(weight=1000, per_ns=60 * SECOND_NS)])
        await budget.spend(2)
        budget.observe(SECOND_NS, 6)
        budget.observe(SECOND_NS, 3)
        with pytest.raises(RateLimited):
            await budget.spend(2, patience_ns=0)
        await budget.spend(1, patience_ns=0)

    asyncio.run(run())


@pytest.mark.parametrize(("weight", "urgent"), [(8, False), (11, True), (0, False), (-1, True)])
def test_a_weight_that_never_fits_is_the_callers_mistake(weight: int, urgent: bool) -> None:
    async def run() -> None:
        with pytest.raises(ValueError, match="never fits"):
            await RateBudget(FakeClock(), [TEN]).spend(weight, urgent=urgent)

    asyncio.run(run())


REQUESTS = st.lists(
    st.tuples(st.integers(0, 3 * SECOND_NS), st.integers(1, 7), st.booleans(), st.booleans()), min_size=1, max_size=60
)


@given(REQUESTS)
def test_no_window_ever_holds_more_than_the_limit_nor_others_the_reserve(
    requests: Sequence[tuple[int, int, bool, bool]],
) -> None:
    """Whatever comes when: each sliding second holds at most 10, at most 7 of it at a normal request's time."""
    sent: list[tuple[int, int, bool]] = []

    async def run() -> None:
        clock = VirtualClock.of_running_loop()
        budget = RateBudget(clock, [TEN, RateLimit(weight=25, per_ns=5 * SECOND_NS)])
        start_ns = clock.now_ns()

        async def one(after_ns: int, weight: int, urgent: bool, gives_up: bool) -> None:
            await clock.sleep_until(start_ns + after_ns)
            try:
                await budget.spend(weight, urgent=urgent, patience_ns=SECOND_NS if gives_up else 3600 * SECOND_NS)
            except RateLimited:
                assert gives_up
                assert gives_up
            else:
                sent.append((clock.now_ns(), weight, urgent))

        await asyncio.gather(*(one(*request) for request in requests))

    run_virtual(run(), start_ns=START_NS)
    for limit, normal, per_ns in ((10, 7, SECOND_NS), (25, 17, 5 * SECOND_NS)):
        for place, (at_ns, _, urgent) in enumerate(sent):
            within = sum(weight for then_ns, weight, _ in sent[: place + 1] if then_ns > at_ns - per_ns)
            assert within <= (limit if urgent else normal)
