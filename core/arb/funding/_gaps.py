"""Settlements that are missing between two that are there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from arb.model import Event, EventKind, FundingRate, InstrumentId, Severity, format_utc


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A hole in the settled history.

    Attributes:
        after_ns: The last settlement before it.
        before_ns: The first one after it.
        missing: How many did not come, by the interval around it.
    """

    instrument: InstrumentId
    after_ns: int
    before_ns: int
    missing: int

    def event(self, ts_ns: int) -> Event:
        """Return what a person is told when the venue does not have them either."""
        return Event(
            ts_ns=ts_ns,
            kind=EventKind.FUNDING_GAP,
            subject=self.instrument,
            severity=Severity.WARNING,
            message=f"{self.instrument}: {self.missing} settlements are missing between "
            f"{format_utc(self.after_ns)} and {format_utc(self.before_ns)}, and the venue's history has none",
            data={"after_ns": str(self.after_ns), "before_ns": str(self.before_ns), "missing": str(self.missing)},
        )


def gaps(settled: Sequence[FundingRate]) -> Iterator[Gap]:
    """Yield the holes, oldest first.

    Two neighbours are too far apart when more than half an interval is missing between them, by the
    longer interval of both: at a change of the interval the distance is one of the two.

    Args:
        settled: Of one instrument, oldest first.
    """
    for earlier, later in pairwise(settled):
        interval_ns = max(earlier.interval_ns, later.interval_ns)
        distance_ns = later.ts_event_ns - earlier.ts_event_ns
        if interval_ns and 2 * distance_ns > 3 * interval_ns:
            yield Gap(
                instrument=later.instrument,
                after_ns=earlier.ts_event_ns,
                before_ns=later.ts_event_ns,
                missing=(distance_ns + interval_ns // 2) // interval_ns - 1,
            )
