"""A rate limit for the fake venue: EdgeX publishes none, and answers beyond it with 429."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from arb.api import Clock
from arb.model import MINUTE_NS, SECOND_NS

CALLS: Final = 3_000
"""A minute of an address, in all: others were not refused at 28 a second for ten seconds."""


class Limits:
    """Counts calls in a sliding minute; the count outlives connections."""

    def __init__(self, clock: Clock, memory: dict[str, Any]) -> None:
        self._clock = clock
        self._calls: deque[int] = memory.setdefault("calls", deque())

    def take(self) -> int | None:
        """Count a call; return in how many seconds another one may come where this one is too many."""
        now_ns = self._clock.now_ns()
        while self._calls and self._calls[0] + MINUTE_NS <= now_ns:
            self._calls.popleft()
        if len(self._calls) >= CALLS:
            return -(-(self._calls[0] + MINUTE_NS - now_ns) // SECOND_NS)
        self._calls.append(now_ns)
        return None
