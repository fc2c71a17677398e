"""The venue's rate limits: of the address, of its logins, of the account's reads and of its orders."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from arb.api import Clock
from arb.model import MINUTE_NS, SECOND_NS


class Limit(NamedTuple):
    """So many calls in any window of this length."""

    name: str
    most: int
    per_ns: int


ADDRESS: Final = Limit("address", 1_500, MINUTE_NS)
LOGIN: Final = Limit("logins", 600, MINUTE_NS)
READS: Final = (Limit("reads of a second", 120, SECOND_NS), Limit("reads", 600, MINUTE_NS))
WRITES: Final = (Limit("orders of a second", 800, SECOND_NS), Limit("orders", 17_250, MINUTE_NS))


def limits_of(method: str, path: str, *, private: bool) -> tuple[Limit, ...]:
    """Return what a call counts for; the last one is what its answer tells of."""
    if path.startswith(("/auth", "/onboarding")):
        return (ADDRESS, LOGIN)
    if not private:
        return (ADDRESS,)
    return (ADDRESS, *(READS if method == "GET" else WRITES))


class Limits:
    """Counts calls in sliding windows; the counts outlive connections."""

    def __init__(self, clock: Clock, memory: dict[str, Any]) -> None:
        self._clock = clock
        self._calls: dict[str, deque[int]] = memory.setdefault("calls", {})

    def take(self, limits: tuple[Limit, ...]) -> tuple[Limit, int] | None:
        """Count a call; where it is too many, return of which limit, and in how many seconds another one may come."""
        now_ns = self._clock.now_ns()
        full = [(limit, wait_s) for limit in limits if (wait_s := self._full(limit, now_ns)) is not None]
        if full:
            return max(full, key=lambda each: each[1])
        for limit in limits:
            self._calls.setdefault(limit.name, deque()).append(now_ns)
        return None

    def headers(self, limits: tuple[Limit, ...]) -> Mapping[str, str]:
        """Return what an answer tells of the last of some limits."""
        limit = limits[-1]
        calls = self._calls.get(limit.name, deque())
        first_ns = calls[0] if calls else self._clock.now_ns()
        return {
            "X-RateLimit-Limit": str(limit.most),
            "X-RateLimit-Remaining": str(max(0, limit.most - len(calls))),
            "X-RateLimit-Reset": str((first_ns + limit.per_ns) // SECOND_NS),
            "X-RateLimit-Window": str(limit.per_ns // SECOND_NS),
        }

    def _full(self, limit: Limit, now_ns: int) -> int | None:
        calls = self._calls.setdefault(limit.name, deque())
        while calls and calls[0] + limit.per_ns <= now_ns:
            calls.popleft()
        return None if len(calls) < limit.most else -(-(calls[0] + limit.per_ns - now_ns) // SECOND_NS)
