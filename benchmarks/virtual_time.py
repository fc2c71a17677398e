"""What virtual time costs an event, beside a bare merge of due times in the same run.

Usage: python benchmarks/virtual_time.py [--events N] [--repeat N]

Contenders take turns; the medians and their ratio to the floor are printed. The floor is a heap of
(time, callback) and nothing else: the least any simulated clock can do.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import heapq
import itertools
import statistics
import time
from collections.abc import Callable

from arb.simulation import VirtualClock, VirtualTimeLoop, run_virtual

STEP_NS = 1_000_000


def merge_clock(events: int) -> None:
    """Six periodic callbacks on a heap."""
    count = itertools.count()
    fired = 0

    def tick() -> None:
        nonlocal fired
        fired += 1

    heap = [(index, next(count), index, tick) for index in range(6)]
    heapq.heapify(heap)
    while fired < events:
        now, _, index, callback = heap[0]
        callback()
        heapq.heapreplace(heap, (now + STEP_NS + index, next(count), index, callback))


def chain_ours(events: int) -> None:
    """One callback that schedules the next by nanoseconds."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        done = loop.create_future()

        def tick(left: int) -> None:
            if left:
                loop.call_at_ns(loop.now_ns() + STEP_NS, tick, left - 1)
            else:
                done.set_result(None)

        tick(events)
        await done

    run_virtual(main(), start_ns=0)


def chain_asyncio(events: int) -> None:
    """The same with the loop's own float call_at."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def tick(left: int) -> None:
            if left:
                loop.call_at(loop.time() + 0.001, tick, left - 1)
            else:
                done.set_result(None)

        tick(events)
        await done

    run_virtual(main(), start_ns=0)


def six_sleepers(events: int) -> None:
    """Six tasks that sleep through the clock."""

    async def main() -> None:
        clock = VirtualClock.of_running_loop()

        async def sleeper(step: int) -> None:
            for _ in range(events // 6):
                await clock.sleep_until(clock.now_ns() + STEP_NS + step)

        async with asyncio.TaskGroup() as group:
            for step in range(6):
                group.create_task(sleeper(step))

    run_virtual(main(), start_ns=0)


def sleep_and_queue(events: int) -> None:
    """One task sleeps and puts, another gets."""

    async def main() -> None:
        clock = VirtualClock.of_running_loop()
        queue: asyncio.Queue[int] = asyncio.Queue()

        async def consumer() -> None:
            for _ in range(events):
                await queue.get()

        task = asyncio.create_task(consumer())
        for index in range(events):
            await clock.sleep_until(clock.now_ns() + STEP_NS)
            queue.put_nowait(index)
        await task

    run_virtual(main(), start_ns=0)


CONTENDERS: dict[str, Callable[[int], None]] = {
    "bare merge of due times (floor)": merge_clock,
    "call_at_ns chain": chain_ours,
    "call_at chain": chain_asyncio,
    "six tasks, clock.sleep_until": six_sleepers,
    "sleep_until + Queue, two tasks": sleep_and_queue,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(options.repeat):
        for name, contender in CONTENDERS.items():
            gc.collect()
            began = time.process_time()
            contender(options.events)
            seconds[name].append(time.process_time() - began)
    medians = {name: statistics.median(values) / options.events * 1e6 for name, values in seconds.items()}
    floor = next(iter(medians.values()))
    print(f"{options.events} events, median of {options.repeat}, CPU time")
    for name, micros in medians.items():
        print(f"{name:34} {micros:7.2f} us an event   {micros / floor:5.1f} x floor")


if __name__ == "__main__":
    main()
