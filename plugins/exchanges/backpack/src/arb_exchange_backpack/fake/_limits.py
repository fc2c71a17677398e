"""The venue's rate limits: 2000 calls a minute, 30 of them for time ranges, of a key or without one."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from arb.api import Clock
from arb.model import MINUTE_NS, SECOND_NS

CALLS: Final = 2_000
HISTORY: Final = 30
_RANGES: Final = ("/wapi/v1/history/", "/api/v1/fundingRates", "/api/v1/klines", "/api/v1/trades/history")


class Limits:
    """Counts calls in sliding minutes; the counts outlive connections."""

    def __init__(self, clock: Clock, memory: dict[str, Any]) -> None:
        self._clock = clock
        self._calls: dict[str, deque[int]] = memory.setdefault("calls", {})

    def take(self, path: str, *, signed: bool) -> int | None:
        """Count a call; return in how many seconds another one may come where this one is too many."""
        who = "key" if signed else "address"
        buckets = [(f"{who} calls", CALLS)]
        if path.startswith(_RANGES):
            buckets.append((f"{who} ranges", HISTORY))
        now_ns = self._clock.now_ns()
        waits = [wait for name, most in buckets if (wait := self._full(name, most, now_ns)) is not None]
        if waits:
            return max(waits)
        for name, _ in buckets:
            self._calls.setdefault(name, deque()).append(now_ns)
        return None

    def _full(self, name: str, most: int, now_ns: int) -> int | None:
        calls = self._calls.setdefault(name, deque())
        while calls and calls[0] + MINUTE_NS <= now_ns:
            calls.popleft()
        return None if len(calls) < most else -(-(calls[0] + MINUTE_NS - now_ns) // SECOND_NS)
