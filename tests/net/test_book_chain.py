"""A venue whose messages are dropped, repeated and delayed, and the book that is rebuilt from what arrives."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arb.api import ConnectFailed
from arb.model import BookDelta, BookGap, BookLevel, BookUpdate, InstrumentId, OrderBook
from arb.net import BookMessage, Connected, chained
from arb.net import _book_chain as module

BTC = InstrumentId("BTC-PERP.venue")
Levels = dict[Decimal, Decimal]


def levels(side: Levels) -> tuple[BookLevel, ...]:
    return tuple(BookLevel(price, size) for price, size in sorted(side.items()))


@dataclass
class Venue:
    """Its book at every sequence."""

    history: list[Levels] = field(default_factory=lambda: [{Decimal(100): Decimal(1)}])

    @property
    def sequence(self) -> int:
        return len(self.history) - 1

    def change(self, changes: list[tuple[int, int]]) -> BookDelta:
        """Change one level a sequence, and return all of it as one delta."""
        previous = self.sequence
        changed: Levels = {}
        for price, size in changes:
            changed[Decimal(price)] = Decimal(size)
            book = {**self.history[-1], Decimal(price): Decimal(size)}
            self.history.append({price: size for price, size in book.items() if size})
        return BookDelta(
            instrument=BTC,
            bids=levels(changed),
            asks=(),
            previous=previous,
            sequence=self.sequence,
            ts_event_ns=0,
            ts_init_ns=0,
        )

    def snapshot(self, sequence: int | None = None) -> OrderBook:
        at = self.sequence if sequence is None else max(0, sequence)
        return OrderBook(
            instrument=BTC, bids=levels(self.history[at]), asks=(), sequence=at, ts_event_ns=0, ts_init_ns=0
        )


class Rebuilt:
    """What a reader of the chain has: it checks that each thing yielded continues the last."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.sequence: int | None = None
        self.book: Levels = {}
        self.taken: list[BookUpdate] = []

    def take(self, message: BookUpdate) -> None:
        self.taken.append(message)
        if isinstance(message, BookGap):
            assert self.sequence is not None, "what was lost was not there"
            self.sequence = None
            return
        if isinstance(message, OrderBook):
            self.book = {level.price: level.size for level in message.bids}
        else:
            assert message.previous == self.sequence, "nothing but a snapshot may come after a gap"
            assert message.sequence > message.previous
            for level in message.bids:
                self.book[level.price] = level.size
            self.book = {price: size for price, size in self.book.items() if size}
        self.sequence = message.sequence
        assert self.book == self._venue.history[message.sequence]


CHANGES = st.lists(st.tuples(st.integers(95, 105), st.integers(0, 3)), min_size=1, max_size=3)
STEPS = st.lists(
    st.tuples(
        CHANGES,
        st.sampled_from(["send", "send", "send", "drop", "repeat", "delay", "connect", "snapshot"]),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=40,
)


def arriving(venue: Venue, steps: list[tuple[Any, str, int]]) -> Iterator[BookMessage]:
    """Yield what reaches the client, while the venue's book changes."""
    late: list[tuple[int, BookMessage]] = []
    for number, (changes, fate, count) in enumerate(steps):
        delta = venue.change(changes)
        yield from [message for due, message in late if due <= number]
        late = [(due, message) for due, message in late if due > number]
        if fate == "send":
            yield delta
        elif fate == "repeat":
            yield from [delta] * (count + 1)
        elif fate == "delay":
            late.append((number + count, delta))
        elif fate == "connect":
            late.clear()
            yield Connected("cut")
        elif fate == "snapshot":
            yield venue.snapshot()


@given(steps=STEPS, answers=st.lists(st.integers(-1, 6), max_size=20))
@settings(max_examples=300, deadline=None)
def test_a_book_over_snapshots_that_are_asked_for_is_the_venues(
    steps: list[tuple[Any, str, int]], answers: list[int]
) -> None:
    """`answers` are how old each snapshot is, in sequences; -1 is none."""
    venue, waiting = Venue(), deque(answers)
    rebuilt = Rebuilt(venue)

    async def messages() -> AsyncIterator[BookMessage]:
        for message in arriving(venue, steps):
            yield message

    async def snapshot() -> OrderBook:
        age = waiting.popleft() if waiting else 0
        if age < 0:
            raise ConnectFailed("away")
        return venue.snapshot(venue.sequence - age)

    async def resync(gap: str) -> None:
        assert "the book stands at" in gap

    async def run() -> None:
        async for message in chained(messages(), snapshot=snapshot, resync=resync):
            rebuilt.take(message)

    asyncio.run(run())


@given(steps=STEPS, lost=st.lists(st.booleans(), max_size=10))
@settings(max_examples=300, deadline=None)
def test_a_book_over_snapshots_of_the_socket_is_the_venues(steps: list[tuple[Any, str, int]], lost: list[bool]) -> None:
    """Asked to, the venue sends a snapshot between two of its deltas, unless that message is lost."""
    venue, fates = Venue(), deque(lost)
    rebuilt = Rebuilt(venue)
    asked: list[str] = []

    async def messages() -> AsyncIterator[BookMessage]:
        yield venue.snapshot()
        for message in arriving(venue, steps):
            yield message
            if asked:
                asked.clear()
                if not (fates and fates.popleft()):
                    yield venue.snapshot()

    async def resync(gap: str) -> None:
        asked.append(gap)

    async def run() -> None:
        async for message in chained(messages(), resync=resync):
            rebuilt.take(message)

    asyncio.run(run())
    assert isinstance(rebuilt.taken[0], OrderBook)


def collected(messages: list[BookMessage], books: list[OrderBook]) -> tuple[list[BookUpdate], list[str]]:
    gaps: list[str] = []

    async def arrive() -> AsyncIterator[BookMessage]:
        for message in messages:
            yield message

    async def snapshot() -> OrderBook:
        if not books:
            raise ConnectFailed("away")
        return books.pop(0)

    async def resync(gap: str) -> None:
        gaps.append(gap)

    async def run() -> list[BookUpdate]:
        return [each async for each in chained(arrive(), snapshot=snapshot, resync=resync)]

    return asyncio.run(run()), gaps


def sequences(found: list[BookUpdate]) -> list[int]:
    return [each.sequence for each in found if not isinstance(each, BookGap)]


def test_without_trouble_every_change_comes_once_and_no_gap_is_seen() -> None:
    venue = Venue()
    start = venue.snapshot()
    deltas = [venue.change([(100 + number, 1)]) for number in range(5)]

    found, gaps = collected([Connected(), start, *deltas], [])
    assert found == [start, *deltas]
    assert gaps == []


def test_a_snapshot_is_joined_by_what_comes_after_it_and_within_it() -> None:
    venue = Venue()
    first, second = venue.change([(101, 1), (102, 1)]), venue.change([(103, 1), (104, 1)])

    found, gaps = collected([first, second], [venue.snapshot(3)])
    assert sequences(found) == [3, 4]
    found, gaps = collected([first, second, venue.change([(105, 1)])], [venue.snapshot(1)])
    assert sequences(found) == [1, 2, 4, 5]
    assert [each.previous for each in found if isinstance(each, BookDelta)] == [1, 2, 4]
    assert gaps == []


def test_a_gap_is_named_and_mended_with_the_change_that_showed_it() -> None:
    venue = Venue()
    start = venue.snapshot()
    first, lost, third = (venue.change([(101 + number, 1)]) for number in range(3))

    found, gaps = collected([start, first, third], [venue.snapshot(2)])
    assert sequences(found) == [0, 1, 2, 3]
    assert gaps == ["the book stands at 1, the next change continues 2"]
    assert found[2] == BookGap(instrument=BTC, reason=gaps[0])
    assert isinstance(found[3], OrderBook)
    assert lost.sequence == 2


def test_a_snapshot_older_than_everything_held_is_not_used() -> None:
    venue = Venue()
    for _ in range(5):
        venue.change([(101, 1)])
    late = [venue.change([(102, 1)]) for _ in range(2)]

    found, _ = collected(list(late), [venue.snapshot(2), venue.snapshot(5)])
    assert sequences(found) == [5, 6, 7]


def test_more_changes_than_are_held_ask_for_a_newer_snapshot() -> None:
    venue = Venue()
    deltas = [venue.change([(101, number % 3)]) for number in range(module.MAX_HELD + 10)]

    class Away(list[OrderBook]):
        """Snapshots that come only at the last change."""

        asked = 0

        def __bool__(self) -> bool:
            self.asked += 1
            return self.asked >= len(deltas) - 1

    found, _ = collected(list(deltas), Away([venue.snapshot(3), venue.snapshot(12)]))
    assert isinstance(found[0], OrderBook)
    assert found[0].sequence == 12
    assert sequences(found)[-1] == venue.sequence


def test_what_resync_raises_ends_the_chain() -> None:
    venue = Venue()
    start = venue.snapshot()
    venue.change([(101, 1)])
    late = venue.change([(102, 1)])

    async def arrive() -> AsyncIterator[BookMessage]:
        yield start
        yield late

    async def resync(gap: str) -> None:
        raise ConnectFailed("away")

    async def run() -> None:
        async for _ in chained(arrive(), resync=resync):
            pass

    with pytest.raises(ConnectFailed):
        asyncio.run(run())


def test_a_change_that_overlaps_one_that_was_taken_is_a_gap() -> None:
    venue = Venue()
    start = venue.snapshot()
    first = venue.change([(101, 1)])
    overlapping = replace(venue.change([(102, 1), (103, 1)]), previous=0)

    found, gaps = collected([start, first, overlapping], [venue.snapshot()])
    assert sequences(found) == [0, 1, 3]
    assert [type(each) for each in found[2:]] == [BookGap, OrderBook]
    assert gaps == ["the book stands at 1, the next change continues 0"]
