"""How long spreads lasted."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from arb.funding._runs import SpreadRuns, spread_runs
from arb.model import HOUR_NS

CELL = 4 * HOUR_NS


def series(text: str) -> dict[int, float]:
    """Return a spread: + is positive, - is not, a space is a hole."""
    return {cell: 1.0 if sign == "+" else -1.0 for cell, sign in enumerate(text) if sign != " "}


def test_stretches_end_by_themselves_or_are_cut_off() -> None:
    assert spread_runs(series("++-+++ ++--+"), CELL) == SpreadRuns(cell_ns=CELL, ended=(2, 2), open=(3, 1))


def test_survival_is_the_share_of_moments_after_which_the_stretch_went_on() -> None:
    runs = SpreadRuns(cell_ns=CELL, ended=(4, 10), open=())
    # For one cell every moment qualifies; for three: 2 of 4 and 8 of 10.
    assert runs.survival(Decimal(4)) == 1
    assert runs.survival(Decimal(12)) == Decimal(10) / 14
    assert runs.survival(Decimal(48)) == 0


def test_a_stretch_that_was_cut_off_tells_only_what_was_seen_of_it() -> None:
    runs = SpreadRuns(cell_ns=CELL, ended=(12,), open=(12,))
    # Two cells: 11 of 12 of the first, and the 11 of the second that had two cells to see.
    assert runs.survival(Decimal(8)) == Decimal(22) / 23


def test_too_few_moments_tell_nothing() -> None:
    assert SpreadRuns(cell_ns=CELL, ended=(5, 6), open=()).survival(Decimal(4)) is None


@given(text=st.text("+-", min_size=1, max_size=200), one=st.integers(1, 40), other=st.integers(1, 40))
def test_longer_is_never_likelier_without_holes(text: str, one: int, other: int) -> None:
    runs = spread_runs(series(text + "-"), CELL)
    near, far = runs.survival(Decimal(4 * min(one, other))), runs.survival(Decimal(4 * max(one, other)))
    if near is not None and far is not None:
        assert 0 <= far <= near <= 1
