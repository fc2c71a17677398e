"""Keeping the history small while a run goes on."""

from __future__ import annotations

from typing import Final

from arb.api import Clock
from arb.model import HOUR_NS, MILLISECOND_NS
from arb.storage import Journal

_PAUSE_NS: Final = 250 * MILLISECOND_NS
"""Between two small transactions: who records an order comes first."""


class Pruning:
    """Reduces predicted rates and market statistics that are old to one row an hour, once an hour."""

    def __init__(self, journal: Journal, clock: Clock, *, keep_ns: int) -> None:
        self._journal = journal
        self._clock = clock
        self._keep_ns = keep_ns

    async def run(self) -> None:
        """Work until cancelled; raises StorageError when the journal cannot be read or written."""
        while True:
            now_ns = self._clock.now_ns()
            await self._clock.sleep_until(now_ns - now_ns % HOUR_NS + HOUR_NS)
            await self._journal.prune(self._clock.now_ns() - self._keep_ns, self._pause)

    async def _pause(self) -> None:
        await self._clock.sleep_until(self._clock.now_ns() + _PAUSE_NS)
