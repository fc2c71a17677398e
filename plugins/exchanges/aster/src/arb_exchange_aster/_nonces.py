"""Nonces: microseconds of the venue's time, each above the one before it, also after a restart."""

from __future__ import annotations

import asyncio
from typing import Final

from arb.api import StateStore

_KEY: Final = "nonce"
_SECOND_US: Final = 1_000_000
FARTHEST_US: Final = 4_500_000
"""How far ahead of the venue's time a nonce may be: its documents speak of ten seconds, older ones of five."""

_AHEAD_US: Final = 2_000_000
_SOON_US: Final = _SECOND_US // 5
_SPARE: Final = 10_000
_FEW: Final = 100


class NonceLine:
    """The nonces of one user in this run. The venue counts them for the user, whoever signs.

    Attributes:
        last: The one that was given out last.
        reserved: The highest number that was stored in this run.
    """

    def __init__(self) -> None:
        self.last = 0
        self.reserved = 0

    def next(self, now_us: int) -> int:
        """Return the venue's time, or one more than the last nonce where that was reached.

        A line that is farther ahead than the venue takes begins again: the clock was wrong, and stands right now.
        """
        floor = self.last + 1
        self.last = now_us if floor > now_us + FARTHEST_US else max(now_us, floor)
        return self.last

    def begin_above(self, nonce: int) -> None:
        """Return nothing up to this one any more."""
        self.last = max(self.last, nonce)


class StoredNonces:
    """Keeps a number in the storage that no nonce has reached yet, and begins above it.

    The number is some seconds ahead of the venue's time, so that it is written every few seconds and not for every
    request. A client that restarts at once begins that far ahead, which the venue takes. One that does so again and
    again does not get farther ahead each time: while nonces lead the time they are a microsecond apart.
    """

    def __init__(self, line: NonceLine, state: StateStore) -> None:
        """Read nothing yet.

        Args:
            line: The user's.
            state: The plugin's durable memory.
        """
        self._line = line
        self._state = state
        self._turn = asyncio.Lock()
        self._is_read = False
        self._most = 0

    async def reserve(self, now_us: int) -> None:
        """Call before a nonce is taken: returns when what is stored lies above it."""
        if self._covers(now_us):
            return
        async with self._turn:
            if not self._is_read:
                stored = int(await self._state.get(_KEY) or 0)
                # What was stored in this run says nothing: the line knows its nonces.
                if stored > self._line.reserved:
                    self._line.begin_above(stored)
                self._is_read = True
            if not self._covers(now_us):
                last = self._line.last
                most = now_us + _AHEAD_US
                if last <= now_us + FARTHEST_US:
                    most = max(most, last + _SPARE)
                await self._state.put(_KEY, str(most))
                self._most = most
                self._line.reserved = max(self._line.reserved, most)

    def _covers(self, now_us: int) -> bool:
        last = self._line.last
        nearest = now_us + _SOON_US if last > now_us + FARTHEST_US else max(now_us + _SOON_US, last + _FEW)
        return nearest <= self._most <= now_us + _AHEAD_US + FARTHEST_US
