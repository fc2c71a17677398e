from __future__ import annotations

from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from arb.marketdata import LiveBook
from arb.model import BookDelta, BookLevel, InstrumentId, OrderBook

BTC = InstrumentId("BTC-PERP.memory")


def levels(*rows: tuple[int, int]) -> tuple[BookLevel, ...]:
    return tuple(BookLevel(D(price), D(size)) for price, size in rows)


def whole(sequence: int, bids: tuple[BookLevel, ...], asks: tuple[BookLevel, ...]) -> OrderBook:
    return OrderBook(instrument=BTC, bids=bids, asks=asks, sequence=sequence, ts_event_ns=sequence, ts_init_ns=sequence)


def change(
    previous: int, sequence: int, bids: tuple[BookLevel, ...] = (), asks: tuple[BookLevel, ...] = ()
) -> BookDelta:
    return BookDelta(
        instrument=BTC,
        bids=bids,
        asks=asks,
        previous=previous,
        sequence=sequence,
        ts_event_ns=sequence,
        ts_init_ns=sequence,
    )


def test_changes_replace_add_and_remove_levels() -> None:
    book = LiveBook(BTC)
    assert book.book(5) is None
    assert book.apply(whole(1, levels((99, 1), (98, 2)), levels((101, 1)))) == ""
    assert book.apply(change(1, 3, levels((99, 0), (97, 5), (98, 3)), levels((100, 4)))) == ""
    assert book.book(5) == whole(3, levels((98, 3), (97, 5)), levels((100, 4), (101, 1)))
    assert book.book(1) == whole(3, levels((98, 3)), levels((100, 4)))


def test_a_change_that_does_not_continue_the_book_leaves_none() -> None:
    book = LiveBook(BTC)
    book.apply(whole(1, levels((99, 1)), levels((101, 1))))
    assert "continues 2" in book.apply(change(2, 3))
    assert book.book(5) is None
    assert book.apply(change(3, 4)), "nor does what follows it"
    assert book.apply(whole(5, levels((99, 1)), levels((101, 1)))) == ""
    assert book.book(5) is not None


def test_an_update_of_another_instrument_leaves_none() -> None:
    book = LiveBook(InstrumentId("ETH-PERP.memory"))
    assert "BTC-PERP.memory" in book.apply(whole(1, levels((99, 1)), levels((101, 1))))
    assert book.book(5) is None


@given(st.lists(st.dictionaries(st.integers(1, 20), st.integers(0, 3), max_size=6), max_size=12))
def test_a_book_kept_by_changes_is_the_venues(steps: list[dict[int, int]]) -> None:
    book, truth = LiveBook(BTC), dict.fromkeys(range(1, 4), 1)
    book.apply(whole(0, levels(*((price, 1) for price in (3, 2, 1))), ()))
    for number, step in enumerate(steps):
        book.apply(change(number, number + 1, levels(*step.items())))
        truth |= step
        shown = book.book(50)
        assert shown is not None
        assert shown.bids == levels(*sorted(((price, size) for price, size in truth.items() if size), reverse=True))
