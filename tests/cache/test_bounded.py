from __future__ import annotations

import asyncio
import gc
import warnings

import pytest

from arb.cache import within
from arb.model import SECOND_NS
from arb.testing import FakeClock, settle


def test_the_result_or_the_exception_comes_through() -> None:
    async def give() -> int:
        return 7

    async def fail() -> int:
        raise LookupError("mine")

    async def case() -> None:
        clock = FakeClock()
        assert await within(clock, SECOND_NS, give()) == 7
        with pytest.raises(LookupError, match="mine"):
            await within(clock, SECOND_NS, fail())
        assert clock.next_wake_ns is None
        await settle()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(case())


def test_late_work_is_cancelled_and_not_waited_for() -> None:
    async def case() -> None:
        clock = FakeClock()
        release = asyncio.Event()
        cancelled = asyncio.Event()

        async def stubborn() -> None:
            try:
                await release.wait()
            except asyncio.CancelledError:
                cancelled.set()
                await release.wait()
                raise RuntimeError("nobody listens") from None

        waiting = asyncio.create_task(within(clock, SECOND_NS, stubborn()))
        await clock.run_for(SECOND_NS - 1)
        assert not waiting.done()
        await clock.run_for(1)
        with pytest.raises(TimeoutError):
            waiting.result()
        assert cancelled.is_set()
        release.set()
        await settle()

    asyncio.run(case())


def test_cancelling_the_caller_cancels_the_work() -> None:
    async def case() -> None:
        clock = FakeClock()
        ended = asyncio.Event()

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        waiting = asyncio.create_task(within(clock, SECOND_NS, work()))
        await settle()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await settle()
        assert ended.is_set()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(case())


def test_work_that_cancels_itself_is_an_error_not_our_cancellation() -> None:
    async def gives_up() -> None:
        raise asyncio.CancelledError

    async def case() -> None:
        with pytest.raises(RuntimeError, match="cancelled itself"):
            await within(FakeClock(), SECOND_NS, gives_up())

    asyncio.run(case())


def test_work_that_tries_to_exit_the_process_fails_and_ends_nothing_else() -> None:
    async def leaves() -> None:
        raise SystemExit(3)

    async def case() -> None:
        with pytest.raises(RuntimeError, match="tried to exit the process"):
            await within(FakeClock(), SECOND_NS, leaves())

    asyncio.run(case())


def test_work_that_was_given_up_before_it_began_is_not_reported_as_forgotten() -> None:
    """Python warns of a coroutine that nobody awaited, when the garbage collector meets it."""

    async def main() -> None:
        own = asyncio.current_task()

        def end_the_run() -> None:
            for task in asyncio.all_tasks() - {own}:
                task.cancel()

        waiting = asyncio.ensure_future(within(FakeClock(), SECOND_NS, settle()))
        asyncio.get_running_loop().call_soon(end_the_run)  # the task of the work is made then, and has not begun
        with pytest.raises(asyncio.CancelledError):
            await waiting

    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        asyncio.run(main())
        gc.collect()
    assert found == []
