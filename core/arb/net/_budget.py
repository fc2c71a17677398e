"""The rate limits of a venue, kept on our side, with a reserve for what reduces risk."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

from arb.api import Clock, RateLimited
from arb.model import SECOND_NS

RESERVE: Final = Decimal("0.3")
"""Of every limit: what only urgent requests may use."""

PATIENCE_NS: Final = 30 * SECOND_NS
URGENT_PATIENCE_NS: Final = 2 * SECOND_NS
"""Execution gives up an order soon after that. One that still waited here would be in doubt without having left; to
refuse it is certain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """At most `weight` in any `per_ns`."""

    weight: int
    per_ns: int

    def __post_init__(self) -> None:
        """Refuse a limit under which nothing could be sent."""
        if self.weight <= 0 or self.per_ns <= 0:
            raise ValueError(f"weight and per_ns must be positive, not {self.weight} and {self.per_ns}")


class RateBudget:
    """What one address, account or key may still send to a venue.

    Every limit is a sliding window, so no window of that length, wherever the venue begins its own, ever holds
    more than the limit. Urgent requests (orders, cancels, what became of them) use the whole of it and pass everybody
    who waits; the others wait in order and leave the reserve alone.
    """

    def __init__(self, clock: Clock, limits: Sequence[RateLimit], *, reserve: Decimal = RESERVE) -> None:
        """Begin with nothing spent.

        Args:
            clock: Time of this process.
            limits: All hold at once.
            reserve: Fraction of each that only urgent requests may use.
        """
        if not 0 <= reserve < 1:
            raise ValueError(f"reserve must be at least 0 and below 1, not {reserve}")
        self._clock = clock
        self._windows = [_Window(limit, reserve) for limit in limits]
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._paused_until_ns = 0

    async def spend(self, weight: int = 1, *, urgent: bool = False, patience_ns: int | None = None) -> None:
        """Return when a request of this weight may leave; it counts from then on.

        Args:
            weight: As the venue counts it.
            urgent: It waits for nothing but the venue's own limit.
            patience_ns: How long it may wait; usually 30 s, and 2 s when it is urgent.

        Raises:
            RateLimited: the wait would be longer; nothing was spent. `retry_after_ns` says how long.
            ValueError: the weight fits into no empty window.
        """
        for window in self._windows:
            window.require_fits(weight, urgent=urgent)
        usual_ns = URGENT_PATIENCE_NS if urgent else PATIENCE_NS
        deadline_ns = self._clock.now_ns() + (usual_ns if patience_ns is None else patience_ns)
        if urgent:
            await self._wait(weight, urgent=True, deadline_ns=deadline_ns)
            self._take(weight)
            return
        # Refused at once where those ahead alone use the patience up.
        self._require_by(self._free_ns(self._waiting + weight, urgent=False), deadline_ns)
        self._waiting += weight
        try:
            async with self._turn:
                await self._wait(weight, urgent=False, deadline_ns=deadline_ns)
                self._take(weight)
        finally:
            self._waiting -= weight

    def pause(self, until_ns: int) -> None:
        """Send nothing until then: the venue has refused, and counts what follows against us."""
        self._paused_until_ns = max(self._paused_until_ns, until_ns)

    def observe(self, per_ns: int, used: int) -> None:
        """Take the venue's word on what the window of this length holds, where that is more than we sent.

        Others may share the limit: another process behind the same address, a person with a browser.
        """
        now_ns = self._clock.now_ns()
        for window in self._windows:
            if window.per_ns == per_ns:
                window.observe(now_ns, used)

    def charge(self, weight: int) -> None:
        """Count what has left already, such as the rows of an answer, which a venue weighs when it gives them."""
        if weight > 0:
            self._take(weight)

    async def _wait(self, weight: int, *, urgent: bool, deadline_ns: int) -> None:
        while (free_ns := self._free_ns(weight, urgent=urgent)) > self._clock.now_ns():
            self._require_by(free_ns, deadline_ns)
            await self._clock.sleep_until(free_ns)

    def _require_by(self, free_ns: int, deadline_ns: int) -> None:
        if free_ns > deadline_ns:
            wait_ns = free_ns - self._clock.now_ns()
            raise RateLimited(
                f"not sent: our own budget is spent for another {wait_ns / SECOND_NS:.1f} s",
                code="own_budget",
                retry_after_ns=wait_ns,
            )

    def _free_ns(self, weight: int, *, urgent: bool) -> int:
        now_ns = self._clock.now_ns()
        free = (window.free_ns(now_ns, weight, urgent=urgent) for window in self._windows)
        return max(self._paused_until_ns, now_ns, *free)

    def _take(self, weight: int) -> None:
        now_ns = self._clock.now_ns()
        for window in self._windows:
            window.take(now_ns, weight)


class _Window:
    """What was sent within the last `per_ns`."""

    def __init__(self, limit: RateLimit, reserve: Decimal) -> None:
        self.per_ns = limit.per_ns
        self._most = limit.weight
        self._most_normal = limit.weight - int((limit.weight * reserve).to_integral_value(ROUND_CEILING))
        self._sent: deque[tuple[int, int]] = deque()
        self._used = 0

    def require_fits(self, weight: int, *, urgent: bool) -> None:
        """Raise ValueError when not even an empty window has room."""
        most = self._most if urgent else self._most_normal
        if not 0 < weight <= most:
            raise ValueError(f"a weight of {weight} never fits into {most} per {self.per_ns / SECOND_NS:g} s")

    def free_ns(self, now_ns: int, weight: int, *, urgent: bool) -> int:
        """Return when `weight` more has room, if nothing else is sent meanwhile."""
        self._forget(now_ns)
        most = self._most if urgent else self._most_normal
        excess = self._used + weight - most
        if excess <= 0:
            return now_ns
        for sent_ns, sent in self._sent:
            excess -= sent
            if excess <= 0:
                return sent_ns + self.per_ns
        # More than one window holds: those ahead fill whole ones, from when this one has emptied.
        empty_ns = self._sent[-1][0] + self.per_ns if self._sent else now_ns
        return empty_ns + self.per_ns * -(-excess // most)

    def take(self, now_ns: int, weight: int) -> None:
        """Count what is sent now."""
        self._sent.append((now_ns, weight))
        self._used += weight

    def observe(self, now_ns: int, used: int) -> None:
        """Count what somebody else has sent as sent now: the venue does not say when."""
        self._forget(now_ns)
        if used > self._used:
            self.take(now_ns, used - self._used)

    def _forget(self, now_ns: int) -> None:
        while self._sent and self._sent[0][0] + self.per_ns <= now_ns:
            self._used -= self._sent.popleft()[1]
