"""The wall clock, while somebody sets the clock of the machine."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from arb.model import HOUR_NS, SECOND_NS
from arb.runtime import WallClock
from arb.testing import START_NS


class Machine:
    """Stands for the module `time` of a machine whose clock is set, and which sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, has_boottime: bool) -> None:
        self.wall_ns = START_NS
        self.up_ns = 5 * SECOND_NS
        self.asleep_ns = 7 * SECOND_NS
        self.wall_reads = 0
        module = SimpleNamespace(time_ns=self._wall, monotonic_ns=lambda: self.up_ns)
        if has_boottime:
            module.CLOCK_BOOTTIME = 7
            module.clock_gettime_ns = lambda which: {7: self.up_ns + self.asleep_ns}[which]
        monkeypatch.setattr("arb.runtime._clock.time", module)

    def _wall(self) -> int:
        self.wall_reads += 1
        return self.wall_ns


@pytest.mark.parametrize("has_boottime", [True, False])
@pytest.mark.parametrize("step_ns", [-HOUR_NS, -1, HOUR_NS])
def test_a_step_of_the_systems_clock_moves_nothing(
    monkeypatch: pytest.MonkeyPatch, has_boottime: bool, step_ns: int
) -> None:
    machine = Machine(monkeypatch, has_boottime=has_boottime)
    clock = WallClock()
    assert clock.now_ns() == START_NS
    machine.wall_ns += step_ns
    assert clock.now_ns() == START_NS
    machine.up_ns += SECOND_NS
    assert clock.now_ns() == START_NS + SECOND_NS
    assert machine.wall_reads == 1, "the clock that people set is read at the start alone"


def test_hours_that_the_machine_slept_have_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, has_boottime=True)
    clock = WallClock()
    machine.asleep_ns += 8 * HOUR_NS
    assert clock.now_ns() == START_NS + 8 * HOUR_NS


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="no clock that goes on while this machine sleeps")
def test_the_clock_of_this_machine_goes_by_its_time_since_boot_to_the_nanosecond() -> None:
    def steady_ns() -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    clock = WallClock()
    lowest, highest = -(10**30), 10**30  # of the distance between the two
    for _ in range(1000):
        before_ns, now_ns, after_ns = steady_ns(), clock.now_ns(), steady_ns()
        lowest, highest = max(lowest, now_ns - after_ns), min(highest, now_ns - before_ns)
    assert lowest <= highest, "one distance fits every reading"


def test_whoever_sleeps_until_the_past_lets_others_have_their_turn() -> None:
    async def run() -> list[str]:
        clock, order = WallClock(), list[str]()

        async def other() -> None:
            order.append("other")

        task = asyncio.create_task(other())
        await clock.sleep_until(clock.now_ns())
        order.append("first")
        await task
        return order

    assert asyncio.run(run()) == ["other", "first"]
