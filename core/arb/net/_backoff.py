"""How long to wait between tries."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from arb.api import BadResponse, Context, NotSent, OutcomeUnknown
from arb.model import SECOND_NS

T = TypeVar("T")

FIRST_NS: Final = SECOND_NS // 2
MOST_NS: Final = 60 * SECOND_NS


class Backoff:
    """Doubles with every failure, and lands somewhere in its upper half, so that clients do not come back in step."""

    def __init__(
        self,
        chance: random.Random,  # noqa: TID251 - the type
        *,
        first_ns: int = FIRST_NS,
        most_ns: int = MOST_NS,
    ) -> None:
        self._chance = chance
        self._first_ns = first_ns
        self._most_ns = most_ns
        self._failures = 0

    def next_ns(self) -> int:
        """Count a failure and return how long to wait after it."""
        whole_ns = min(self._most_ns, self._first_ns << min(self._failures, 40))
        self._failures += 1
        return whole_ns - self._chance.randrange(whole_ns // 2 + 1)

    def reset(self) -> None:
        """Begin anew: it works again."""
        self._failures = 0


async def until_answered(context: Context, ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until there is an answer, and return it: for what somebody waits for as for a socket that does not open.

    Raises:
        Rejected: by `ask`: the venue has answered.
    """
    backoff = Backoff(context.random)
    while True:
        try:
            return await ask()
        except (NotSent, OutcomeUnknown, BadResponse) as error:
            context.log.warning("the venue is asked again: %s", error)
        await context.clock.sleep_until(context.clock.now_ns() + backoff.next_ns())
