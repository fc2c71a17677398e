from __future__ import annotations

import asyncio
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arb.model import DAY_NS, HOUR_NS, MILLISECOND_NS, SECOND_NS
from arb.simulation._clock import VirtualClock
from arb.simulation._loop import VirtualTimeLoop, run_virtual

START_NS = 1_769_212_800_000_000_000 + 7


def running() -> VirtualTimeLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    return loop


def test_a_month_of_sleeping_ends_on_the_nanosecond() -> None:
    async def main() -> int:
        clock = VirtualClock.of_running_loop()
        for hour in range(1, 24 * 30 + 1):
            await clock.sleep_until(START_NS + hour * HOUR_NS + hour)
            assert clock.now_ns() == START_NS + hour * HOUR_NS + hour
        return clock.now_ns()

    assert run_virtual(main(), start_ns=START_NS) == START_NS + 30 * DAY_NS + 720


def test_asyncio_timeouts_and_sleeps_run_in_virtual_time() -> None:
    async def main() -> list[int]:
        loop = running()
        seen: list[int] = []
        for _ in range(1000):
            await asyncio.sleep(0.1)  # noqa: TID251 - third-party code sleeps this way
        seen.append(loop.now_ns() - START_NS)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await loop.create_future()
        seen.append(loop.now_ns() - START_NS)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(loop.create_future(), 0.001)
        seen.append(loop.now_ns() - START_NS)
        return seen

    seen = run_virtual(main(), start_ns=START_NS)
    assert seen == [100 * SECOND_NS, 3700 * SECOND_NS, 3700 * SECOND_NS + MILLISECOND_NS]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-5, 50), st.booleans()), max_size=300))
def test_timers_fire_in_order_never_early_and_by_creation_within_an_instant(plan: list[tuple[int, bool]]) -> None:
    async def main() -> list[tuple[int, int]]:
        loop = running()
        fired: list[tuple[int, int, int]] = []
        handles = [
            loop.call_at_ns(START_NS + delay, lambda d, i: fired.append((max(d, 0), i, loop.now_ns())), delay, i)
            for i, (delay, _) in enumerate(plan)
        ]
        for handle, (_, cancelled) in zip(handles, plan, strict=True):
            if cancelled:
                handle.cancel()
                handle.cancel()
        await VirtualClock(loop).sleep_until(START_NS + 100)
        assert all(now == START_NS + delay for delay, _, now in fired)
        return [(delay, i) for delay, i, _ in fired]

    kept = [(max(delay, 0), i) for i, (delay, cancelled) in enumerate(plan) if not cancelled]
    assert run_virtual(main(), start_ns=START_NS) == sorted(kept)


def trace_of(naps: list[list[int]], speed: float | None) -> list[tuple[int, int]]:
    trace: list[tuple[int, int]] = []

    async def sleeper(clock: VirtualClock, name: int, plan: list[int]) -> None:
        for nap in plan:
            await clock.sleep_until(clock.now_ns() + nap)
            trace.append((clock.now_ns(), name))

    async def main() -> None:
        clock = VirtualClock.of_running_loop()
        async with asyncio.TaskGroup() as group:
            for name, plan in enumerate(naps):
                group.create_task(sleeper(clock, name, plan))

    run_virtual(main(), start_ns=START_NS, speed=speed)
    return trace


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), max_size=8), max_size=6))
def test_the_same_program_runs_the_same_way_at_any_speed(naps: list[list[int]]) -> None:
    assert trace_of(naps, None) == trace_of(naps, 0.5)


def test_a_speed_takes_the_real_time_it_says_and_no_less() -> None:
    async def main() -> None:
        clock = VirtualClock.of_running_loop()
        for _ in range(10):
            await clock.sleep_until(clock.now_ns() + 100 * SECOND_NS)

    began = time.monotonic()
    run_virtual(main(), start_ns=START_NS, speed=10_000)
    assert time.monotonic() - began >= 0.09


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        VirtualTimeLoop(start_ns=0, speed=speed)


def test_with_nothing_scheduled_it_neither_spins_nor_moves() -> None:
    async def main() -> tuple[float, int]:
        loop = running()
        waiting = loop.create_future()
        threading.Timer(0.5, lambda: loop.call_soon_threadsafe(waiting.set_result, None)).start()
        cpu = time.process_time()
        await waiting
        return time.process_time() - cpu, loop.now_ns()

    cpu_s, now = run_virtual(main(), start_ns=START_NS)
    assert now == START_NS
    assert cpu_s < 0.35


def test_cancelled_timers_do_not_move_time() -> None:
    async def main() -> int:
        loop = running()
        for handle in [loop.call_later(60 + i % 7, int) for i in range(1000)]:
            handle.cancel()
        waiting = loop.create_future()
        threading.Timer(0.05, lambda: loop.call_soon_threadsafe(waiting.set_result, None)).start()
        await waiting
        return loop.now_ns()

    assert run_virtual(main(), start_ns=START_NS) == START_NS


def test_a_sleep_without_end_never_ends() -> None:
    async def main() -> int:
        loop = running()
        forever = asyncio.create_task(asyncio.sleep(math.inf))  # noqa: TID251
        at = loop.call_at(math.inf, int)
        await VirtualClock(loop).sleep_until(START_NS + DAY_NS)
        threading.Timer(0.05, lambda: loop.call_soon_threadsafe(forever.cancel)).start()
        with pytest.raises(asyncio.CancelledError):
            await forever
        at.cancel()
        return loop.now_ns()

    assert run_virtual(main(), start_ns=START_NS) == START_NS + DAY_NS


def test_a_delay_below_zero_is_now() -> None:
    async def main() -> list[str]:
        loop = running()
        order: list[str] = []
        loop.call_later(-5, order.append, "late")
        loop.call_soon(order.append, "soon")
        await VirtualClock(loop).sleep_until(START_NS + 1)
        return order

    assert run_virtual(main(), start_ns=START_NS) == ["late", "soon"]


def test_a_thread_takes_no_virtual_time_though_timers_wait() -> None:
    async def main() -> tuple[int, int]:
        loop = running()
        loop.call_later(1, int)
        value = await asyncio.to_thread(lambda: 5 + threading.Event().wait(0.05))
        return value, loop.now_ns()

    assert run_virtual(main(), start_ns=START_NS) == (5, START_NS)


def test_sockets_are_served_while_timers_run() -> None:
    async def main() -> bytes:
        loop = running()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            theirs.send(b"quote")
            ticking = True

            async def tick() -> None:
                while ticking:
                    await VirtualClock(loop).sleep_until(loop.now_ns() + 1)

            ticker = asyncio.create_task(tick())
            answer = await loop.sock_recv(ours, 16)
            ticking = False
            await ticker
            return answer

    assert run_virtual(main(), start_ns=START_NS) == b"quote"


def elapsed_until_woken(*, speed: float | None, held: bool) -> int:
    async def main() -> int:
        loop = running()
        waiting = loop.create_future()
        timeout = loop.call_later(3600, int)
        with loop.time_held() if held else nullcontext():
            threading.Timer(0.1, lambda: loop.call_soon_threadsafe(waiting.set_result, None)).start()
            await waiting
        timeout.cancel()
        return loop.now_ns() - START_NS

    return run_virtual(main(), start_ns=START_NS, speed=speed)


def test_time_held_stands_still() -> None:
    assert elapsed_until_woken(speed=None, held=True) == 0
    assert elapsed_until_woken(speed=10, held=True) == 0


def test_an_event_from_outside_wakes_a_paced_loop_at_its_own_time() -> None:
    assert SECOND_NS // 2 < elapsed_until_woken(speed=10, held=False) < 3000 * SECOND_NS


@pytest.mark.parametrize("busy", [False, True])
def test_a_signal_handler_runs_whether_the_loop_idles_or_leaps(busy: bool) -> None:
    async def main() -> str:
        loop = running()
        stopped = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, stopped.set)
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()

        async def tick() -> None:
            while True:
                await VirtualClock(loop).sleep_until(loop.now_ns() + SECOND_NS)

        ticker = asyncio.create_task(tick()) if busy else None
        await stopped.wait()
        if ticker:
            ticker.cancel()
        return "stopped"

    assert run_virtual(main(), start_ns=START_NS) == "stopped"


@pytest.mark.parametrize(
    ("body", "speed"),
    [
        ("await loop.create_future()", "None"),
        ("await loop.create_future()", "1.0"),
        ("await clock.sleep_until(2**62)", "1.0"),
        ("await spin(clock)", "None"),
        ("await spin(clock)", "1.0"),
    ],
)
def test_ctrl_c_ends_the_run_and_lets_it_clean_up(body: str, speed: str) -> None:
    program = f"""
import asyncio
from arb.simulation._clock import VirtualClock
from arb.simulation._loop import run_virtual
async def spin(clock):
    while True:
        await clock.sleep_until(clock.now_ns() + 1000)
async def main():
    clock = VirtualClock.of_running_loop()
    loop = asyncio.get_running_loop()
    print("ready", flush=True)
    try:
        {body}
    finally:
        print("cleaned", flush=True)
run_virtual(main(), start_ns=0, speed={speed})
"""
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=20)
    assert "KeyboardInterrupt" in err
    assert out == "cleaned\n"


def test_leftover_tasks_and_generators_are_closed() -> None:
    closed: list[str] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append("generator")

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            closed.append("task")

    async def main() -> None:
        task = asyncio.create_task(forever())
        generator = numbers()
        await anext(generator)
        await VirtualClock.of_running_loop().sleep_until(START_NS + 1)
        assert not task.done()

    run_virtual(main(), start_ns=START_NS)
    assert sorted(closed) == ["generator", "task"]


def test_a_closed_loop_takes_no_timer() -> None:
    loop = VirtualTimeLoop(start_ns=0)
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_later(1, int)
