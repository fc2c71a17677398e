"""The fills of one symbol, read on from where the last look ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from arb.model import MINUTE_NS, Fill, FillId
from arb.net import Row

from ._windows import Page

_OVERLAP_NS: Final = MINUTE_NS
"""How far before its end the last look is read again: the venue lists a fill some moments after it happened."""

_LATE_NS: Final = 10 * MINUTE_NS
"""For so long after an order or a booking its symbol is read at every look."""

_IDLE_NS: Final = MINUTE_NS
"""How long a look stands for a symbol in which nothing is known to have happened since."""

_KEPT: Final = 5_000

Pages = Callable[[int], AsyncIterator[Page]]
"""Reads trades at or after a time."""

Named = Callable[[Sequence[Row]], Awaitable[list[Fill]]]
"""Reads trades as fills, for which it has to know whose orders they belong to."""


class SymbolFills:
    """Keeps what was read, page by page: whoever gives up waiting leaves the next one less to read.

    All times are the venue's.
    """

    def __init__(self, pages: Pages, named: Named) -> None:
        """Read nothing yet."""
        self._pages = pages
        self._named = named
        self._turn = asyncio.Lock()
        self._from_ns: int | None = None
        self._to_ns = 0
        self._is_whole = False
        self._fills: dict[FillId, Fill] = {}

    async def read(self, since_ns: int, touched_ns: int, now_ns: int) -> list[Fill]:
        """Return the fills at or after a time, asking only for what may be new.

        Args:
            since_ns: The time.
            touched_ns: When something last happened in the symbol.
            now_ns: Now.
        """
        async with self._turn:
            if self._from_ns is None or since_ns < self._from_ns:
                self._from_ns, self._to_ns, self._is_whole = since_ns, since_ns, False
                self._fills.clear()
            if not self._is_whole or self._to_ns < touched_ns + _LATE_NS or now_ns - self._to_ns >= _IDLE_NS:
                await self._read_on(max(self._from_ns, self._to_ns - _OVERLAP_NS))
            if len(self._fills) > _KEPT:
                self._from_ns = since_ns
                self._fills = {fill.fill_id: fill for fill in self._since(since_ns)}
            return self._since(since_ns)

    async def _read_on(self, begin_ns: int) -> None:
        self._is_whole = False
        async for page in self._pages(begin_ns):
            self._fills.update((fill.fill_id, fill) for fill in await self._named(page.rows))
            self._to_ns = max(self._to_ns, page.until_ns)
        self._is_whole = True

    def _since(self, since_ns: int) -> list[Fill]:
        return [fill for fill in self._fills.values() if fill.ts_event_ns >= since_ns]
