"""What a test hears from a stream, and the book that it makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal as D

import pytest

from arb.model import BookDelta, BookGap, BookLevel, InstrumentId, OrderBook
from arb.testing import Listener, applied, listening, settle

NAME = InstrumentId("BTC-PERP.test")
GAP = BookGap(instrument=NAME, reason="lost")


async def numbers(*, fails: bool = False) -> AsyncIterator[int]:
    yield 1
    yield 2
    if fails:
        raise ValueError("broken")
    await asyncio.Event().wait()


def book(sequence: int, bid_size: str = "1") -> OrderBook:
    return OrderBook(
        instrument=NAME,
        bids=(level("9", bid_size),),
        asks=(level("10", "1"),),
        sequence=sequence,
        ts_event_ns=0,
        ts_init_ns=0,
    )


def delta(sequence: int, price: str, size: str, *, previous: int) -> BookDelta:
    return BookDelta(
        instrument=NAME,
        bids=(level(price, size),),
        asks=(),
        previous=previous,
        sequence=sequence,
        ts_event_ns=0,
        ts_init_ns=0,
    )


def level(price: str, size: str) -> BookLevel:
    return BookLevel(D(price), D(size))


def test_a_listener_keeps_what_is_said_until_it_is_stopped() -> None:
    async def main() -> None:
        listener = Listener(numbers())
        await settle()
        assert listener.heard == [1, 2]
        assert (listener.is_over, listener.error) == (False, None)
        assert await listener.stop() == [1, 2]
        assert (listener.is_over, listener.error) == (True, None)

    asyncio.run(main())


def test_a_stream_that_fails_only_ends() -> None:
    async def main() -> None:
        listener = Listener(numbers(fails=True))
        await settle()
        assert listener.is_over
        assert isinstance(listener.error, ValueError)
        assert await listener.stop() == [1, 2]

    asyncio.run(main())


def test_for_the_length_of_a_block_a_stream_may_not_end() -> None:
    async def main() -> None:
        async with listening(numbers()) as heard:
            await settle()
        assert heard == [1, 2]
        with pytest.raises(AssertionError, match="broken"):
            async with listening(numbers(fails=True)):
                await settle()

    asyncio.run(main())


def test_a_book_is_what_snapshots_and_changes_make_of_it() -> None:
    changed = applied([book(5), delta(6, "8", "2", previous=5), delta(7, "9", "0", previous=6)])
    assert (changed.sides, changed.sequence) == (({D(8): D(2)}, {D(10): D(1)}), 7)
    assert applied([book(5), GAP]).sides == ({}, {})
    assert applied([book(5), GAP, book(3, "4")]).equals(book(9, "4"))
    assert not applied([book(5)]).equals(book(5, "4"))
    assert not applied([book(5)]).equals(None)


@pytest.mark.parametrize("before", [[], [book(5)], [book(6), GAP]])
def test_a_change_that_continues_nothing_is_an_error_of_the_stream(before: list[OrderBook | BookGap]) -> None:
    with pytest.raises(AssertionError, match="a gap without a new snapshot"):
        applied([*before, delta(7, "8", "2", previous=6)])
