"""What a test may put into a loop in virtual time: another order of timers, and eyes that can end a run."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from arb.model import DAY_NS, SECOND_NS
from arb.simulation import VirtualClock, VirtualTimeLoop, run_virtual


class Crash(BaseException):
    """What the power cut raises."""


def order_of_wakers(shuffle: Callable[[list[Any]], None] | None, *, rounds: int = 1) -> list[tuple[int, int]]:
    """Return (instant, name) of twelve tasks that sleep until the same instants."""
    woken: list[tuple[int, int]] = []

    async def sleeper(clock: VirtualClock, name: int) -> None:
        for turn in range(1, rounds + 1):
            await clock.sleep_until(turn * SECOND_NS)
            woken.append((clock.now_ns(), name))

    async def main() -> None:
        clock = VirtualClock.of_running_loop()
        async with asyncio.TaskGroup() as group:
            for name in range(12):
                group.create_task(sleeper(clock, name))

    run_virtual(main(), start_ns=0, shuffle=shuffle)
    return woken


def seeded(seed: int) -> Callable[[list[Any]], None]:
    return random.Random(seed).shuffle  # noqa: TID251 - the home of chance in this test


def test_timers_of_one_instant_fire_in_the_order_a_seed_gives() -> None:
    plain = order_of_wakers(None)
    assert plain == [(SECOND_NS, name) for name in range(12)]
    assert order_of_wakers(seeded(1)) != plain
    assert sorted(order_of_wakers(seeded(1))) == plain
    assert order_of_wakers(seeded(1)) == order_of_wakers(seeded(1)) != order_of_wakers(seeded(2))


def test_shuffling_never_moves_a_timer_to_another_instant() -> None:
    assert [instant for instant, _ in order_of_wakers(seeded(3), rounds=5)] == [
        turn * SECOND_NS for turn in range(1, 6) for _ in range(12)
    ]


def test_there_is_nothing_to_shuffle_in_a_timer_alone_and_cancelled_ones_do_not_count() -> None:
    asked: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        for delay in (1, 2, 2, 3, 3):
            loop.call_later(delay, int)
        loop.call_later(3, int).cancel()
        loop.call_later(1, int).cancel()
        await VirtualClock(loop).sleep_until(4 * SECOND_NS)

    run_virtual(main(), start_ns=0, shuffle=lambda due: asked.append(len(due)))
    assert asked == [2, 2]


def test_idleness_is_told_right_before_time_moves() -> None:
    told: list[int] = []
    loops: list[VirtualTimeLoop] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loops.append(loop)
        for delay in (1, 5, 5, 9):
            loop.call_later(delay, int)
        await VirtualClock(loop).sleep_until(10 * SECOND_NS)

    run_virtual(main(), start_ns=0, on_idle=lambda: told.append(loops[0].now_ns() // SECOND_NS))
    assert told == [0, 1, 5, 9]


def test_what_idleness_makes_ready_runs_before_time_moves() -> None:
    seen: list[tuple[str, int]] = []
    left = ["first", "second"]

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loops.append(loop)
        await VirtualClock(loop).sleep_until(DAY_NS)

    def on_idle() -> None:
        if left:
            loops[0].call_soon(lambda name: seen.append((name, loops[0].now_ns())), left.pop(0))

    loops: list[VirtualTimeLoop] = []
    run_virtual(main(), start_ns=0, on_idle=on_idle)
    assert seen == [("first", 0), ("second", 0)]


def test_a_timer_that_idleness_makes_earlier_fires_first() -> None:
    seen: list[int] = []
    loops: list[VirtualTimeLoop] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loops.append(loop)
        await VirtualClock(loop).sleep_until(9)
        seen.append(loop.now_ns())

    def on_idle() -> None:
        if not seen:
            seen.append(-1)
            loops[0].call_at_ns(3, lambda: seen.append(loops[0].now_ns()))

    run_virtual(main(), start_ns=0, on_idle=on_idle)
    assert seen == [-1, 3, 9]


def test_every_turn_is_told_once() -> None:
    turns: list[None] = []

    async def main(spins: int) -> int:
        before = len(turns)
        for _ in range(spins):
            await asyncio.sleep(0)  # noqa: TID251 - one turn of the loop each
        return len(turns) - before

    assert run_virtual(main(7), start_ns=0, on_turn=lambda: turns.append(None)) == 7


def test_work_that_a_turn_brings_is_done_before_time_moves() -> None:
    seen: list[int] = []
    loops: list[VirtualTimeLoop] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loops.append(loop)
        await VirtualClock(loop).sleep_until(SECOND_NS)

    def on_turn() -> None:
        if loops and len(seen) < 3:
            loops[0].call_soon(lambda: seen.append(loops[0].now_ns()))

    run_virtual(main(), start_ns=0, on_turn=on_turn)
    assert seen[:3] == [0, 0, 0]


@pytest.mark.parametrize("hook", ["on_idle", "on_turn"])
@pytest.mark.parametrize("error", [Crash, ValueError])
@pytest.mark.parametrize("speed", [None, 1e9])
def test_what_a_hook_raises_ends_the_run_at_that_point(
    hook: str, error: type[BaseException], speed: float | None
) -> None:
    reached: list[str] = []
    asked: list[None] = []

    def crash() -> None:
        asked.append(None)
        if len(asked) == 5:
            raise error("power cut")

    async def main() -> None:
        clock = VirtualClock.of_running_loop()
        try:
            for step in range(100):
                await clock.sleep_until((step + 1) * SECOND_NS)
                reached.append(f"step {step}")
        finally:
            # A clean-up may take time of its own, and no hook is asked any more.
            await clock.sleep_until(clock.now_ns() + DAY_NS)
            reached.append("cleaned")

    with pytest.raises(error, match="power cut"):
        run_virtual(main(), start_ns=0, speed=speed, **{hook: crash})  # type: ignore[arg-type]
    assert reached[-1] == "cleaned"
    assert len(reached) < 7
    assert len(asked) == 5


def test_every_await_point_of_a_program_can_be_counted_and_crashed_at() -> None:
    async def main(log: list[str]) -> None:
        clock = VirtualClock.of_running_loop()
        for step in range(3):
            log.append(f"begin {step}")
            await clock.sleep_until(clock.now_ns() + 1)
            log.append(f"end {step}")

    def run_until(limit: int) -> list[str]:
        log: list[str] = []
        left = [limit]

        def crash() -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Crash

        try:
            run_virtual(main(log), start_ns=0, on_idle=crash)
        except Crash:
            return log
        return [*log, "done"]

    assert [run_until(limit)[-1] for limit in range(4)] == ["begin 0", "begin 1", "begin 2", "done"]
