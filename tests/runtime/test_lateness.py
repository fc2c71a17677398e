from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from arb.model import MINUTE_NS, SECOND_NS
from arb.runtime._lateness import STEP_NS, WINDOW_NS, Lateness
from arb.testing import START_NS


@given(
    offset_ns=st.integers(-3_600 * SECOND_NS, 3_600 * SECOND_NS),
    ways_ns=st.lists(st.integers(0, 10 * SECOND_NS), min_size=1, max_size=50),
)
def test_how_far_the_clocks_are_apart_changes_nothing(offset_ns: int, ways_ns: list[int]) -> None:
    lateness = Lateness()
    shortest_ns = ways_ns[0]
    for number, way_ns in enumerate(ways_ns):
        event_ns = START_NS + number * SECOND_NS
        assert lateness.of(event_ns + offset_ns, event_ns + way_ns) == max(0, way_ns - shortest_ns)
        if way_ns >= shortest_ns - STEP_NS:
            shortest_ns = min(shortest_ns, way_ns)


def test_a_clock_that_was_set_is_forgiven_after_two_windows() -> None:
    lateness, moment_ns = Lateness(), START_NS
    assert lateness.of(moment_ns, moment_ns) == 0
    late_ns = []
    while moment_ns < START_NS + 3 * WINDOW_NS:
        moment_ns += MINUTE_NS
        late_ns.append(lateness.of(moment_ns - 5 * SECOND_NS, moment_ns))
    assert late_ns[0] == 5 * SECOND_NS
    assert late_ns[2 * WINDOW_NS // MINUTE_NS] == 0


def test_one_message_of_a_wrong_time_is_no_measure_for_the_others() -> None:
    lateness = Lateness()
    assert lateness.of(START_NS, START_NS + SECOND_NS) == 0
    assert lateness.of(START_NS + 3_600 * SECOND_NS, START_NS + 2 * SECOND_NS) == 0
    assert lateness.of(START_NS + 2 * SECOND_NS, START_NS + 3 * SECOND_NS) == 0


def test_a_clock_of_the_venue_that_was_set_on_is_measured_anew_in_the_end() -> None:
    lateness, moment_ns = Lateness(), START_NS
    assert lateness.of(moment_ns, moment_ns) == 0
    for _ in range(3 * WINDOW_NS // MINUTE_NS):
        moment_ns += MINUTE_NS
        assert lateness.of(moment_ns + 10 * SECOND_NS, moment_ns) == 0
    assert lateness.of(moment_ns + 7 * SECOND_NS, moment_ns) == 3 * SECOND_NS
