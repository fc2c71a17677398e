"""Nonces that no restart repeats, whatever the clock does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from arb.api import StateStore

_KEY: Final = "nonce"
_AHEAD_MS: Final = 10_000
"""How many are set aside at once: one write to the storage in that time. The venue takes nonces up to a day ahead."""


class Nonces:
    """Counts milliseconds of the venue's time, one more where that was used.

    The venue keeps the hundred highest of a signer and refuses what is below or used (its documentation, "Nonces
    and API wallets"). What is stored is a number that no nonce has reached yet.
    """

    def __init__(self, state: StateStore, venue_ms: Callable[[], int]) -> None:
        """Read nothing yet.

        Args:
            state: The plugin's durable memory.
            venue_ms: The venue's time now.
        """
        self._state = state
        self._venue_ms = venue_ms
        self._turn = asyncio.Lock()
        self._last: int | None = None
        self._most = 0

    async def next(self) -> int:
        """Return a nonce above every one returned before, by this process or an earlier one."""
        async with self._turn:
            if self._last is None:
                stored = await self._state.get(_KEY)
                self._last = self._most = int(stored) if stored else 0
            nonce = max(self._venue_ms(), self._last + 1)
            if nonce > self._most:
                most = nonce + _AHEAD_MS
                await self._state.put(_KEY, str(most))
                self._most = most
            self._last = nonce
            return nonce
