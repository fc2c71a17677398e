"""What a test hears from a stream, and the book that it makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Generic, TypeVar

from arb.model import BookGap, BookLevel, BookUpdate, OrderBook

T = TypeVar("T")


class Listener(Generic[T]):
    """Collects what a stream says until it is stopped; a stream that fails only ends.

    Attributes:
        heard: Everything that was said, in order.
    """

    def __init__(self, stream: AsyncIterator[T]) -> None:
        self.heard: list[T] = []
        self._task = asyncio.create_task(self._listen(stream))

    @property
    def is_over(self) -> bool:
        """Whether the stream has ended by itself, or has failed."""
        return self._task.done()

    @property
    def error(self) -> BaseException | None:
        """Return what the stream failed with."""
        return self._task.exception() if self._task.done() and not self._task.cancelled() else None

    async def stop(self) -> list[T]:
        """Close the stream and return everything that was heard."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return self.heard

    async def _listen(self, stream: AsyncIterator[T]) -> None:
        async for message in stream:
            self.heard.append(message)


@asynccontextmanager
async def listening(stream: AsyncIterator[T]) -> AsyncIterator[list[T]]:
    """Collect what a stream says for the length of the block; it must not end by itself."""
    listener = Listener(stream)
    try:
        yield listener.heard
        assert not listener.is_over, f"a stream never ends: it reconnects ({listener.error!r})"
    finally:
        await listener.stop()


class LocalBook:
    """A book kept from what a stream says, as a reader of it would.

    Attributes:
        sequence: Of the last update; None before a snapshot.
        sides: Bids and asks: size by price.
    """

    def __init__(self) -> None:
        self.sequence: int | None = None
        self.sides: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = ({}, {})

    def apply(self, update: BookUpdate) -> None:
        """Take a snapshot or a change; a change that continues nothing is an error of the stream."""
        if isinstance(update, BookGap):
            self.sequence, self.sides = None, ({}, {})
            return
        if isinstance(update, OrderBook):
            self.sides = (dict(update.bids), dict(update.asks))
        else:
            assert update.previous == self.sequence, "a gap without a new snapshot"
            for side, levels in zip(self.sides, (update.bids, update.asks), strict=True):
                for level in levels:
                    _set(side, level)
        assert self.sequence is None or isinstance(update, OrderBook) or update.sequence >= self.sequence
        self.sequence = update.sequence

    def equals(self, book: OrderBook | None) -> bool:
        """Return whether it shows the top of another; a stream may show fewer levels, never none."""
        if book is None:
            return False
        for side, levels, sign in zip(self.sides, (book.bids, book.asks), (-1, 1), strict=True):
            mine = sorted(side.items(), key=lambda level: level[0] * sign)
            if not mine or [BookLevel(*level) for level in mine] != list(levels[: len(mine)]):
                return False
        return True


def applied(updates: Iterable[BookUpdate]) -> LocalBook:
    """Return the book after these updates."""
    book = LocalBook()
    for update in updates:
        book.apply(update)
    return book


def _set(side: dict[Decimal, Decimal], level: BookLevel) -> None:
    if level.size:
        side[level.price] = level.size
    else:
        side.pop(level.price, None)
