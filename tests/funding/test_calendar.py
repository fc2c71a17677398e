from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.funding import Schedule
from arb.model import HOUR_NS

MIDNIGHT = 1_767_225_600_000_000_000

hourly = Schedule(next_ns=MIDNIGHT + HOUR_NS, interval_ns=HOUR_NS)
eight = Schedule(next_ns=MIDNIGHT + 8 * HOUR_NS, interval_ns=8 * HOUR_NS)


def test_the_window_is_open_at_the_entry_and_closed_at_the_exit() -> None:
    found = hourly.between(MIDNIGHT + HOUR_NS, MIDNIGHT + 3 * HOUR_NS)
    assert list(found) == [MIDNIGHT + 2 * HOUR_NS, MIDNIGHT + 3 * HOUR_NS]


def test_nothing_settles_before_the_next_that_the_venue_names() -> None:
    assert list(eight.between(MIDNIGHT - 100 * HOUR_NS, MIDNIGHT + 8 * HOUR_NS)) == [MIDNIGHT + 8 * HOUR_NS]


def test_a_next_settlement_that_has_passed_goes_on_by_the_interval() -> None:
    later = MIDNIGHT + 21 * HOUR_NS
    assert eight.first_after(later) == MIDNIGHT + 24 * HOUR_NS
    assert eight.first_after(MIDNIGHT + 8 * HOUR_NS) == MIDNIGHT + 16 * HOUR_NS


def test_leaving_ten_minutes_before_the_eight_hour_settlement_collects_only_the_hourly_leg() -> None:
    until = MIDNIGHT + 8 * HOUR_NS - 600_000_000_000
    assert len(hourly.between(MIDNIGHT, until)) == 7
    assert not eight.between(MIDNIGHT, until)


def test_distance_counts_the_settlement_just_past() -> None:
    minute = 60_000_000_000
    assert hourly.distance_ns(MIDNIGHT + 5 * minute) == (5 * minute, 55 * minute)
    assert hourly.distance_ns(MIDNIGHT + HOUR_NS) == (0, HOUR_NS)


def test_continuous_funding_has_no_settlements() -> None:
    continuous = Schedule(next_ns=MIDNIGHT, interval_ns=0)
    assert not continuous.between(MIDNIGHT, MIDNIGHT + 100 * HOUR_NS)
    assert continuous.distance_ns(MIDNIGHT) is None
    assert continuous.last_until(MIDNIGHT, MIDNIGHT + HOUR_NS) is None


def test_a_negative_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Schedule(next_ns=0, interval_ns=-1)


@given(
    next_ns=st.integers(0, 10_000),
    interval=st.integers(1, 500),
    cuts=st.lists(st.integers(0, 20_000), min_size=3, max_size=3).map(sorted),
)
def test_adjoining_windows_share_no_settlement_and_miss_none(next_ns: int, interval: int, cuts: list[int]) -> None:
    schedule = Schedule(next_ns=next_ns, interval_ns=interval)
    first, middle, last = cuts
    apart = [*schedule.between(first, middle), *schedule.between(middle, last)]
    assert apart == list(schedule.between(first, last))
    by_hand = [t for t in range(next_ns, last + 1, interval) if first < t <= last]
    assert apart == by_hand
