"""When funding is settled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The coming settlements of one instrument, by the venue's clock.

    A position pays or receives at the settlements in (entry, exit]: held at the snapshot counts,
    opened at the snapshot does not (handbook C2).

    Attributes:
        next_ns: The first settlement that may still come; earlier ones are history.
        interval_ns: Between two settlements; 0 where funding accrues without settlements.
    """

    next_ns: int
    interval_ns: int

    def __post_init__(self) -> None:
        """Refuse an interval that no calendar has."""
        if self.interval_ns < 0:
            raise ValueError(f"a funding interval cannot be negative: {self.interval_ns} ns")

    @property
    def is_continuous(self) -> bool:
        """Whether funding accrues at every moment."""
        return self.interval_ns == 0

    def between(self, after_ns: int, until_ns: int) -> range:
        """Return the settlements in (after, until], oldest first; none where funding is continuous."""
        if self.is_continuous:
            return range(0)
        first = self.first_after(after_ns)
        return range(first, max(first, until_ns + 1), self.interval_ns)

    def first_after(self, ts_ns: int) -> int:
        """Return the first settlement after `ts_ns`; `ts_ns` itself where funding is continuous."""
        if self.is_continuous:
            return ts_ns
        passed = (ts_ns - self.next_ns) // self.interval_ns + 1
        return self.next_ns + max(0, passed) * self.interval_ns

    def last_until(self, after_ns: int, until_ns: int) -> int | None:
        """Return the last settlement in (after, until]; None when there is none."""
        found = self.between(after_ns, until_ns)
        return found[-1] if found else None

    def distance_ns(self, ts_ns: int) -> tuple[int, int] | None:
        """Return the time since the last and until the next settlement; None where continuous.

        The settlement before `next_ns` counts as one, since a venue that names the next has
        settled one interval earlier.
        """
        if self.is_continuous:
            return None
        coming = self.first_after(ts_ns)
        return max(0, ts_ns - (coming - self.interval_ns)), coming - ts_ns
