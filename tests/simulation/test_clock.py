from __future__ import annotations

import asyncio

import pytest

from arb.api import Clock
from arb.model import SECOND_NS
from arb.simulation._clock import VirtualClock
from arb.simulation._loop import VirtualTimeLoop, run_virtual


def test_it_is_a_clock_and_a_past_moment_yields_once_without_moving_time() -> None:
    async def main() -> list[str]:
        clock: Clock = VirtualClock.of_running_loop()
        order: list[str] = []

        async def other() -> None:
            order.append("other")

        task = asyncio.create_task(other())
        await clock.sleep_until(-5)
        order.append("we")
        await task
        assert clock.now_ns() == 10
        return order

    assert run_virtual(main(), start_ns=10) == ["other", "we"]


def test_sleepers_to_one_moment_wake_in_the_order_they_went_to_sleep() -> None:
    async def main() -> list[int]:
        clock = VirtualClock.of_running_loop()
        woken: list[int] = []

        async def sleeper(number: int) -> None:
            await clock.sleep_until(SECOND_NS)
            woken.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(sleeper(number))
        return woken

    assert run_virtual(main(), start_ns=0) == list(range(20))


def test_a_cancelled_sleep_leaves_no_timer_behind() -> None:
    async def main() -> int:
        clock = VirtualClock.of_running_loop()
        task = asyncio.create_task(clock.sleep_until(1000))
        await clock.sleep_until(1)
        task.cancel()
        await clock.sleep_until(2)
        assert task.cancelled()
        await clock.sleep_until(3)
        return clock.now_ns()

    assert run_virtual(main(), start_ns=0) == 3


def test_a_loop_in_real_time_has_no_virtual_clock() -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="run_virtual"):
            VirtualClock.of_running_loop()

    asyncio.run(main())


def test_two_loops_keep_two_times() -> None:
    first, second = VirtualTimeLoop(start_ns=1), VirtualTimeLoop(start_ns=2)
    try:
        first.run_until_complete(VirtualClock(first).sleep_until(50))
        assert (VirtualClock(first).now_ns(), VirtualClock(second).now_ns()) == (50, 2)
    finally:
        first.close()
        second.close()
