"""How long a call travels to a simulated venue and back."""

from __future__ import annotations

import random
from dataclasses import dataclass

from arb.api import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """One-way times in nanoseconds; `jitter_ns` is added in part, evenly spread from 0 to all of it."""

    request_ns: int = 0
    answer_ns: int = 0
    jitter_ns: int = 0

    def __post_init__(self) -> None:
        """Refuse negative times."""
        if min(self.request_ns, self.answer_ns, self.jitter_ns) < 0:
            raise ValueError("latency must not be negative")


class Line:
    """Delays calls on the injected clock with jitter from the injected random source."""

    def __init__(self, latency: Latency, clock: Clock, chance: random.Random) -> None:  # noqa: TID251 - the type
        self._latency = latency
        self._clock = clock
        self._chance = chance

    async def request(self) -> None:
        """Wait as long as a request travels."""
        await self._wait(self._latency.request_ns)

    async def answer(self) -> None:
        """Wait as long as an answer travels."""
        await self._wait(self._latency.answer_ns)

    async def _wait(self, base_ns: int) -> None:
        jitter = self._latency.jitter_ns
        delay = base_ns + (self._chance.getrandbits(32) * jitter >> 32 if jitter else 0)
        if delay:
            await self._clock.sleep_until(self._clock.now_ns() + delay)
