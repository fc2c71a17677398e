"""Waiting for something, but not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from arb.api import Clock

T = TypeVar("T")


async def within(clock: Clock, what: Awaitable[T], until_ns: int) -> T | None:
    """Return what comes of something, or None when the time has come first; it is cancelled then."""
    work = asyncio.ensure_future(what)
    waiting = asyncio.ensure_future(clock.sleep_until(until_ns))
    try:
        await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
        return work.result() if work.done() else None
    finally:
        for task in (work, waiting):
            task.cancel()
        await asyncio.gather(work, waiting, return_exceptions=True)
