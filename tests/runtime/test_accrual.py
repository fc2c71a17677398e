"""What accrues at every moment, and what becomes a row of it; the rest is shown by what is booked of it."""

from __future__ import annotations

from decimal import Decimal

from arb.model import HOUR_NS, MINUTE_NS, ExpectedFunding, InstrumentId
from arb.runtime._accrual import Accrual

Piece = tuple[int, ExpectedFunding]


def piece(begin: int, end: int, quantity: int = 2) -> Piece:
    """Return what accrued from one minute to another: one hundredth a minute."""
    due = ExpectedFunding(
        instrument=InstrumentId("COIN-PERP.one"),
        settled_ns=end * MINUTE_NS,
        quantity=Decimal(quantity),
        price=Decimal(100 + end),
        rate=Decimal(end - begin) / 10_000,
        interval_ns=0,
        amount=Decimal(end - begin) / 100,
        currency="USDC",
    )
    return begin * MINUTE_NS, due


def test_pieces_become_one_row_of_their_sums_at_the_last_price() -> None:
    accrual = Accrual(0, is_stored=True)
    accrual.add([piece(0, 20), piece(20, 50)], 50 * MINUTE_NS)
    assert accrual.rows(HOUR_NS - 1, closing=False) == []
    expected = [piece(0, 50)[1]]
    assert accrual.rows(HOUR_NS, closing=False) == accrual.rows(50 * MINUTE_NS, closing=True) == expected


def test_what_is_asked_for_and_was_not_stored_is_there_the_next_time() -> None:
    accrual = Accrual(0, is_stored=True)
    accrual.add([piece(0, 60)], HOUR_NS)
    (row,) = accrual.rows(HOUR_NS, closing=False)
    assert accrual.rows(HOUR_NS, closing=False) == [row]
    accrual.booked(row.settled_ns)
    assert accrual.rows(HOUR_NS, closing=True) == []


def test_a_fill_that_is_told_while_a_row_is_stored_takes_nothing_of_it_back() -> None:
    accrual = Accrual(0, is_stored=True)
    accrual.add([piece(0, 30), piece(30, 60)], HOUR_NS)
    (row,) = accrual.rows(HOUR_NS, closing=False)
    accrual.forget_after(40 * MINUTE_NS)
    assert accrual.reached_ns == 30 * MINUTE_NS
    accrual.booked(row.settled_ns)
    assert accrual.reached_ns == HOUR_NS, "what is stored is not read a second time"
