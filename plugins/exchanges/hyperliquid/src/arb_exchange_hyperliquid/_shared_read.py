"""A read that several callers want at once, made once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from arb.api import Clock

T = TypeVar("T")


class SharedRead(Generic[T]):
    """Remembers an answer for a while; who asks meanwhile gets it, and who asks during a read waits for that one."""

    def __init__(self, clock: Clock, read: Callable[[], Awaitable[T]], *, for_ns: int) -> None:
        """Read nothing yet; an answer is handed out for `for_ns` from when it was asked for."""
        self._clock = clock
        self._read = read
        self._for_ns = for_ns
        self._turn = asyncio.Lock()
        self._kept: tuple[int, T] | None = None

    async def get(self) -> T:
        """Return the answer; raises what the read raises, which is not remembered."""
        async with self._turn:
            now_ns = self._clock.now_ns()
            if self._kept is None or now_ns - self._kept[0] >= self._for_ns:
                self._kept = now_ns, await self._read()
            return self._kept[1]
