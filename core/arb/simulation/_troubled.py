"""A line to a venue on which things go wrong, as often as one says."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random  # noqa: TID251 - the type
from typing import Final

from arb.api import BadResponse, Clock, ConnectFailed, InMaintenance, OutcomeUnknown, RateLimited
from arb.model import SECOND_NS

MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubles:
    """How many of a million calls meet each trouble.

    Attributes:
        lost_request: It never arrives.
        lost_answer: It has its effect, and nobody hears of it.
        unreadable: It has its effect, and the answer is no answer.
        rate_limited: The venue refuses it for the rate.
        maintenance: The venue takes no requests.
        slow: It waits for `slow_ns` on its way.
    """

    lost_request: int = 0
    lost_answer: int = 0
    unreadable: int = 0
    rate_limited: int = 0
    maintenance: int = 0
    slow: int = 0
    slow_ns: int = 2 * SECOND_NS


class TroubledLine:
    """Implements :class:`Faults` by chance.

    Attributes:
        happened: How often each trouble was met.
    """

    def __init__(self, troubles: Troubles, clock: Clock, chance: Random) -> None:
        self._troubles = troubles
        self._clock = clock
        self._chance = chance
        self.happened: dict[str, int] = {}

    async def before(self, operation: str, subject: object) -> None:
        """Lose, refuse or delay a request; raises NotSent."""
        if self._meets("slow"):
            await self._clock.sleep_until(self._clock.now_ns() + self._troubles.slow_ns)
        if self._meets("lost_request"):
            raise ConnectFailed(f"{operation}: the request was lost", code="lost_request")
        if self._meets("rate_limited"):
            raise RateLimited(f"{operation}: too many requests", code="rate_limited", retry_after_ns=SECOND_NS)
        if self._meets("maintenance"):
            raise InMaintenance(f"{operation}: in maintenance", code="maintenance")

    async def after(self, operation: str, subject: object) -> None:
        """Lose or spoil an answer; raises OutcomeUnknown or BadResponse."""
        if self._meets("lost_answer"):
            raise OutcomeUnknown(f"{operation}: the answer was lost", code="lost_answer")
        if self._meets("unreadable"):
            raise BadResponse(f"{operation}: the answer cannot be read", code="unreadable")

    def _meets(self, trouble: str) -> bool:
        often: int = getattr(self._troubles, trouble)
        if not often or self._chance.randrange(MILLION) >= often:
            return False
        self.happened[trouble] = self.happened.get(trouble, 0) + 1
        return True
