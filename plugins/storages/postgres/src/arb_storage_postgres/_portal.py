"""A loop in a thread of its own, for asyncpg.

Under virtual time the loop of a run waits for no socket: time would jump over it. So the sockets of
the database belong to a loop whose time is real, and whoever calls is blocked in the way its context
blocks: in line, or in a thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Portal:
    """Runs coroutines on its own loop."""

    def __init__(self) -> None:
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="arb-postgres", daemon=True)
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start some work, which comes to its end whoever waits for it, or gives up waiting."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, work: Callable[[], object]) -> None:
        """Let the loop call something soon."""
        self._loop.call_soon_threadsafe(work)

    def close(self) -> None:
        """Stop the loop; what still runs on it is left."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
