"""Taking prices after fills, on time and out of everybody's way."""

from __future__ import annotations

import asyncio

from arb.api import Clock
from arb.execution import AtomicMultiOrderExecutor, MarkoutRecorder
from arb.model import MILLISECOND_NS
from arb.storage import Journal

_JUST_AFTER_NS = 50 * MILLISECOND_NS


class Markouts:
    """Wakes with each trade and looks at the price at every horizon after it."""

    def __init__(
        self, executor: AtomicMultiOrderExecutor, recorder: MarkoutRecorder, journal: Journal, clock: Clock
    ) -> None:
        self._executor = executor
        self._recorder = recorder
        self._journal = journal
        self._clock = clock

    async def run(self) -> None:
        """Work until cancelled; raises StorageError when the journal cannot be read or written."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._executor.traded()
                tasks.create_task(self._follow(self._clock.now_ns()))

    async def _follow(self, traded_ns: int) -> None:
        for horizon_ns in sorted(self._recorder.horizons_ns):
            await self._clock.sleep_until(traded_ns + horizon_ns + _JUST_AFTER_NS)
            now_ns = self._clock.now_ns()
            fills = await self._journal.fills(since_ns=now_ns - self._recorder.lookback_ns)
            ids = {fill.client_order_id for fill in fills}
            orders = [found for one in sorted(ids) if (found := await self._journal.order(one)) is not None]
            await self._recorder.due(now_ns, fills, orders)
