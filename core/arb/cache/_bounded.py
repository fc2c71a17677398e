"""Waiting for a plugin's work no longer than allowed, by the injected clock."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from arb.api import Clock

T = TypeVar("T")


async def within(clock: Clock, timeout_ns: int, work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns; what it raises is raised here.

    Work that is late is cancelled and not waited for: one that ignores its cancellation delays
    nobody.

    Raises:
        TimeoutError: it took longer than `timeout_ns`.
        RuntimeError: it was cancelled, but not by us; or it tried to exit the process.
    """
    task = asyncio.ensure_future(_contained(work))
    task.add_done_callback(lambda _: work.close())  # of a task that never began it would be reported as never awaited
    timer = asyncio.ensure_future(clock.sleep_until(clock.now_ns() + timeout_ns))
    try:
        await asyncio.wait((task, timer), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            timer.result()
            raise TimeoutError
        if task.cancelled():
            raise RuntimeError("it cancelled itself")
        return task.result()
    finally:
        _abandon(timer)
        _abandon(task)


async def _contained(work: Coroutine[Any, Any, T]) -> T:
    try:
        return await work
    except SystemExit as error:  # out of a task it would end the loop, past everybody who waits
        raise RuntimeError(f"it tried to exit the process (SystemExit: {error})") from error


def _abandon(task: asyncio.Future[Any]) -> None:
    if not task.done():
        task.cancel()
        task.add_done_callback(_forget)


def _forget(task: asyncio.Future[Any]) -> None:
    # Asking for the exception keeps asyncio from reporting it as never retrieved.
    if not task.cancelled():
        task.exception()
