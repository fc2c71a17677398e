"""The funding settlements of one instrument, as recorded."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Final

from arb.api import ConfigError
from arb.model import MINUTE_NS, format_utc

LOOK_BACK: Final = 8
"""Settlements that tell an interval (handbook C1 rule 4)."""
AGREEMENT: Final = Fraction(3, 4)


class FundingSchedule:
    """When funding settles and at which rate.

    Stamps are rounded to the minute. A gap of several intervals between recorded settlements is a
    record that misses some of them: those settlements stand in the schedule with an unknown rate.
    It is a change of the interval when the gaps that follow agree with it.
    """

    def __init__(self, rates: Iterable[tuple[int, Decimal | None]]) -> None:
        """Take recorded stamps in nanoseconds with their rates, a fraction of notional each.

        Raises:
            ConfigError: two stamps of the same minute carry different rates.
        """
        known: dict[int, Decimal | None] = {}
        for stamp, rate in rates:
            minute = (stamp + MINUTE_NS // 2) // MINUTE_NS * MINUTE_NS
            if known.setdefault(minute, rate) != rate:
                raise ConfigError(f"two funding rates at {format_utc(minute)}: {known[minute]} and {rate}")
        self._recorded = sorted(known)
        gaps = [later - earlier for earlier, later in pairwise(self._recorded)]
        for stamp in _missed(self._recorded, gaps):
            known[stamp] = None
        self._rates = known
        self._stamps = sorted(known)
        self._interval_ns = common_interval(gaps) if len(gaps) >= LOOK_BACK - 1 else None

    @property
    def usual_interval_ns(self) -> int | None:
        """Return the interval of at least three quarters of all recorded gaps; None when none is."""
        return self._interval_ns

    def interval_ns(self, ts_ns: int) -> int | None:
        """Return the interval told by the last eight settlements up to `ts_ns` (handbook C1 rule 4).

        None with fewer than eight, or when less than three quarters of their distances agree.
        """
        upto = bisect_right(self._recorded, ts_ns)
        last = self._recorded[max(0, upto - LOOK_BACK - 1) : upto]
        if len(last) < LOOK_BACK:
            return None
        return common_interval([later - earlier for earlier, later in pairwise(last)])

    def next_ns(self, ts_ns: int) -> int | None:
        """Return the first settlement after `ts_ns`; None after the last recorded one."""
        index = bisect_right(self._stamps, ts_ns)
        return self._stamps[index] if index < len(self._stamps) else None

    def rate(self, settlement_ns: int) -> Decimal | None:
        """Return the rate of a settlement; None when it was not recorded."""
        return self._rates.get(settlement_ns)

    def last_rate(self, ts_ns: int) -> Decimal | None:
        """Return the rate settled last at `ts_ns`; None when that one was not recorded."""
        index = bisect_right(self._stamps, ts_ns)
        return self._rates[self._stamps[index - 1]] if index else None


def common_interval(gaps: Sequence[int]) -> int | None:
    """Return the gap that at least three quarters share; None when there is none."""
    if not gaps:
        return None
    gap, count = Counter(gaps).most_common(1)[0]
    return gap if count >= AGREEMENT * len(gaps) else None


def _missed(stamps: Sequence[int], gaps: Sequence[int]) -> list[int]:
    """Return the settlements that the record skipped."""
    missed: list[int] = []
    shortest = min(gaps, default=0)
    for index, gap in enumerate(gaps):
        if gap == shortest:
            continue
        interval = common_interval(gaps[max(0, index - LOOK_BACK) : index] or gaps[:LOOK_BACK])
        if interval is None or gap <= interval or gap % interval:
            continue
        after = gaps[index : index + LOOK_BACK]
        if len(after) > 1 and common_interval(after) == gap:
            continue
        missed.extend(range(stamps[index] + interval, stamps[index + 1], interval))
    return missed
