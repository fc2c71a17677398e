"""What an address does once the venue has refused it for its rate: it asks one thing at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Caution:
    """Lets one call go at a time, from a refusal on until the venue has taken a call.

    Everybody who waits for the end of a pause would leave at once when it ends: were all of them refused again, the
    venue would ban the address. Reads and what is urgent take turns apart, so that no cancel waits for the
    answer to a read.
    """

    def __init__(self) -> None:
        """Begin without caution."""
        self._turns = {urgent: asyncio.Lock() for urgent in (False, True)}
        self._refusals = 0
        self._is_cautious = False

    def refused(self) -> None:
        """Call when the venue has refused a call for its rate."""
        self._refusals += 1
        self._is_cautious = True

    @asynccontextmanager
    async def turn(self, *, urgent: bool) -> AsyncIterator[None]:
        """Wait for a turn; the block sends one call, and raises unless the venue has taken it."""
        if self._is_cautious:
            async with self._turns[urgent]:
                if self._is_cautious:
                    refusals = self._refusals
                    yield
                    # The answer to a call that left before another's refusal tells nothing of the time after it.
                    self._is_cautious = refusals != self._refusals
                    return
        yield
