"""What execution may spend before a person is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from arb.model import HOUR_NS, SECOND_NS, EntryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionPolicy:
    """Budgets and manners of execution.

    Attributes:
        entry: How the orders of an entry are placed, where the plan does not say.
        max_naked_seconds: Budget of naked exposure: a whole leg may stand alone for so many
            seconds, half of one for twice as long. In dollars: times the leg's notional.
        max_attempts: Orders of one leg and purpose in one phase that reach the venue.
        calm_attempts: Orders of each leg after which an exit is given up while the legs still balance:
            nothing is urgent then, and the strategy decides again.
        calm_wait_ns: How long an exit is tried while the legs still balance, before the strategy decides again.
        max_band_bps: Widest price band; each further attempt doubles the hedge's own bound.
        retry_delay_ns: Between two attempts.
        poll_ns: Between two looks at an order that rests or is in doubt, at first.
        longest_poll_ns: To which the polls of an unreadable venue stretch.
        alarm_after_ns: How long something may keep a hedge from going on before a person is told.
        max_churn: Entries of one pair that were taken back within `churn_window_ns` before the next
            one is refused.
        max_dust_usd: Largest value that is declared as dust rather than shown to a person.
        stress_depth: Part of today's depth that is counted on for the exit.
    """

    entry: EntryPolicy = field(default_factory=EntryPolicy)
    max_naked_seconds: Decimal = Decimal(15)
    max_attempts: int = 6
    calm_attempts: int = 2
    calm_wait_ns: int = 30 * SECOND_NS
    max_band_bps: Decimal = Decimal(300)
    retry_delay_ns: int = SECOND_NS
    poll_ns: int = 200_000_000
    longest_poll_ns: int = 5 * SECOND_NS
    alarm_after_ns: int = 2 * SECOND_NS
    max_churn: int = 3
    churn_window_ns: int = HOUR_NS
    max_dust_usd: Decimal = Decimal(50)
    stress_depth: Decimal = Decimal("0.5")

    @property
    def blind_attempts(self) -> int:
        """Return how many of the attempts may be priced by a book that cannot be read any more."""
        return self.max_attempts // 2
