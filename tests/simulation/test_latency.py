from __future__ import annotations

import random

import pytest

from arb.simulation import Latency, VirtualClock, run_virtual
from arb.simulation._latency import Line


def travel(latency: Latency, calls: int) -> list[int]:
    async def run() -> list[int]:
        clock = VirtualClock.of_running_loop()
        line = Line(latency, clock, random.Random(1))  # noqa: TID251
        times = []
        for _ in range(calls):
            start = clock.now_ns()
            await line.request()
            middle = clock.now_ns()
            await line.answer()
            times += [middle - start, clock.now_ns() - middle]
        return times

    return run_virtual(run(), start_ns=0)


def test_without_latency_nothing_waits() -> None:
    assert travel(Latency(), 2) == [0, 0, 0, 0]


def test_each_way_has_its_own_time() -> None:
    assert travel(Latency(request_ns=100, answer_ns=200), 1) == [100, 200]


def test_jitter_stays_within_its_bounds_and_repeats() -> None:
    latency = Latency(request_ns=100, answer_ns=100, jitter_ns=50)
    times = travel(latency, 50)
    assert times == travel(latency, 50)
    assert all(100 <= time < 150 for time in times)
    assert len(set(times)) > 10


def test_negative_times_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Latency(jitter_ns=-1)
