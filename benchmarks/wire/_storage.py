"""The SQLite storage as a run on the wall clock opens it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from arb.api import Storage
from arb.runtime import WallClock
from arb.testing import FakeContext
from arb_storage_sqlite.plugin import arb_storages

T = TypeVar("T")


class ThreadContext(FakeContext):
    """A context whose blocking work runs in a thread, as in a run on the wall clock."""

    async def run_blocking(self, work: Callable[[], T]) -> T:
        """Run the work in a thread."""
        return await asyncio.to_thread(work)


@asynccontextmanager
async def sqlite_storage(path: Path) -> AsyncIterator[Storage]:
    """Open the storage plugin in a file, synced at every commit."""
    spec = next(iter(arb_storages()))
    async with spec.open(spec.settings(path=str(path)), ThreadContext(clock=WallClock())) as storage:
        yield storage
