"""Waiting for something, but not for ever; and work that goes on whatever happens to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from arb.api import Clock, Context
from arb.model import SECOND_NS

_AGAIN_NS: Final = SECOND_NS


async def first_of(clock: Clock, what: Awaitable[object], until_ns: int) -> None:
    """Return when `what` is done or the time has come; `what` is cancelled then."""
    waiting = [asyncio.ensure_future(what), asyncio.ensure_future(clock.sleep_until(until_ns))]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def for_ever(
    context: Context, name: str, work: Callable[[], Awaitable[None]], broken: Callable[[], None]
) -> None:
    """Do some work that ends by being cancelled; an error is logged, and a moment later it begins anew.

    Args:
        context: The exchange plugin's.
        name: Of the work, for the log.
        work: Never returns by itself.
        broken: Called after an error, so that what the work has made so far passes for current no longer.
    """
    while True:
        try:
            await work()
        except Exception as error:
            context.log.exception("%s: begins anew after an error: %r", name, error)
        broken()
        await context.clock.sleep_until(context.clock.now_ns() + _AGAIN_NS)


async def stopped(task: asyncio.Task[None] | None) -> None:
    """Cancel a task and wait for its end."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
