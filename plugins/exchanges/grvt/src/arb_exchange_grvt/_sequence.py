"""A stream of book messages as a chain: snapshots get the number that the first change continues."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Final

from arb.api import BadResponse, Context
from arb.model import BookGap, InstrumentId, OrderBook
from arb.net import BookMessage, Connected, reading

from ._hub import Heard, Subscribed, Told
from ._prices import book_of, delta_of

_MOST_OLD: Final = 10
"""Changes in a row with numbers that the book has passed: one may come twice, so many are a new numbering."""


class BookNumbers:
    """Numbers the messages of one book.

    The venue numbers the changes of a stream for all who hear it, and a snapshot 0. Which number it stands at is in
    the answer to the subscription (`latest_sequence_number`), else the first change after it says so.
    """

    def __init__(self, context: Context, instrument: InstrumentId, restart: Callable[[str], Awaitable[None]]) -> None:
        """Hear nothing yet; `restart` makes the venue begin anew with a snapshot."""
        self._context = context
        self._instrument = instrument
        self._restart = restart
        self._latest: int | None = None
        self._snapshot: OrderBook | None = None
        self._skips_answer = False
        self._stands_at: int | None = None
        self._old = 0

    async def messages(self, heard: AsyncIterator[Heard]) -> AsyncGenerator[BookMessage, None]:
        """Yield what was heard as books and changes; :class:`Connected` where a socket begins, BookGap at a gap."""
        async for each in heard:
            if isinstance(each, Connected):
                self._forget()
                yield each
            elif isinstance(each, Subscribed):
                if not self._skips_answer:
                    self._latest = each.latest
                self._skips_answer = False
                for book in self._released():
                    yield book
            else:
                try:
                    found = self._read(each)
                except BadResponse as error:
                    # What it changed is not known: the book has a gap here.
                    self._context.log.warning("%s", error)
                    self._forget()
                    yield BookGap(instrument=self._instrument, reason=str(error))
                    await self._restart(str(error))
                    continue
                for message in found:
                    yield message
                if self._old >= _MOST_OLD:
                    why = "the numbering of the changes began anew"
                    self._forget()
                    yield BookGap(instrument=self._instrument, reason=why)
                    await self._restart(why)

    def _read(self, told: Told) -> list[BookMessage]:
        now_ns = self._context.clock.now_ns()
        with reading(self._context.name, f"the book of {self._instrument}"):
            if told.sequence == 0:
                self._snapshot = book_of(self._instrument, told.feed, 0, now_ns)
                return list(self._released())
            delta = delta_of(self._instrument, told.feed, told.previous, told.sequence, now_ns)
            if delta.sequence <= delta.previous:
                raise ValueError(f"a change from {told.previous} to {told.sequence}")
        if self._snapshot is not None:
            # The venue did not say yet where the snapshot stands, and sends in order: this change continues it.
            self._latest, self._skips_answer = delta.previous, True
        books: list[BookMessage] = list(self._released())
        if self._stands_at is not None and delta.sequence <= self._stands_at:
            self._old += 1
            return books
        self._stands_at, self._old = delta.sequence, 0
        return [*books, delta]

    def _released(self) -> list[OrderBook]:
        """Return the snapshot where it is known at which number it stands."""
        if self._snapshot is None or self._latest is None:
            return []
        book = replace(self._snapshot, sequence=self._latest)
        self._snapshot = self._latest = None
        self._stands_at, self._old = book.sequence, 0
        return [book]

    def _forget(self) -> None:
        self._latest = self._snapshot = self._stands_at = None
        self._skips_answer, self._old = False, 0
