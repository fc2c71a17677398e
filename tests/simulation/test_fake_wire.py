from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arb.api import (
    AuthenticationFailed,
    BadResponse,
    ConnectFailed,
    ExchangeError,
    InMaintenance,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Rejected,
)
from arb.model import BookLevel
from arb.simulation import changed_levels, transport_failure

SIDES = st.dictionaries(st.integers(1, 20), st.integers(1, 5), max_size=10).map(
    lambda side: [BookLevel(Decimal(price), Decimal(size)) for price, size in side.items()]
)


@given(before=SIDES, after=SIDES)
def test_changes_make_the_new_side_of_the_old_one_and_name_nothing_that_stayed(
    before: list[BookLevel], after: list[BookLevel]
) -> None:
    changes = changed_levels(before, after)
    book = {level.price: level.size for level in before}
    assert all(book.get(level.price, 0) != level.size for level in changes)
    assert len({level.price for level in changes}) == len(changes)
    book.update((level.price, level.size) for level in changes)

    assert {price: size for price, size in book.items() if size} == {level.price: level.size for level in after}


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ConnectFailed("x", code="7"), ConnectFailed),
        (NotSent("x", code="7"), ConnectFailed),
        (OutcomeUnknown("x", code="7"), OutcomeUnknown),
        (RateLimited("x"), None),
        (InMaintenance("x"), None),
        (Rejected("x"), None),
        (AuthenticationFailed("x"), None),
        (BadResponse("x"), None),
    ],
)
def test_what_the_line_does_is_the_transports_and_what_the_venue_says_is_not(
    error: ExchangeError, raised: type[ExchangeError] | None
) -> None:
    failure = transport_failure(error)

    assert (None if failure is None else type(failure)) is raised
    if failure is not None:
        assert failure.code == "7"
