"""A book kept whole: deltas chained to a snapshot, every gap found and mended."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Final

from arb.api import ExchangeError
from arb.model import BookDelta, BookGap, BookUpdate, InstrumentId, OrderBook

from ._stream import Connected

MAX_HELD: Final = 2_000
"""Deltas kept while a snapshot is under way; more than that, and the snapshot is asked for again."""

BookMessage = Connected | BookGap | OrderBook | BookDelta


async def chained(
    messages: AsyncIterator[BookMessage],
    *,
    snapshot: Callable[[], Awaitable[OrderBook]] | None = None,
    resync: Callable[[str], Awaitable[None]],
) -> AsyncGenerator[BookUpdate, None]:
    """Yield a snapshot and the deltas that continue it; at a gap BookGap at once, and then nothing but a snapshot.

    A delta continues a book when its `previous` is the book's sequence. It may be joined to a snapshot when the
    snapshot's sequence lies from its `previous` on and before its own `sequence`; what is older is dropped.

    Args:
        messages: Of one instrument: as the venue sends them, with :class:`Connected` where a socket begins, and
            BookGap in the place of what could not be read.
        snapshot: Asks the venue for one, where the socket sends none.
        resync: Called at a gap with what is missing; where there is no `snapshot` it has to make the venue send
            one, such as by subscribing again.
    """
    chain = _Chain()
    async for message in messages:
        if isinstance(message, Connected | BookGap):
            reason = message.reason if isinstance(message, BookGap) else "the socket was opened again"
            for lost in chain.break_off(reason):
                yield lost
            continue
        if isinstance(message, OrderBook):
            chain.begin(message)
            yield message
            continue
        gap = chain.gap(message)
        if gap:
            for lost in chain.break_off(gap):
                yield lost
            await resync(gap)
        if chain.sequence is not None:
            if (continued := chain.take(message)) is not None:
                yield continued
            continue
        if snapshot is None:
            continue
        chain.hold(message)
        if (book := await _asked(snapshot)) is not None and chain.covers(book):
            chain.begin(book)
            yield book
            for continued in chain.released():
                yield continued


class _Chain:
    """Where a book stands."""

    def __init__(self) -> None:
        self.sequence: int | None = None
        self._instrument: InstrumentId | None = None
        self._held: deque[BookDelta] = deque(maxlen=MAX_HELD)
        self._is_joined = False

    def break_off(self, reason: str) -> list[BookGap]:
        """Have no book; return what to tell of that, nothing where there was none."""
        had_book, self.sequence = self.sequence is not None, None
        self._held.clear()
        return [BookGap(instrument=self._instrument, reason=reason)] if had_book and self._instrument else []

    def begin(self, book: OrderBook) -> None:
        self.sequence, self._is_joined, self._instrument = book.sequence, False, book.instrument

    def hold(self, delta: BookDelta) -> None:
        if self._held and delta.previous != self._held[-1].sequence:
            self._held.clear()
        self._held.append(delta)

    def covers(self, book: OrderBook) -> bool:
        """Whether the deltas held reach back to a snapshot; a snapshot older than all of them does not join."""
        return self._held[0].previous <= book.sequence

    def released(self) -> list[BookDelta]:
        """Return the held deltas that come after the snapshot."""
        held = list(self._held)
        self._held.clear()
        return [continued for delta in held if (continued := self.take(delta)) is not None]

    def gap(self, delta: BookDelta) -> str:
        """Return what is missing before a delta; nothing while there is no book to continue."""
        if self.sequence is None or delta.sequence <= self.sequence:
            return ""
        if delta.previous == self.sequence or (not self._is_joined and delta.previous < self.sequence):
            return ""
        return f"the book stands at {self.sequence}, the next change continues {delta.previous}"

    def take(self, delta: BookDelta) -> BookDelta | None:
        """Return a delta as it continues the book; None for one that the book holds already."""
        if self.sequence is None or delta.sequence <= self.sequence:
            return None
        continued = delta if delta.previous == self.sequence else replace(delta, previous=self.sequence)
        self.sequence, self._is_joined = delta.sequence, True
        return continued


async def _asked(snapshot: Callable[[], Awaitable[OrderBook]]) -> OrderBook | None:
    """Return a snapshot; None when the venue gives none now: the next delta asks again."""
    try:
        return await snapshot()
    except ExchangeError:
        return None
