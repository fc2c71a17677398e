from __future__ import annotations

from arb.funding import infer_interval_ns
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
    assert infer_interval_ns(stamps(0, 1, 2, 3, 4, 5, 9, 13, 17)) is None
    assert infer_interval_ns(stamps(0, 1, 2, 3, 4, 5, 6, 10, 14)) == HOUR_NS


def test_one_settlement_listed_again_and_again_is_no_interval() -> None:
    assert infer_interval_ns([HOUR_NS] * 9) is None
