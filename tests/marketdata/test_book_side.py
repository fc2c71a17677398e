from __future__ import annotations

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.marketdata._book_side import BookSide
from arb.model import BookLevel

Sizes = dict[int, int]

PRICES = st.integers(1, 60)
CHANGES = st.dictionaries(PRICES, st.integers(0, 2), max_size=30)
READS = st.integers(0, 5)


def levels(sizes: Sizes) -> tuple[BookLevel, ...]:
    return tuple(BookLevel(D(price), D(size)) for price, size in sizes.items())


def naive(sizes: Sizes, depth: int, *, is_falling: bool) -> tuple[BookLevel, ...]:
    return tuple(sorted(levels({price: size for price, size in sizes.items() if size}), reverse=is_falling)[:depth])


@given(
    st.booleans(), st.dictionaries(PRICES, st.integers(1, 2)), st.lists(st.tuples(CHANGES, st.none() | READS | PRICES))
)
def test_the_best_are_those_of_all_put_in_order(
    is_falling: bool, begun: Sizes, steps: list[tuple[Sizes, int | None]]
) -> None:
    """Whatever changes between two reads, and however deep they are."""
    side, truth = BookSide(levels(begun), is_falling=is_falling), dict(begun)
    for changed, depth in steps:
        side.change(levels(changed))
        truth |= changed
        if depth is not None:
            assert side.best(depth) == naive(truth, depth, is_falling=is_falling)
    assert side.best(100) == naive(truth, 100, is_falling=is_falling)


def test_a_price_may_change_twice_at_once_and_is_one_however_it_is_written() -> None:
    side = BookSide(levels({5: 1}), is_falling=False)
    side.change([BookLevel(D("4"), D(2)), BookLevel(D("4.0"), D(0)), BookLevel(D("3.00"), D(1)), BookLevel(D(3), D(7))])
    assert side.best(9) == levels({3: 7, 5: 1})
    side.change([BookLevel(D("5.0"), D(0)), BookLevel(D(5), D(8))])
    assert side.best(9) == levels({3: 7, 5: 8})


def test_prices_of_sixty_digits_are_told_apart() -> None:
    close = D("1." + "0" * 58 + "1")
    side = BookSide(levels({1: 1}), is_falling=True)
    side.change([BookLevel(close, D(2))])
    assert side.best(2) == (BookLevel(close, D(2)), BookLevel(D(1), D(1)))


@pytest.mark.parametrize("is_falling", [False, True])
def test_a_market_that_runs_away_between_reads_is_followed(is_falling: bool) -> None:
    side, truth = BookSide((), is_falling=is_falling), dict[int, int]()
    assert side.best(3) == ()
    for start in (*range(1_000, 9_000, 500), *range(9_000, 1_000, -700)):
        changed = dict.fromkeys(truth, 0) | dict.fromkeys(range(start, start + 3_000), start)
        truth = {price: size for price, size in changed.items() if size}
        side.change(levels(changed))
        if start % 1_000:
            assert side.best(3) == naive(truth, 3, is_falling=is_falling)
    assert side.best(9_999) == naive(truth, 9_999, is_falling=is_falling)
