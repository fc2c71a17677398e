from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from arb.funding import InferredChange, infer_interval_ns, infer_intervals
from arb.model import HOUR_NS, MILLISECOND_NS


def stamps(*hours: int) -> list[int]:
    return [hour * HOUR_NS for hour in hours]


def test_eight_settlements_that_agree_tell_the_interval() -> None:
    assert infer_interval_ns(stamps(*range(0, 64, 8))) == 8 * HOUR_NS


def test_seven_settlements_tell_nothing() -> None:
    assert infer_interval_ns(stamps(*range(7))) is None
    assert infer_interval_ns([]) is None


def test_stamps_a_few_milliseconds_late_agree() -> None:
    late = [hour * HOUR_NS + hour % 12 * MILLISECOND_NS for hour in range(9)]
    assert infer_interval_ns(late) == HOUR_NS


def test_a_hole_is_a_missed_settlement_and_not_a_longer_interval() -> None:
    assert infer_interval_ns(stamps(0, 1, 2, 3, 5, 6, 7, 8, 9)) == HOUR_NS


def test_less_than_three_quarters_agreement_is_unknown() -> None:
    assert infer_interval_ns(stamps(0, 4, 8, 9, 10, 11, 12, 13, 14)) == HOUR_NS
    assert infer_interval_ns(stamps(0, 4, 8, 12, 13, 14, 15, 16, 17)) is None


def test_right_after_a_change_the_majority_is_not_believed() -> None:
    assert infer_interval_ns(stamps(0, 1, 2, 3, 4, 5, 6, 7, 11)) is None
    assert infer_interval_ns(stamps(0, 8, 16, 24, 32, 40, 48, 56, 57)) is None


def test_after_a_missed_settlement_one_gap_cannot_tell_a_hole_from_a_change() -> None:
    assert infer_interval_ns(stamps(0, 1, 2, 3, 4, 5, 6, 7, 9)) is None
    assert infer_interval_ns(stamps(1, 2, 3, 4, 5, 6, 7, 9, 10)) == HOUR_NS


def test_one_settlement_listed_again_and_again_is_no_interval() -> None:
    assert infer_interval_ns([HOUR_NS] * 9) is None


def test_a_change_is_dated_by_the_settlement_after_which_it_holds() -> None:
    times = [*range(0, 81, 8), *range(81, 95), *range(98, 150, 4)]
    walked = infer_intervals(stamps(*times))
    assert walked.changes == (
        InferredChange(effective_from_ns=80 * HOUR_NS, before_ns=8 * HOUR_NS, after_ns=HOUR_NS),
        InferredChange(effective_from_ns=94 * HOUR_NS, before_ns=HOUR_NS, after_ns=4 * HOUR_NS),
    )
    assert walked.known[:7] == (None,) * 7
    assert walked.known[7:11] == (8 * HOUR_NS,) * 4
    # Five refusals after each change: six of eight gaps must agree.
    assert walked.known[11:17] == (*(None,) * 5, HOUR_NS)
    assert walked.known[-1] == 4 * HOUR_NS
    assert infer_intervals([]).known == ()


@given(st.lists(st.tuples(st.sampled_from((1, 2, 4, 8)), st.integers(min_value=1, max_value=30)), max_size=12))
def test_no_sequence_of_changes_makes_it_wrong(runs: list[tuple[int, int]]) -> None:
    gaps = [length for length, count in runs for _ in range(count)]
    times = [hour * HOUR_NS for hour in accumulate(gaps, initial=0)]
    for known, gap in zip(infer_intervals(times).known[1:], gaps, strict=True):
        assert known in (None, gap * HOUR_NS)
